"""ptp: a veth pair between the container and the host, without a bridge."""
