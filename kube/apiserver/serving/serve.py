"""TLS and HTTP/1.1 around the core: one protocol object a connection, one request at a time on it."""

import asyncio
import logging
import socket
import ssl
from collections.abc import Callable
from typing import NamedTuple

from kube.apiserver import status
from kube.apiserver.access.authentication import Authenticator, user_of_certificate
from kube.apiserver.core import ApiServer, refusal
from kube.apiserver.outbound.calls import Place
from kube.apiserver.relay.pages import Origin
from kube.apiserver.relay.response import ResponseRewriter
from kube.apiserver.relay.socket import FarSide, connect
from kube.apiserver.requests.limits import MAX_BYTES
from kube.apiserver.requests.request import Answer, Query, Relay, Request, Streaming, User
from kube.apiserver.serving import compression, http

_log = logging.getLogger(__name__)
IDLE_S = 300.0  # a connection without a request is closed after this; client-go closes its own after 90 s
HEAD_S = 30.0  # a request must have arrived whole after this
BLOCKED_S = 120.0  # a client that reads nothing of what waits for it is dropped after this
_SWEEP_S = 10.0
_AHEAD_BYTES = 1 << 20  # of requests that wait for the one before, or of a relay that is not connected yet
_PART_BYTES = 256 << 10  # of a long answer, written at once
_IDENTITY = ("x-remote-", "impersonate-")  # headers that a client may not send past us
_FLUSH_S = 1.0  # at the end, for clients that read slowly


class Front(NamedTuple):
    """What all connections share."""

    server: ApiServer
    authenticator: Authenticator
    node_tls: Callable[[], ssl.SSLContext]
    clock: Callable[[], float]
    place_tls: Callable[[Place], ssl.SSLContext] | None = None  # for extension servers


