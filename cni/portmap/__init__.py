"""portmap: ports of the host that lead to ports of a container."""
