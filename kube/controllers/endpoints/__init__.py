"""Endpoints: the older form of the same facts, one object a Service, one address family."""