class Connection(asyncio.Protocol):
    """Reads requests, writes responses, or is one half of a relay."""

    def __init__(self, front: Front, connections: "set[Connection]") -> None:
        self._front = front
        self._connections = connections
        self._loop = asyncio.get_running_loop()
        self._reader = http.RequestReader(MAX_BYTES + 1)
        self._peer: User | None = None
        self._task: asyncio.Task[None] | None = None
        self._far: FarSide | None = None
        self._early = bytearray()  # bytes for a relay that is not connected yet
        self._relaying = False
        self._writable: asyncio.Future[None] | None = None
        self._blocked_since = 0.0
        self._closing = False
        self.since = self._loop.time()  # the last byte or response
        self.transport: asyncio.Transport | None = None
        self.gone: asyncio.Future[None] = self._loop.create_future()

    # --- asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert hasattr(transport, "write")
        self.transport = transport  # type: ignore[assignment] # uvloop's has no common class with asyncio's
        tls = transport.get_extra_info("ssl_object")
        der = tls.getpeercert(binary_form=True) if tls is not None else None
        self._peer = user_of_certificate(transport.get_extra_info("peercert"), der)
        self._connections.add(self)

    def data_received(self, data: bytes) -> None:
        if self._relaying:
            if self._far is not None:
                self._far.write(data)
                return
            self._early += data
        else:
            self.since = self._loop.time()
            self._reader.feed(data)
            if self._task is None:
                self._next()
                return
        if len(self._early) + self._reader.buffered_bytes > _AHEAD_BYTES:
            self.pause_reading()

    def eof_received(self) -> bool:
        return False

    def connection_lost(self, error: Exception | None) -> None:
        self._closing = True
        self._connections.discard(self)
        if not self.gone.done():
            self.gone.set_result(None)
        if self._far is not None:
            self._far.close()
        if self._task is not None:
            self._task.cancel()
        self.resume_writing()

    def pause_writing(self) -> None:
        if self._far is not None:
            self._far.pause_reading()
        elif self._writable is None:
            self._writable = self._loop.create_future()
            self._blocked_since = self._loop.time()

    def resume_writing(self) -> None:
        if self._far is not None:
            self._far.resume_reading()
        if self._writable is not None:
            if not self._writable.done():
                self._writable.set_result(None)
            self._writable = None

    # --- requests

    def _next(self) -> None:
        if self._closing or self.transport is None:
            return
        try:
            request = self._reader.next()
        except http.BadRequest as error:
            self._refuse(error)
            return
        if request is None:
            if self._reader.wants_continue:
                self._reader.wants_continue = False
                self.transport.write(http.CONTINUE)
            return
        self._task = self._loop.create_task(self._respond(request))
        self._task.add_done_callback(self._done)

    def _refuse(self, error: http.BadRequest) -> None:
        assert self.transport is not None
        self._closing = True
        body = str(error).encode()
        self.transport.write(
            http.response_head(error.status, "text/plain", (("Connection", "close"),), len(body)) + body
        )
        self.transport.close()

    def _done(self, task: asyncio.Task[None]) -> None:
        self._task = None
        if task.cancelled():
            return
        error = task.exception()
        if error is not None:
            if not isinstance(error, ConnectionError):
                _log.error("connection failed", exc_info=error)
            self.finish()
        elif not self._relaying:
            self.since = self._loop.time()
            self.resume_reading()
            self._next()

    async def _respond(self, raw: http.HttpRequest) -> None:
        head = raw.head
        path, _, query = head.target.partition("?")
        try:
            user = self._front.authenticator.authenticate(self._peer, head.headers, self._front.clock())
        except status.StatusError as error:
            self._answer(head, refusal(error))
            return
        request = Request(head.method, path, Query.parse(query), head.headers, raw.body, user, query)
        response = await self._front.server.handle(request)
        if isinstance(response, Answer) and compression.is_wanted(response, head.headers):
            response = await compression.compressed(response)
        match response:
            case Answer(body=body) if len(body) > _PART_BYTES and head.method != "HEAD":
                await self._answer_in_parts(head, response)
            case Answer():
                self._answer(head, response)
            case Streaming():
                await self._stream(head, response)
            case Relay():
                await self._relay(raw, response)

    def _answer(self, head: http.Head, answer: Answer) -> None:
        if self.transport is None or self._closing:
            return
        headers = answer.headers if head.keep_alive else (*answer.headers, ("Connection", "close"))
        data = http.response_head(answer.status, answer.content_type, headers, len(answer.body))
        if head.method != "HEAD" and answer.body:
            data += answer.body
        self.transport.write(data)
        if not head.keep_alive:
            self.finish()

    async def _answer_in_parts(self, head: http.Head, answer: Answer) -> None:
        """As fast as the client reads: TLS would copy the whole of a long list at once, twice, for each who asks."""
        if self.transport is None or self._closing:
            return
        headers = answer.headers if head.keep_alive else (*answer.headers, ("Connection", "close"))
        body = memoryview(answer.body)
        self.transport.write(http.response_head(answer.status, answer.content_type, headers, len(body)))
        for start in range(0, len(body), _PART_BYTES):
            if self._writable is not None:
                await self._writable
            if self.transport.is_closing():
                return
            self.transport.write(body[start : start + _PART_BYTES])
        if not head.keep_alive:
            self.finish()

    def _push(self, data: bytes) -> bool:
        """A chunk of the stream, unless the client is behind or gone."""
        if self._writable is not None or self._closing or self.transport is None:
            return False
        self.transport.write(http.chunk(data))
        return True

    async def _stream(self, head: http.Head, response: Streaming) -> None:
        """Chunked; waits while the client does not read, so that its watcher's queue fills and not our memory."""
        transport, chunks = self.transport, response.chunks
        try:
            if transport is None or head.method == "HEAD":
                return
            transport.write(http.response_head(200, response.content_type, (), None))
            if response.push_to is not None:
                response.push_to(self._push)
            async for data in chunks:
                if self._closing:
                    return
                transport.write(http.chunk(data))
                if self._writable is not None:
                    await self._writable
        finally:
            close = getattr(chunks, "aclose", None)
            if close is not None:
                await close()
        transport.write(http.LAST_CHUNK)
        if not head.keep_alive:
            self.finish()

    # --- relays

    async def _relay(self, raw: http.HttpRequest, relay: Relay) -> None:
        self._early += self._reader.take_rest()
        self._relaying = True
        try:
            far = await connect(
                relay, self, self._front.node_tls, _rewriter(raw.head, relay), self._front.place_tls
            )
        except (OSError, TimeoutError) as error:
            self._relaying = False
            reason = str(error) or "no answer in time"
            why = f"error dialing backend: {relay.host}:{relay.port}: {reason}"
            self._answer(raw.head._replace(keep_alive=False), refusal(status.internal_error(why)))
            return
        if self._closing:
            far.close()
            return
        host = f"[{relay.host}]" if ":" in relay.host else relay.host
        shown = raw.head
        if relay.place is not None:
            own = {name: value for name, value in shown.headers.items() if not name.startswith(_IDENTITY)}
            shown, host = shown._replace(headers=own), relay.place.name
        head = http.forwarded_head(shown, relay.target, f"{host}:{relay.port}", len(raw.body), relay.headers)
        far.write(head + raw.body + bytes(self._early))
        self._early.clear()
        self._far = far
        self.resume_reading()

    def write(self, data: bytes) -> None:
        if self.transport is not None and not self.transport.is_closing():
            self.transport.write(data)

    def pause_reading(self) -> None:
        if self.transport is not None and not self.transport.is_closing():
            self.transport.pause_reading()

    def resume_reading(self) -> None:
        if self.transport is not None and not self.transport.is_closing():
            self.transport.resume_reading()

    def finish(self) -> None:
        """Flush what is written, then close."""
        self._closing = True
        if self.transport is not None:
            self.transport.close()

    def abort(self) -> None:
        """Drop what is written and close."""
        if self.transport is not None:
            self.transport.abort()

    def sweep(self, now: float) -> None:
        """Close what has been idle, has not sent its request, or has not read its answer for too long."""
        if self._writable is not None and now - self._blocked_since > BLOCKED_S:
            self.abort()
            return
        if self._task is not None or self._relaying:
            return
        limit_s = IDLE_S if self._reader.idle else HEAD_S
        if now - self.since > limit_s:
            self.finish()


