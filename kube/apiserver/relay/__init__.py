"""Passing a connection on to a node agent or a pod, raw bytes in both directions."""
