"""IPAM plugins: ours in process, foreign ones executed."""
