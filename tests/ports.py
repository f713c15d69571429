"""Ports of loopback for servers that cannot be given a bound socket."""

import socket


def free_port() -> int:
    """Free for datagrams and for streams: a DNS server takes both. Somebody else may still be quicker."""
    while True:
        with (
            socket.socket(socket.AF_INET, socket.SOCK_STREAM) as stream,
            socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as datagram,
        ):
            stream.bind(("127.0.0.1", 0))
            port = int(stream.getsockname()[1])
            try:
                datagram.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
