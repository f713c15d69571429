"""Who asks, and whether they may: README.md has the modules."""
