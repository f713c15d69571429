"""Netlink: `codec` turns values to bytes and back, `socket` talks to the kernel."""
