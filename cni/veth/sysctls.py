"""Kernel settings of an attachment's two ends.

A kernel without IPv6, or a /proc/sys that may not be written, is no reason to fail (plugins#102, #113).
"""

from __future__ import annotations

from errno import EACCES, ENOENT, EPERM, EROFS

from linux import sysctl

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

_TOLERATED = (ENOENT, EROFS, EACCES, EPERM)


def set_host_end(name: str) -> None:
    _write(f"net/ipv6/conf/{name}/accept_ra", 0)


def set_gateway_end(name: str) -> None:
    """Before it comes up. The host looks for pods from its link-local address, which detection would hold back."""
    set_host_end(name)
    _write(f"net/ipv6/conf/{name}/accept_dad", 0)


def set_container_end(name: str, *, ipv6: bool, dad: bool) -> None:
    """For the calling thread's namespace, before the interface comes up."""
    _write(f"net/ipv4/conf/{name}/arp_notify", 1)  # one gratuitous ARP when the address appears
    if not ipv6:
        _write(f"net/ipv6/conf/{name}/accept_dad", 1 if dad else 0)
        return
    for interface in ("lo", name):
        _set(f"net/ipv6/conf/{interface}/disable_ipv6", 0)
    _write(f"net/ipv6/conf/{name}/keep_addr_on_down", 1)
    if dad:
        _write(f"net/ipv6/conf/{name}/enhanced_dad", 1)
    _write(f"net/ipv6/conf/{name}/accept_dad", 1 if dad else 0)


def _write(key: str, value: int) -> None:
    """Of a new interface: nobody can have set it before."""
    _tolerate(sysctl.write, key, value)


def _set(key: str, value: int) -> None:
    """Reading first: where /proc/sys may not be written the value may be right already."""
    _tolerate(sysctl.ensure, key, value)


def _tolerate(change: Callable[[str, int], object], key: str, value: int) -> None:
    try:
        change(key, value)
    except OSError as error:
        if error.errno not in _TOLERATED:
            raise
