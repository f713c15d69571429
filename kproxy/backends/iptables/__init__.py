"""iptables, for hosts that use it: see README.md."""
