"""Garbage collection: what is owned goes with its owners, in the order the deletion asked for."""
