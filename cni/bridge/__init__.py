"""bridge: a veth pair between the container and a bridge of the host."""
