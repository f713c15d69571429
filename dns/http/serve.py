"""The small HTTP server of health, ready and metrics: GET and HEAD, HTTP/1.1, nothing else."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, urlsplit

from dns.handlers.site import HttpRoute
from dns.tcp.serve import open_tcp

if TYPE_CHECKING:
    from typing_extensions import override
else:

    def override(method: object) -> object:
        return method


_MAX_REQUEST_BYTES = 16 << 10
_IDLE_S = 60.0
_REASONS = {
    200: "OK",
    404: "Not Found",
    405: "Method Not Allowed",
    500: "Internal Server Error",
    503: "Service Unavailable",
}


class HttpServer:
    """All routes of one address. `routes` may be replaced while it serves."""

    def __init__(self, address: str, routes: Sequence[HttpRoute]) -> None:
        self.address = address
        self.routes: Mapping[str, HttpRoute] = {route.path: route for route in routes}
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        """Raises OSError when the address is taken."""
        host, _, port = self.address.rpartition(":")
        sock = open_tcp(host.strip("[]"), int(port))
        self._server = await asyncio.get_running_loop().create_server(lambda: _Connection(self), sock=sock)

    @property
    def in_use(self) -> str:
        """The address with the port that is listened on, also where the system chose it."""
        port = self._server.sockets[0].getsockname()[1] if self._server is not None else 0
        return f"{self.address.rpartition(':')[0]}:{port}"

    def stop(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None

    def answer(self, method: str, target: str) -> bytes:
        """The response to one request line."""
        try:
            url = urlsplit(target)
        except ValueError:
            url = urlsplit("")
        route = self.routes.get(url.path)
        if method not in {"GET", "HEAD"}:
            status, kind, body = 405, "text/plain", b"only GET is answered\n"
        elif route is None:
            paths = ", ".join(sorted(self.routes))
            status, kind, body = 404, "text/plain", f"there is {paths}\n".encode()
        else:
            status, kind, body = route.answer(dict(parse_qsl(url.query)))
        head = (
            f"HTTP/1.1 {status} {_REASONS.get(status, 'Unknown')}\r\n"
            f"Content-Type: {kind}\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        return head.encode() + (b"" if method == "HEAD" else body)


class HttpServers:
    """The servers of all addresses."""

    def __init__(self) -> None:
        self._servers: dict[str, HttpServer] = {}

    @property
    def in_use(self) -> tuple[str, ...]:
        """The addresses listened on."""
        return tuple(server.in_use for server in self._servers.values())

    async def take(self, routes: Sequence[HttpRoute]) -> None:
        """Serve these from now on. On an error everything stays as it was; raises OSError."""
        wanted: dict[str, list[HttpRoute]] = {}
        for route in routes:
            wanted.setdefault(route.address, []).append(route)
        opened: dict[str, HttpServer] = {}
        for address, own in wanted.items():
            if address in self._servers:
                continue
            server = HttpServer(address, own)
            try:
                await server.start()
            except OSError as problem:
                for one in opened.values():
                    one.stop()
                why = (problem.strerror or "").lower()
                what = (
                    f"cannot listen on {address} for {own[0].plugin}: {why}: give the plugin another address"
                )
                raise OSError(problem.errno, what) from problem
            opened[address] = server
        for address in [address for address in self._servers if address not in wanted]:
            self._servers.pop(address).stop()
        for address, server in self._servers.items():
            server.routes = {route.path: route for route in wanted[address]}
        self._servers |= opened

    def stop(self, path: str = "") -> None:
        """Stop all, or those that have the path."""
        for server in self._servers.values():
            if not path or path in server.routes:
                server.stop()


class _Connection(asyncio.Protocol):
    def __init__(self, server: HttpServer) -> None:
        self._server = server
        self._buffer = b""
        self._transport: asyncio.Transport | None = None
        self._idle: asyncio.TimerHandle | None = None

    @override
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._idle = asyncio.get_running_loop().call_later(_IDLE_S, transport.close)

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        if self._idle is not None:
            self._idle.cancel()

    @override
    def data_received(self, data: bytes) -> None:
        self._buffer += data
        transport = self._transport
        if transport is None:
            return
        if len(self._buffer) > _MAX_REQUEST_BYTES:
            transport.close()
            return
        while b"\r\n\r\n" in self._buffer:
            head, _, self._buffer = self._buffer.partition(b"\r\n\r\n")
            words = head.split(b"\r\n")[0].decode("latin-1").split(" ")
            if len(words) != 3:
                transport.close()
                return
            transport.write(self._server.answer(words[0], words[1]))
            if b"connection: close" in head.lower() or words[2] == "HTTP/1.0":
                transport.close()
                return
