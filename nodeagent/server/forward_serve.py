"""kubectl port-forward: connections to the pod's own localhost, carried by SPDY streams or WebSocket channels."""

import asyncio
import contextlib
import os
import socket

from linux import netns
from nodeagent.server.channels import SPDY_FORWARD, Data, channel_message, parse
from nodeagent.server.socket import WebSocket
from nodeagent.server.spdy import GoneAway, Opened, Peer, Pinged, Received, Reset

_READ_BYTES = 32 * 1024
_CONNECT_S = 10.0


async def serve_forward(socket_: WebSocket, protocol: str, netns_path: str, ports: tuple[int, ...]) -> None:
    """Until the client leaves."""
    if protocol == SPDY_FORWARD:
        await _SpdyForward(socket_, netns_path).run()
    else:
        await _channels_forward(socket_, netns_path, ports)


async def _connect(netns_path: str, port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A connection to localhost as the pod sees it: IPv4 first, then IPv6. Raises OSError."""
    loop = asyncio.get_running_loop()
    failure: OSError | None = None
    for family, host in ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")):
        own = _socket_in(netns_path, family)
        try:
            async with asyncio.timeout(_CONNECT_S):
                await loop.sock_connect(own, (host, port))
            return await asyncio.open_connection(sock=own)
        except (OSError, TimeoutError) as error:
            own.close()
            failure = failure or OSError(str(error) or "timed out")
    assert failure is not None
    raise failure


def _socket_in(netns_path: str, family: socket.AddressFamily) -> socket.socket:
    """A socket belongs for ever to the namespace it was made in."""

    def make() -> socket.socket:
        return socket.socket(family, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)

    if not netns_path:
        return make()
    fd = os.open(netns_path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        return netns.run_in(fd, make)
    finally:
        os.close(fd)


class _Forwarded:
    """One forwarded connection: its two streams, and the pod's side once it is open."""

    def __init__(self) -> None:
        self.data_stream = 0
        self.error_stream = 0
        self.port = 0
        self.early: list[bytes] = []
        self.ended = False
        self.writer: asyncio.StreamWriter | None = None


class _SpdyForward:
    """A client opens an error and a data stream with the same requestID for each connection."""

    def __init__(self, socket_: WebSocket, netns_path: str) -> None:
        self._socket = socket_
        self._netns_path = netns_path
        self._peer = Peer()
        self._requests: dict[str, _Forwarded] = {}
        self._streams: dict[int, _Forwarded] = {}

    async def run(self) -> None:
        tasks: set[asyncio.Task[None]] = set()
        try:
            while (message := await self._socket.receive()) is not None:
                for event in self._peer.feed(message):
                    match event:
                        case Opened():
                            forwarded = await self._opened(event)
                            if forwarded:
                                task = asyncio.ensure_future(self._carry(forwarded))
                                tasks.add(task)
                                task.add_done_callback(tasks.discard)
                        case Received(stream, data, last):
                            await self._received(stream, data, last)
                        case Reset(stream):
                            self._reset(stream)
                        case Pinged(number):
                            await self._socket.send(self._peer.pong(number))
                        case GoneAway():
                            return
        finally:
            for task in tasks:
                task.cancel()
            await self._socket.close()

    async def _opened(self, event: Opened) -> _Forwarded | None:
        """The connection that is complete now, if this was its second stream."""
        await self._socket.send(self._peer.accept(event.stream))
        forwarded = self._requests.setdefault(event.headers.get("requestid", str(event.stream)), _Forwarded())
        port = event.headers.get("port", "")
        forwarded.port = int(port) if port.isdigit() else forwarded.port
        if event.headers.get("streamtype") == "error":
            forwarded.error_stream = event.stream
        else:
            forwarded.data_stream = event.stream
        self._streams[event.stream] = forwarded
        return forwarded if forwarded.error_stream and forwarded.data_stream else None

    async def _received(self, stream: int, data: bytes, last: bool) -> None:
        forwarded = self._streams.get(stream)
        if forwarded is None or stream != forwarded.data_stream:
            return
        if forwarded.writer is None:
            forwarded.early.append(data)
            forwarded.ended = forwarded.ended or last
            return
        with contextlib.suppress(OSError):
            forwarded.writer.write(data)
            await forwarded.writer.drain()
            if last and forwarded.writer.can_write_eof():
                forwarded.writer.write_eof()

    def _reset(self, stream: int) -> None:
        forwarded = self._streams.pop(stream, None)
        if forwarded and forwarded.writer and stream == forwarded.data_stream:
            forwarded.writer.close()

    async def _carry(self, forwarded: _Forwarded) -> None:
        try:
            reader, writer = await _connect(self._netns_path, forwarded.port)
        except OSError as error:
            text = f"failed to connect to localhost:{forwarded.port} inside the pod: {error}"
            await self._socket.send(self._peer.data(forwarded.error_stream, text.encode(), last=True))
            await self._socket.send(self._peer.data(forwarded.data_stream, b"", last=True))
            return
        try:
            for data in forwarded.early:
                writer.write(data)
            forwarded.writer = writer
            if forwarded.ended:
                writer.write_eof()
            with contextlib.suppress(ConnectionError):
                while data := await reader.read(_READ_BYTES):
                    await self._socket.send(self._peer.data(forwarded.data_stream, data))
            await self._socket.send(self._peer.data(forwarded.data_stream, b"", last=True))
            await self._socket.send(self._peer.data(forwarded.error_stream, b"", last=True))
        finally:
            writer.close()
            self._streams.pop(forwarded.data_stream, None)
            self._streams.pop(forwarded.error_stream, None)


async def _channels_forward(socket_: WebSocket, netns_path: str, ports: tuple[int, ...]) -> None:
    """Two channels a port, data and error; each begins with the port's number (little endian)."""
    writers: dict[int, asyncio.StreamWriter] = {}
    tasks: list[asyncio.Task[None]] = []
    try:
        for index, port in enumerate(ports):
            data, error = 2 * index, 2 * index + 1
            for channel in (data, error):
                await socket_.send(channel_message(channel, port.to_bytes(2, "little")))
            try:
                reader, writers[data] = await _connect(netns_path, port)
            except OSError as problem:
                await socket_.send(
                    channel_message(error, f"failed to connect to port {port}: {problem}".encode())
                )
                continue
            tasks.append(asyncio.ensure_future(_channel_out(socket_, data, reader)))
        while (message := await socket_.receive()) is not None:
            match parse(message):
                case Data(channel, data_) if channel in writers:
                    writers[channel].write(data_)
                    await writers[channel].drain()
                case _:
                    continue
    finally:
        for task in tasks:
            task.cancel()
        for writer in writers.values():
            writer.close()


async def _channel_out(socket_: WebSocket, channel: int, reader: asyncio.StreamReader) -> None:
    while data := await reader.read(_READ_BYTES):
        await socket_.send(channel_message(channel, data))
