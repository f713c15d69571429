"""Questions to one upstream server over HTTPS (RFC 8484), with HTTP/1.1: a connection for each question in flight."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from base64 import urlsafe_b64encode

import h11

from dns.upstream.socket import CONNECT_TIMEOUT_S, UpstreamError
from dns.upstream.targets import Target

PATH = "/dns-query"
MESSAGE_TYPE = "application/dns-message"
MAX_ANSWER_BYTES = 65_535
MAX_CONNECTIONS = 64
_READ_BYTES = 16_384


class HttpsUpstream:
    """One server's connections. Idle ones are left after `expire_s`, or when there are more than `max_idle_count`."""

    def __init__(
        self,
        target: Target,
        tls: ssl.SSLContext,
        *,
        method: str = "POST",
        expire_s: float = 10.0,
        read_timeout_s: float = 2.0,
        max_idle_count: int = 0,
        source_address: str = "",
    ) -> None:
        self.target = target
        self.hits = {"https": 0}
        self.misses = {"https": 0}
        self._tls = tls
        self._method = method
        self._expire_s = expire_s
        self._read_timeout_s = read_timeout_s
        self._max_idle_count = max_idle_count or MAX_CONNECTIONS
        self._source = (source_address, 0) if source_address else None
        self._idle: list[_Connection] = []
        self._places = asyncio.Semaphore(MAX_CONNECTIONS)

    async def exchange(self, packet: bytes, *, stream: bool = True) -> bytes:
        """The answer to packet, with packet's ID. Raises UpstreamError."""
        text = self.target.text
        async with self._places:
            connection = self._take()
            kept = connection is not None
            try:
                async with asyncio.timeout(CONNECT_TIMEOUT_S):
                    connection = connection or await self._connect()
                async with asyncio.timeout(self._read_timeout_s):
                    try:
                        reply = await connection.ask(self._request(packet))
                    except (ConnectionError, h11.ProtocolError):
                        if not kept:
                            raise
                        # The server closed it while it was idle: that says nothing about the server.
                        connection.close()
                        connection = await self._connect()
                        reply = await connection.ask(self._request(packet))
            except TimeoutError:
                self._drop(connection)
                raise UpstreamError(f"read https ->{text}: i/o timeout") from None
            except (OSError, h11.ProtocolError, BadAnswer) as problem:
                self._drop(connection)
                raise UpstreamError(f"read https ->{text}: {problem}") from problem
            except BaseException:
                self._drop(connection)
                raise
            self._give_back(connection)
        return packet[:2] + reply[2:]

    async def close(self) -> None:
        for connection in self._idle:
            connection.close()
        self._idle.clear()

    def _take(self) -> _Connection | None:
        now = asyncio.get_running_loop().time()
        while self._idle:
            connection = self._idle.pop()
            if now - connection.used_at_s < self._expire_s:
                self.hits["https"] += 1
                return connection
            connection.close()
        return None

    async def _connect(self) -> _Connection:
        self.misses["https"] += 1
        target = self.target
        reader, writer = await asyncio.open_connection(
            target.host,
            target.port,
            ssl=self._tls,
            server_hostname=target.server_name or target.host,
            local_addr=self._source,
        )
        return _Connection(reader, writer)

    def _give_back(self, connection: _Connection) -> None:
        if connection.reusable and len(self._idle) < self._max_idle_count:
            connection.used_at_s = asyncio.get_running_loop().time()
            self._idle.append(connection)
        else:
            connection.close()

    @staticmethod
    def _drop(connection: _Connection | None) -> None:
        if connection is not None:
            connection.close()

    def _request(self, packet: bytes) -> tuple[h11.Request, bytes]:
        """The ID is 0, so that what stands between may keep answers (RFC 8484 4.1)."""
        question = b"\0\0" + packet[2:]
        host = self.target.server_name or self.target.authority
        headers = [("host", host), ("accept", MESSAGE_TYPE)]
        if self._method == "GET":
            coded = urlsafe_b64encode(question).rstrip(b"=").decode()
            return h11.Request(method="GET", target=f"{PATH}?dns={coded}", headers=headers), b""
        headers += [("content-type", MESSAGE_TYPE), ("content-length", str(len(question)))]
        return h11.Request(method="POST", target=PATH, headers=headers), question


class BadAnswer(Exception):
    """An HTTP answer that carries no DNS message."""


class _Connection:
    """One connection, one question at a time."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.used_at_s = 0.0
        self.reusable = True
        self._reader = reader
        self._writer = writer
        self._state = h11.Connection(h11.CLIENT)

    async def ask(self, request: tuple[h11.Request, bytes]) -> bytes:
        """The body of the answer. Raises BadAnswer, h11.ProtocolError and OSError."""
        head, body = request
        state = self._state
        out = state.send(head) or b""
        if body:
            out += state.send(h11.Data(data=body)) or b""
        self._writer.write(out + (state.send(h11.EndOfMessage()) or b""))
        status, kind, found = 0, "", b""
        while True:
            event = state.next_event()
            if event is h11.NEED_DATA:
                data = await self._reader.read(_READ_BYTES)
                if not data and not status:
                    raise ConnectionResetError("connection was closed by the server")
                state.receive_data(data)
            elif isinstance(event, h11.Response):
                status = event.status_code
                kind = dict(event.headers).get(b"content-type", b"").decode("latin-1")
            elif isinstance(event, h11.Data):
                found += bytes(event.data)
                if len(found) > MAX_ANSWER_BYTES:
                    raise BadAnswer("the answer is larger than a DNS message can be")
            elif isinstance(event, h11.EndOfMessage):
                break
            elif isinstance(event, h11.ConnectionClosed):
                raise ConnectionResetError("connection was closed by the server")
        if status != 200:
            raise BadAnswer(f"HTTP status {status}")
        if kind.partition(";")[0].strip().lower() != MESSAGE_TYPE or len(found) < 12:
            raise BadAnswer(f"an answer of type {kind!r} is no DNS message")
        if state.our_state is h11.DONE and state.their_state is h11.DONE:
            state.start_next_cycle()
        else:
            self.reusable = False
        return found

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._writer.close()
