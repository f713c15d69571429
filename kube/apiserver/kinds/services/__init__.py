"""Cluster IPs and node ports of Services: what to give, what to keep, what to refuse."""

from kube.apiserver.kinds.services.allocator import ServiceAllocator

__all__ = ["ServiceAllocator"]
