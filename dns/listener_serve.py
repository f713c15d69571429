"""One address that is served: its datagrams and its streams, on one port."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable

import msgspec

from dns.answering.responder import Responder
from dns.build import Configuration, Place
from dns.tcp.crowd import Crowd
from dns.tcp.serve import open_tcp, serve_tcp
from dns.udp.serve import UdpServer
from dns.udp.socket import open_udp
from linux.logging_kv import get_logger

# Ports the system may choose in vain before an address with port 0 is given up.
FREE_PORT_ATTEMPTS = 20

_logger = get_logger("kdns")


class Listener(msgspec.Struct):
    """One address's sockets. `port` is the one in use, also where the Corefile left the choice to the system (0)."""

    port: int
    udp: UdpServer | None
    datagrams: Responder
    streams: Responder
    tcp: asyncio.Server

    def close(self) -> None:
        if self.udp is not None:
            self.udp.stop()
        self.tcp.close()


async def listen(
    place: Place, configuration: Configuration, crowd: Crowd, responder: Callable[[str], Responder]
) -> Listener:
    """Streams are answered from here on, datagrams when `udp` is started. `responder` makes one for a protocol.

    Raises OSError, which says what to do, for an address that cannot be had.
    """
    datagrams, streams = responder("udp"), responder("tcp" if place.transport == "dns" else "tls")
    tls = None
    if place.transport == "tls":
        from dns.tcp.tls_disk import server_context

        options = configuration.tls[place]
        tls = server_context(options.files, options.client_auth)
    udp = None
    try:
        datagram_sock, stream_sock = open_pair(place)
        if datagram_sock is not None:
            udp = UdpServer(datagram_sock, datagrams, _logger.log)
        tcp = await serve_tcp(
            stream_sock,
            streams,
            crowd,
            idle_s=configuration.world.stream_idle_s,
            questions=configuration.world.stream_questions,
            tls=tls,
        )
    except OSError as problem:
        what = f"{place.text}: {(problem.strerror or str(problem)).lower()}"
        hint = "is another DNS server running? Stop it, or pass -dns.port or a bind line"
        if isinstance(problem, PermissionError):
            hint = "ports below 1024 need root or CAP_NET_BIND_SERVICE"
        raise OSError(problem.errno, f"cannot listen on {what}: {hint}") from problem
    return Listener(stream_sock.getsockname()[1], udp, datagrams, streams, tcp)


def open_pair(place: Place) -> tuple[socket.socket | None, socket.socket]:
    """The datagram socket (none for TLS) and the stream socket of one address, both on one port. Raises OSError."""
    if place.transport != "dns":
        return None, open_tcp(place.host, place.port)
    attempts_left = 1 if place.port else FREE_PORT_ATTEMPTS
    while True:
        datagrams = open_udp(place.host, place.port)
        try:
            return datagrams, open_tcp(place.host, datagrams.getsockname()[1])
        except OSError:
            datagrams.close()
            attempts_left -= 1  # a port that is free for datagrams may be taken for streams
            if not attempts_left:
                raise
