"""The HTTP/1.1 transport: asyncio and h11 over TLS, connections kept alive.

h11 and not aiohttp: four daemons a node start with this module, and it costs them 1 ms where aiohttp costs 190
(docs/adr/0008-http-client.md).
"""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Mapping
from typing import NamedTuple, Protocol
from urllib.parse import quote, urlencode

import h11

from kube.client.errors import Unreachable
from kube.client.transport import Reply, Stream

_READ_BYTES = 1 << 18
_KEPT_CONNECTIONS = 8
_CONNECT_TIMEOUT_S = 10.0
_REQUEST_TIMEOUT_S = 60.0
_UNAUTHORIZED = 401
_MAX_LINE_BYTES = 64 << 20  # one watch event: an object is at most a few MiB


class Endpoint(NamedTuple):
    host: str
    port: int
    base_path: str = ""  # where a proxy serves the API, without the last slash
    server_name: str = ""  # whom the certificate is for, where that is not the host


class Credentials(Protocol):
    """Gives the headers that say who asks, anew for each request: tokens change over time."""

    async def __call__(self) -> Mapping[str, str]: ...

    def renew(self, refused: Mapping[str, str]) -> bool:
        """The server took these for no good (401); whether others can be had."""


class _Connection:
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer
        self.protocol = h11.Connection(h11.CLIENT)
        self.served_count = 0

    async def send(self, request: h11.Request, body: bytes) -> None:
        data = self.protocol.send(request) or b""
        if body:
            data += self.protocol.send(h11.Data(data=body)) or b""
        data += self.protocol.send(h11.EndOfMessage()) or b""
        self.writer.write(data)
        await self.writer.drain()

    async def next_event(self) -> h11.Event:
        while True:
            event = self.protocol.next_event()
            if event is h11.NEED_DATA:
                self.protocol.receive_data(await self.reader.read(_READ_BYTES))
                continue
            if isinstance(event, h11.InformationalResponse):
                continue
            if event is h11.PAUSED or isinstance(event, h11.ConnectionClosed):
                raise ConnectionResetError("the server closed the connection")
            assert not isinstance(event, type)
            return event

    def reusable(self) -> bool:
        """Make it ready for the next request, if the server keeps it open."""
        if self.protocol.our_state is not h11.DONE or self.protocol.their_state is not h11.DONE:
            return False
        self.protocol.start_next_cycle()
        self.served_count += 1
        return True

    def close(self) -> None:
        """At once: both sides know where a message ends, so TLS has nothing left to say."""
        self.writer.transport.abort()


