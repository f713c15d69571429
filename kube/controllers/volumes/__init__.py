"""Claims get volumes: those that are there, or folders of a node that are made for them."""
