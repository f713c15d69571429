"""What a node agent may do: README.md."""
