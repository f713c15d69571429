"""UDP: a session for each client, with a socket of its own towards its endpoint."""

import socket
import time
from collections.abc import Callable
from contextlib import suppress

from kproxy.backends.userspace.streams_run import Loop, bind
from kproxy.forwarding import Endpoint

_DATAGRAM_BYTES = 65535
_TURN_DATAGRAMS = 64
IDLE_S = 120.0
_SWEEP_S = 10.0
_EPOLLIN = 1

Address = tuple[str, int]


class _Session:
    def __init__(self, endpoint: Endpoint, upstream: socket.socket, now_s: float) -> None:
        self.endpoint = endpoint
        self.upstream = upstream
        self.used_s = now_s


class Datagrams:
    """One address and port. `choose(client)` names the endpoint for a new client, None: it is turned away."""

    def __init__(self, loop: Loop, ip: str, port: int, choose: Callable[[str], Endpoint | None]) -> None:
        self._loop = loop
        self._choose = choose
        self._sessions: dict[Address, _Session] = {}
        family = socket.AF_INET6 if ":" in ip else socket.AF_INET
        self._socket = socket.socket(family, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        try:
            bind(self._socket, ip, port)
        except OSError:
            self._socket.close()
            raise
        self._closed = False
        loop.watch(self._socket.fileno(), _EPOLLIN, self._from_clients)
        loop.at(time.monotonic() + _SWEEP_S, self._sweep)

    def _from_clients(self, _events: int) -> None:
        for _ in range(_TURN_DATAGRAMS):
            try:
                data, client = self._socket.recvfrom(_DATAGRAM_BYTES)
            except BlockingIOError:
                return
            except OSError:
                continue  # an ICMP error of an earlier answer
            session = self._session(client[:2])
            if session is not None:
                session.used_s = time.monotonic()
                with suppress(OSError):
                    session.upstream.send(data)

    def _session(self, client: Address) -> _Session | None:
        known = self._sessions.get(client)
        if known is not None:
            return known
        endpoint = self._choose(client[0])
        if endpoint is None:
            return None
        family = socket.AF_INET6 if ":" in endpoint.ip else socket.AF_INET
        upstream = socket.socket(family, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        try:
            upstream.connect((endpoint.ip, endpoint.port))
        except OSError:
            upstream.close()
            return None
        made = self._sessions[client] = _Session(endpoint, upstream, time.monotonic())
        self._loop.watch(upstream.fileno(), _EPOLLIN, lambda _events: self._from_endpoint(client, made))
        return made

    def _from_endpoint(self, client: Address, session: _Session) -> None:
        for _ in range(_TURN_DATAGRAMS):
            try:
                data = session.upstream.recv(_DATAGRAM_BYTES)
            except BlockingIOError:
                return
            except OSError:  # the endpoint refused: the next datagram may find another
                self._end(client)
                return
            session.used_s = time.monotonic()
            with suppress(OSError):
                self._socket.sendto(data, client)

    def keep_only(self, endpoints: frozenset[Endpoint]) -> None:
        """Clients of other endpoints choose anew with their next datagram."""
        for client in [c for c, session in self._sessions.items() if session.endpoint not in endpoints]:
            self._end(client)

    def _end(self, client: Address) -> None:
        session = self._sessions.pop(client, None)
        if session is not None:
            self._loop.forget(session.upstream.fileno())
            session.upstream.close()

    def _sweep(self) -> None:
        if self._closed:
            return
        now_s = time.monotonic()
        for client in [c for c, session in self._sessions.items() if now_s - session.used_s > IDLE_S]:
            self._end(client)
        self._loop.at(now_s + _SWEEP_S, self._sweep)

    def close(self) -> None:
        self._closed = True
        for client in list(self._sessions):
            self._end(client)
        self._loop.forget(self._socket.fileno())
        self._socket.close()
