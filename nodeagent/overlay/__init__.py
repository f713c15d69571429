"""Pods of one node reach those of the others: static routes, or a VXLAN tunnel (RFC 7348) over any IP network."""
