"""Sets of addresses and ports for the packet filter, by the host's ipset program."""
