"""Kernel settings of an attachment's two ends.

A kernel without IPv6, or a /proc/sys that may not be written, is no reason to fail (plugins#102, #113).
"""

from __future__ import annotations

from errno import EACCES, ENOENT, EPERM, EROFS

from linux import sysctl

_TOLERATED = (ENOENT, EROFS, EACCES, EPERM)


def set_host_end(name: str) -> None:
    _set(f"net/ipv6/conf/{name}/accept_ra", 0)


def set_gateway_end(name: str) -> None:
    """Before it comes up. The host looks for pods from its link-local address, which detection would hold back."""
    set_host_end(name)
    _set(f"net/ipv6/conf/{name}/accept_dad", 0)


def set_container_end(name: str, *, ipv6: bool, dad: bool) -> None:
    """For the calling thread's namespace, before the interface comes up."""
    _set(f"net/ipv4/conf/{name}/arp_notify", 1)  # one gratuitous ARP when the address appears
    if not ipv6:
        return
    for interface in ("lo", name):
        _set(f"net/ipv6/conf/{interface}/disable_ipv6", 0)
    _set(f"net/ipv6/conf/{name}/keep_addr_on_down", 1)
    if dad:
        _set(f"net/ipv6/conf/{name}/enhanced_dad", 1)
    _set(f"net/ipv6/conf/{name}/accept_dad", 1 if dad else 0)


def _set(key: str, value: int) -> None:
    try:
        sysctl.ensure(key, value)
    except OSError as error:
        if error.errno not in _TOLERATED:
            raise
