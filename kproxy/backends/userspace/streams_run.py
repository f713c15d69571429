"""TCP: connections accepted, endpoints dialled one after the other until one answers, bytes spliced in the kernel."""

import os
import select
import socket
import time
from collections.abc import Callable
from contextlib import suppress
from errno import EINPROGRESS
from fcntl import fcntl
from typing import Protocol

from kproxy.forwarding import Endpoint

_CHUNK_BYTES = 1 << 20
_PIPE_BYTES = 1 << 20
_SET_PIPE_SIZE = 1031  # F_SETPIPE_SZ
_IP_FREEBIND, _IPV6_FREEBIND = 15, 78
_SPLICE_FLAGS = 3  # SPLICE_F_MOVE | SPLICE_F_NONBLOCK
_TURNS_MAX = 16  # chunks of one stream before others get their turn
_DIAL_TIMEOUT_S = 1.0
_EDGES = select.EPOLLIN | select.EPOLLOUT | select.EPOLLRDHUP | select.EPOLLET


class Loop(Protocol):
    """What a stream needs of the engine that runs it."""

    def watch(self, fd: int, events: int, callback: Callable[[int], None]) -> None: ...

    def forget(self, fd: int) -> None: ...

    def again(self, callback: Callable[[], None]) -> None:
        """Called in the next turn."""

    def at(self, when_s: float, callback: Callable[[], None]) -> None:
        """Called at a time of time.monotonic."""


class _Direction:
    """From one socket through a pipe into the other."""

    def __init__(self, source: socket.socket, target: socket.socket) -> None:
        self._source, self._target = source, target
        self._out, self._in = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        with suppress(OSError):  # an unprivileged user's pipes together may be at their limit
            fcntl(self._in, _SET_PIPE_SIZE, _PIPE_BYTES)
        self._held = 0
        self._ended = False
        self.done = False

    def pump(self) -> bool:
        """Move what can be moved; True if there may be more at once. Raises OSError when a side broke."""
        for _ in range(_TURNS_MAX):
            moved = False
            if not self._ended and self._held < _PIPE_BYTES:
                count = _splice(self._source.fileno(), self._in)
                if count == 0:
                    self._ended = True
                elif count is not None:
                    self._held += count
                    moved = True
            if self._held:
                count = _splice(self._out, self._target.fileno(), self._held)
                if count:
                    self._held -= count
                    moved = True
            if self._ended and not self._held and not self.done:
                self.done = True
                with suppress(OSError):
                    self._target.shutdown(socket.SHUT_WR)
            if not moved:
                return False
        return True

    def close(self) -> None:
        os.close(self._in)
        os.close(self._out)


def _splice(source: int, target: int, count: int = _CHUNK_BYTES) -> int | None:
    """Bytes moved, None if that would wait."""
    try:
        return os.splice(source, target, count, flags=_SPLICE_FLAGS)
    except BlockingIOError:
        return None


class Stream:
    """One connection, from its acceptance to its end."""

    def __init__(
        self,
        loop: Loop,
        client: socket.socket,
        endpoints: list[Endpoint],
        on_chosen: Callable[[Endpoint], None],
        on_end: Callable[["Stream"], None],
    ) -> None:
        self._loop = loop
        self._client = client
        self._left = endpoints
        self._on_chosen = on_chosen
        self._on_end = on_end
        self._server: socket.socket | None = None
        self._ways: tuple[_Direction, ...] = ()
        self._closed = False
        self._dial()

    @property
    def closed(self) -> bool:
        return self._closed

    def _dial(self) -> None:
        """The next endpoint; without one left the client is reset."""
        while self._left:
            if self._try(self._left.pop(0)):
                return
        self.close(reset=True)

    def _try(self, endpoint: Endpoint) -> bool:
        family = socket.AF_INET6 if ":" in endpoint.ip else socket.AF_INET
        server = socket.socket(family, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
        if server.connect_ex((endpoint.ip, endpoint.port)) not in (0, EINPROGRESS):
            server.close()
            return False
        self._server = server
        self._loop.watch(server.fileno(), _EDGES, lambda events: self._dialled(server, endpoint, events))
        self._loop.at(time.monotonic() + _DIAL_TIMEOUT_S, lambda: self._give_up(server))
        return True

    def _give_up(self, server: socket.socket) -> None:
        """No answer in time, and it is still the one that is waited for."""
        if self._server is server and not self._ways and not self._closed:
            self._next(server)

    def _next(self, server: socket.socket) -> None:
        self._loop.forget(server.fileno())
        server.close()
        self._server = None
        self._dial()

    def _dialled(self, server: socket.socket, endpoint: Endpoint, events: int) -> None:
        if self._closed or self._server is not server:
            return
        if events & (select.EPOLLERR | select.EPOLLHUP) and server.getsockopt(
            socket.SOL_SOCKET, socket.SO_ERROR
        ):
            self._next(server)
            return
        if not events & select.EPOLLOUT:
            return
        self._on_chosen(endpoint)
        for end in (self._client, server):
            end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._ways = (_Direction(self._client, server), _Direction(server, self._client))
        for end in (self._client, server):
            self._loop.forget(end.fileno())
            self._loop.watch(end.fileno(), _EDGES, self._ready)
        self._pump()

    def _ready(self, _events: int) -> None:
        self._pump()

    def _pump(self) -> None:
        if self._closed:
            return
        try:
            more = [way.pump() for way in self._ways]
        except OSError:
            self.close(reset=True)
            return
        if all(way.done for way in self._ways):
            self.close()
        elif any(more):
            self._loop.again(self._pump)

    def close(self, *, reset: bool = False) -> None:
        if self._closed:
            return
        self._closed = True
        for end in (self._client, self._server):
            if end is None:
                continue
            self._loop.forget(end.fileno())
            if reset:
                with suppress(OSError):
                    end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            end.close()
        for way in self._ways:
            way.close()
        self._on_end(self)


def bind(made: socket.socket, ip: str, port: int) -> None:
    """To an address that a local route makes ours; IPv6 would want it on an interface."""
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if ":" in ip:
        made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        made.setsockopt(socket.IPPROTO_IPV6, _IPV6_FREEBIND, 1)
    else:
        made.setsockopt(socket.IPPROTO_IP, _IP_FREEBIND, 1)
    made.bind((ip, port))


def listen(ip: str, port: int) -> socket.socket:
    """Raises OSError where it cannot."""
    made = socket.socket(
        socket.AF_INET6 if ":" in ip else socket.AF_INET, socket.SOCK_STREAM | socket.SOCK_NONBLOCK
    )
    try:
        bind(made, ip, port)
        made.listen(1024)
    except OSError:
        made.close()
        raise
    return made
