"""What a request says, and what is answered: README.md has the modules."""
