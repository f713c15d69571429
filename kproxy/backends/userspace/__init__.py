"""A proxy in the plain sense, for hosts without any packet filter: see README.md."""
