"""One HTTP/1.1 connection of port 10250, over h11; after an upgrade its bytes belong to the WebSocket."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from typing import NamedTuple

import h11

from nodeagent.server.websocket import (
    BINARY,
    CLOSE,
    PING,
    PONG,
    Message,
    ProtocolError,
    Receiver,
    accept_key,
    frame,
)

_READ_BYTES = 1 << 16


class Refused(Exception):
    """Answered as a Status, the way kubectl shows errors."""

    def __init__(self, code: int, reason: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.reason = reason


class Request(NamedTuple):
    method: str
    target: str
    headers: Mapping[str, str]  # names in lower case


class HttpConnection:
    """Serves one request: the API server opens a connection for each."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._h11 = h11.Connection(h11.SERVER)

    async def request(self) -> Request | None:
        """The request, without its body; None if the peer went away first."""
        while True:
            event = self._h11.next_event()
            if event is h11.NEED_DATA:
                data = await self._reader.read(_READ_BYTES)
                self._h11.receive_data(data)
                if not data and self._h11.their_state is h11.IDLE:
                    return None
            elif isinstance(event, h11.Request):
                headers = {name.decode().lower(): value.decode() for name, value in event.headers}
                return Request(event.method.decode(), event.target.decode(), headers)
            elif isinstance(event, h11.ConnectionClosed):
                return None

    async def answer(self, code: int, body: bytes, kind: str = "text/plain; charset=utf-8") -> None:
        headers = [("content-type", kind), ("content-length", str(len(body))), ("connection", "close")]
        self._send(h11.Response(status_code=code, headers=headers))
        self._send(h11.Data(data=body))
        self._send(h11.EndOfMessage())
        await self._writer.drain()

    async def refuse(self, error: Refused) -> None:
        status = {
            "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
            "message": str(error), "reason": error.reason, "code": error.code,
        }  # fmt: skip
        await self.answer(error.code, json.dumps(status).encode(), "application/json")

    async def stream(self, chunks: AsyncIterator[bytes]) -> None:
        """A text of unknown length; ends early if the reader goes away."""
        headers = [("content-type", "text/plain"), ("transfer-encoding", "chunked"), ("connection", "close")]
        self._send(h11.Response(status_code=200, headers=headers))
        async for chunk in chunks:
            if chunk:
                self._send(h11.Data(data=chunk))
                await self._writer.drain()
            elif self._reader.at_eof():
                return
        self._send(h11.EndOfMessage())
        await self._writer.drain()

    async def upgrade(self, request: Request, protocol: str) -> "WebSocket":
        """Switch to the WebSocket protocol with one of the subprotocols the client offered."""
        headers = [
            ("upgrade", "websocket"),
            ("connection", "Upgrade"),
            ("sec-websocket-accept", accept_key(request.headers.get("sec-websocket-key", ""))),
            ("sec-websocket-protocol", protocol),
        ]
        while not isinstance(self._h11.next_event(), h11.EndOfMessage):
            continue
        self._send(h11.InformationalResponse(status_code=101, headers=headers))
        await self._writer.drain()
        early, _ = self._h11.trailing_data
        return WebSocket(self._reader, self._writer, early)

    def _send(self, event: h11.Event) -> None:
        data = self._h11.send(event)
        if data:
            self._writer.write(data)

    def gone(self) -> bool:
        return self._reader.at_eof()


class WebSocket:
    """Messages over an upgraded connection; pings are answered here."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, early: bytes) -> None:
        self._reader = reader
        self._writer = writer
        self._receiver = Receiver()
        self._pending: list[Message] = self._receiver.feed(early) if early else []
        self._closed = False

    async def receive(self) -> bytes | None:
        """The next message's bytes; None at the end of the connection."""
        while True:
            while self._pending:
                message = self._pending.pop(0)
                if message.kind == CLOSE:
                    return None
                if message.kind == PING:
                    self._writer.write(frame(PONG, message.data))
                elif message.kind != PONG:
                    return message.data
            try:
                data = await self._reader.read(_READ_BYTES)
                if not data:
                    return None
                self._pending = self._receiver.feed(data)
            except (ProtocolError, ConnectionError):
                return None

    async def send(self, data: bytes) -> None:
        """Waits while the peer does not read."""
        if not self._closed:
            self._writer.write(frame(BINARY, data))
            await self._writer.drain()

    async def close(self) -> None:
        """The closing handshake, with the status for a normal end."""
        if not self._closed:
            self._closed = True
            self._writer.write(frame(CLOSE, (1000).to_bytes(2, "big")))
            await self._writer.drain()
