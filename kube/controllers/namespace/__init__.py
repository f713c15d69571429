"""Deletion of a namespace: its pods, then everything else in it, then itself."""
