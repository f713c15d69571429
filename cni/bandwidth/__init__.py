"""bandwidth: limits what a container sends and receives."""
