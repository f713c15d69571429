"""Sockets that listen to one address, or to all of both families."""

from __future__ import annotations

import socket


def unbound(host: str, kind: socket.SocketKind) -> tuple[socket.socket, str]:
    """A socket for the host, and the address to bind it to.

    No host is every address: of both families where the system has IPv6, else of IPv4.
    """
    family = socket.AF_INET6 if (":" in host or not host) else socket.AF_INET
    try:
        sock = socket.socket(family, kind | socket.SOCK_CLOEXEC)
    except OSError:
        if host:
            raise
        family, host = socket.AF_INET, "0.0.0.0"
        sock = socket.socket(family, kind | socket.SOCK_CLOEXEC)
    if family == socket.AF_INET6:
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1 if host else 0)
    return sock, host
