"""host-local: addresses from ranges that are local to this machine."""
