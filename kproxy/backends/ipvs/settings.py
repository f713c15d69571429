"""Sysctls that IPVS needs. Pure."""

from collections.abc import Iterator

from kproxy.node import IpvsRules

_REUSE_IS_FIXED = (5, 9)  # from here on the kernel's own choice is right (kernel commit f0a5e4d7a594)


def wanted(rules: IpvsRules, kernel_release: str) -> Iterator[tuple[str, int]]:
    """`conntrack`: masquerading needs it. The expiries: clients of a server that is gone are sent elsewhere."""
    yield "net/ipv4/vs/conntrack", 1
    if release(kernel_release) < _REUSE_IS_FIXED:
        yield "net/ipv4/vs/conn_reuse_mode", 0
    yield "net/ipv4/vs/expire_nodest_conn", 1
    yield "net/ipv4/vs/expire_quiescent_template", 1
    yield "net/ipv4/ip_forward", 1
    if rules.strict_arp:  # answer for service addresses only where they are, for load balancers by ARP
        yield "net/ipv4/conf/all/arp_ignore", 1
        yield "net/ipv4/conf/all/arp_announce", 2


def release(text: str) -> tuple[int, int]:
    """`6.1.0-13-amd64`; (0, 0) if it reads like nothing known."""
    parts = text.split(".")
    if len(parts) < 2 or not parts[0].isdigit():
        return 0, 0
    minor = "".join(c for c in parts[1] if c.isdigit())
    return int(parts[0]), int(minor or 0)
