"""Ports of loopback for servers that cannot be given a bound socket, or that come back to theirs after a kill.

They lie below the range that the kernel takes for connections (32768 on): a client that tries again and again
while its server is away would sooner or later be given the server's own port, and hold it.
"""

import os
import random
import socket
from collections.abc import Iterator

_FIRST, _BEHIND = 10_000, 30_000  # node ports begin there


def _candidates() -> Iterator[int]:
    """Each once; processes that run beside each other begin at different ones."""
    start = random.Random(os.getpid()).randrange(_FIRST, _BEHIND)
    while True:
        yield from range(start, _BEHIND)
        start = _FIRST


_CANDIDATES = _candidates()


def free_port() -> int:
    """Free for datagrams and for streams: a DNS server takes both. No other caller of this process gets it."""
    while True:
        port = next(_CANDIDATES)
        with (
            socket.socket(socket.AF_INET, socket.SOCK_STREAM) as stream,
            socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as datagram,
        ):
            try:
                stream.bind(("127.0.0.1", port))
                datagram.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port


def free_ports(count: int) -> list[int]:
    return [free_port() for _ in range(count)]
