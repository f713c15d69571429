"""firewall: lets a container's traffic through the host's forward rules, or keeps bridges apart."""