class HttpTransport:
    """HTTP to one server, as one user."""

    def __init__(
        self,
        endpoint: Endpoint,
        tls: ssl.SSLContext | None,
        *,
        user_agent: str,
        credentials: Credentials | None = None,
        server_name: str = "",
    ) -> None:
        """`server_name`: whom the server's certificate must be for, where that is not the address."""
        self._endpoint = endpoint
        self.tls = tls
        self._user_agent = user_agent
        self._given = credentials
        self._server_name = server_name if tls is not None else ""
        self._idle: list[_Connection] = []

    async def request(
        self, method: str, path: str, *, query: Mapping[str, str], headers: Mapping[str, str], body: bytes
    ) -> Reply:
        """One request. What the server does not take as proof of who asks is renewed once, unseen."""
        who = await self.credentials()
        reply = await self._request(method, path, query, {**who, **headers}, body)
        if reply.status == _UNAUTHORIZED and self._given is not None:
            self.drop()  # they may stand for a certificate that has ended
            if self._given.renew(who):
                who = await self.credentials()
                return await self._request(method, path, query, {**who, **headers}, body)
        return reply

    async def credentials(self) -> Mapping[str, str]:
        """The headers that say who asks. Raises Unreachable where they cannot be had."""
        return {} if self._given is None else await self._given()

    async def _request(
        self, method: str, path: str, query: Mapping[str, str], headers: Mapping[str, str], body: bytes
    ) -> Reply:
        """A kept connection that the server had closed meanwhile is replaced once, unseen."""
        message = self._message(method, path, query, headers, body)
        while True:
            connection = await self._take()
            try:
                async with asyncio.timeout(_REQUEST_TIMEOUT_S):
                    return await self._exchange(connection, message, body)
            except (OSError, h11.RemoteProtocolError, TimeoutError) as error:
                connection.close()
                if connection.served_count and not isinstance(error, TimeoutError):
                    continue
                raise Unreachable(f"{method} {self.url}{path}: {_reason(error)}") from error
            except BaseException:
                connection.close()
                raise

    @property
    def url(self) -> str:
        scheme = "https" if self.tls else "http"
        host = f"[{self._endpoint.host}]" if ":" in self._endpoint.host else self._endpoint.host
        return f"{scheme}://{host}:{self._endpoint.port}{self._endpoint.base_path}"

    @contextlib.asynccontextmanager
    async def stream(
        self, path: str, *, query: Mapping[str, str], headers: Mapping[str, str]
    ) -> AsyncIterator[Stream]:
        """A connection of its own, so that a watch never stands in a request's way."""
        who = await self.credentials()
        message = self._message("GET", path, query, {**who, **headers}, b"")
        connection = await self._connect()
        try:
            await connection.send(message, b"")
            response = await connection.next_event()
            assert isinstance(response, h11.Response)
            if response.status_code == _UNAUTHORIZED and self._given is not None:
                self._given.renew(who)  # whoever watches tries again
            yield Stream(response.status_code, _lines(connection, whole=response.status_code != 200))
        except (OSError, h11.RemoteProtocolError) as error:
            raise Unreachable(f"GET {self.url}{path}: {_reason(error)}") from error
        finally:
            connection.close()
            await asyncio.sleep(0)  # the loop closes the socket in its next round

    def drop(self) -> None:
        """Close the kept connections, without waiting for it."""
        while self._idle:
            self._idle.pop().close()

    async def close(self) -> None:
        while self._idle:
            connection = self._idle.pop()
            connection.close()
            with contextlib.suppress(OSError):
                await connection.writer.wait_closed()

    def _message(
        self, method: str, path: str, query: Mapping[str, str], headers: Mapping[str, str], body: bytes
    ) -> h11.Request:
        target = self._endpoint.base_path + quote(path, safe="/:@!$&'()*+,;=~")
        if query:
            target += "?" + urlencode(query)
        merged = {
            "host": f"{self._endpoint.server_name or self._endpoint.host}:{self._endpoint.port}",
            "user-agent": self._user_agent,
            "accept": "application/json",
            **headers,
        }
        if body or method in ("POST", "PUT", "PATCH"):
            merged["content-length"] = str(len(body))
        return h11.Request(method=method, target=target, headers=list(merged.items()))

    async def _take(self) -> _Connection:
        return self._idle.pop() if self._idle else await self._connect()

    async def _connect(self) -> _Connection:
        try:
            async with asyncio.timeout(_CONNECT_TIMEOUT_S):
                reader, writer = await asyncio.open_connection(
                    self._endpoint.host,
                    self._endpoint.port,
                    ssl=self.tls,
                    server_hostname=(self._server_name or self._endpoint.server_name or None)
                    if self.tls
                    else None,
                    limit=_READ_BYTES,
                )
        except (OSError, TimeoutError) as error:
            raise Unreachable(f"{self.url}: {_reason(error)}") from error
        return _Connection(reader, writer)

    async def _exchange(self, connection: _Connection, message: h11.Request, body: bytes) -> Reply:
        await connection.send(message, body)
        response = await connection.next_event()
        assert isinstance(response, h11.Response)
        parts = []
        while isinstance(event := await connection.next_event(), h11.Data):
            parts.append(bytes(event.data))
        if connection.reusable() and len(self._idle) < _KEPT_CONNECTIONS:
            self._idle.append(connection)
        else:
            connection.close()
        headers = {name.decode().lower(): value.decode("latin-1") for name, value in response.headers}
        return Reply(response.status_code, headers, b"".join(parts))


async def _lines(connection: _Connection, *, whole: bool) -> AsyncIterator[bytes]:
    """The body's lines as they complete; `whole`: the body at its end as one line."""
    pending = bytearray()
    while isinstance(event := await connection.next_event(), h11.Data):
        pending += event.data
        if whole or b"\n" not in event.data:
            if len(pending) > _MAX_LINE_BYTES:
                raise ConnectionResetError(f"a line of more than {_MAX_LINE_BYTES} bytes")
            continue
        *complete, rest = bytes(pending).split(b"\n")
        pending = bytearray(rest)
        for line in complete:
            if line:
                yield line
    if pending:
        yield bytes(pending)


def _reason(error: BaseException) -> str:
    if isinstance(error, TimeoutError) and not str(error):
        return "no answer in time"
    return str(error) or type(error).__name__
