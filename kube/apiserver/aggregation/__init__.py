"""Groups that other servers serve (APIService objects); README.md has the modules."""