def _rewriter(head: http.Head, relay: Relay) -> ResponseRewriter | None:
    if not relay.prefix or head.upgrade:
        return None
    hosts = frozenset({f"{relay.host}:{relay.port}", relay.host, head.headers.get("host", "")})
    return ResponseRewriter(Origin(relay.prefix, hosts), head_only=head.method == "HEAD")


class Listener:
    """The listening socket and its connections."""

    def __init__(self, front: Front) -> None:
        self._front = front
        self._connections: set[Connection] = set()
        self._server: asyncio.Server | None = None
        self._sweeper: asyncio.Task[None] | None = None

    async def start(self, listening: socket.socket, tls: ssl.SSLContext) -> None:
        """Accept connections on the socket."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(
            lambda: Connection(self._front, self._connections),
            sock=listening,
            ssl=tls,
            backlog=1024,
            ssl_handshake_timeout=20.0,
        )
        self._sweeper = loop.create_task(self._sweep())

    async def _sweep(self) -> None:
        while True:
            await asyncio.sleep(_SWEEP_S)
            now = asyncio.get_running_loop().time()
            for connection in tuple(self._connections):
                connection.sweep(now)

    async def stop(self) -> None:
        """No new connections; the present ones are flushed and closed."""
        if self._sweeper is not None:
            self._sweeper.cancel()
        if self._server is not None:
            self._server.close()
        for connection in tuple(self._connections):
            connection.finish()
        if self._connections:
            await asyncio.wait([connection.gone for connection in self._connections], timeout=_FLUSH_S)
        for connection in tuple(self._connections):
            connection.abort()


def server_tls(certificate: str, key: str, client_ca: str) -> ssl.SSLContext:
    """TLS 1.2 or later, HTTP/1.1 only, client certificates asked for and not required. Raises OSError."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(certificate, key)
    context.load_verify_locations(client_ca)
    context.verify_mode = ssl.CERT_OPTIONAL
    context.set_alpn_protocols(["http/1.1"])
    return context


def node_tls(certificate: str, key: str, ca: str) -> ssl.SSLContext:
    """For the way to the node agents. Raises OSError."""
    context = ssl.create_default_context(cafile=ca)
    context.load_cert_chain(certificate, key)
    context.set_alpn_protocols(["http/1.1"])
    return context
