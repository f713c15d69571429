"""Addresses for Services of type LoadBalancer, from a pool that the lab's underlay answers for."""
