"""get, list, watch, create, update, patch and delete over the store: README.md has the modules."""
