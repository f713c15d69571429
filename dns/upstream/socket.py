"""Questions to one upstream server over UDP, TCP or TLS. Sockets are shared by many questions at a time."""

from __future__ import annotations

import asyncio
import contextlib
from random import Random, SystemRandom
from typing import TYPE_CHECKING, cast

from dns.upstream.targets import Target

if TYPE_CHECKING:
    import ssl

    from typing_extensions import override
else:

    def override(method: object) -> object:
        return method


MAX_IN_FLIGHT = 512  # of one UDP socket; more opens another
CONNECT_TIMEOUT_S = 5.0


class UpstreamError(Exception):
    """No answer; the text names the server and what happened."""


class Upstream:
    """One server's sockets. UDP and TCP sockets are left after `expire_s`, so that source ports change."""

    def __init__(
        self,
        target: Target,
        *,
        expire_s: float = 10.0,
        read_timeout_s: float = 2.0,
        max_age_s: float = 0.0,
        tls: ssl.SSLContext | None = None,
        source_address: str = "",
        rng: Random | None = None,
    ) -> None:
        self.target = target
        self.hits = {"udp": 0, "tcp": 0, "tcp-tls": 0}  # questions on a socket that was there
        self.misses = {"udp": 0, "tcp": 0, "tcp-tls": 0}
        self._expire_s = expire_s
        self._read_timeout_s = read_timeout_s
        self._max_age_s = max_age_s or float("inf")
        self._tls = tls
        self._source = (source_address, 0) if source_address else None
        self._rng = rng or SystemRandom()
        self._udp: list[_Datagrams] = []
        self._stream: _Stream | None = None
        self._connecting = asyncio.Lock()

    async def exchange(self, packet: bytes, *, stream: bool) -> bytes:
        """The answer to packet, with packet's ID. Raises UpstreamError after the read timeout or a socket error."""
        use_stream = stream or self.target.transport == "tls"
        carrier = await self._open_stream() if use_stream else await self._open_datagrams()
        packet_id = self._rng.getrandbits(16)
        while packet_id in carrier.waiting:
            packet_id = self._rng.getrandbits(16)
        answer: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        carrier.waiting[packet_id] = answer
        proto = "tcp" if use_stream else "udp"
        try:
            carrier.send(packet_id.to_bytes(2, "big") + packet[2:])
            async with asyncio.timeout(self._read_timeout_s):
                reply = await answer
        except TimeoutError:
            raise UpstreamError(f"read {proto} ->{self.target.text}: i/o timeout") from None
        except OSError as problem:
            raise UpstreamError(f"read {proto} ->{self.target.text}: {_text(problem)}") from problem
        finally:
            carrier.waiting.pop(packet_id, None)
        return packet[:2] + reply[2:]

    async def close(self) -> None:
        for socket in self._udp:
            socket.close()
        self._udp.clear()
        if self._stream is not None:
            self._stream.close()

    async def _open_datagrams(self) -> _Datagrams:
        if (ready := self._usable_datagrams()) is not None:
            self.hits["udp"] += 1
            return ready
        async with self._connecting:
            if (ready := self._usable_datagrams()) is not None:  # opened by another question meanwhile
                self.hits["udp"] += 1
                return ready
            self.misses["udp"] += 1
            loop = asyncio.get_running_loop()
            try:
                _, opened = await loop.create_datagram_endpoint(
                    lambda: _Datagrams(loop.time()),
                    remote_addr=(self.target.host, self.target.port),
                    local_addr=self._source,
                )
            except OSError as problem:
                raise UpstreamError(f"dial udp {self.target.text}: {_text(problem)}") from problem
            self._udp.append(opened)
            return opened

    def _usable_datagrams(self) -> _Datagrams | None:
        """An open socket with room; those that are too old are left to end."""
        now = asyncio.get_running_loop().time()
        for socket in list(self._udp):
            if socket.broken or now - socket.opened_at_s > self._expire_s:
                self._udp.remove(socket)
                socket.close_when_idle()
        return next((socket for socket in self._udp if len(socket.waiting) < MAX_IN_FLIGHT), None)

    async def _open_stream(self) -> _Stream:
        name = "tcp-tls" if self.target.transport == "tls" else "tcp"
        async with self._connecting:
            now = asyncio.get_running_loop().time()
            stream = self._stream
            if stream is not None and stream.is_usable(now, self._expire_s, self._max_age_s):
                self.hits[name] += 1
                stream.used_at_s = now
                return stream
            if stream is not None:
                stream.close_when_idle()
            self.misses[name] += 1
            host = self.target.server_name or self.target.host
            try:
                async with asyncio.timeout(CONNECT_TIMEOUT_S):
                    reader, writer = await asyncio.open_connection(
                        self.target.host,
                        self.target.port,
                        ssl=self._tls,
                        server_hostname=host if self._tls is not None else None,
                        local_addr=self._source,
                    )
            except TimeoutError:
                raise UpstreamError(f"dial tcp {self.target.text}: i/o timeout") from None
            except OSError as problem:
                raise UpstreamError(f"dial tcp {self.target.text}: {_text(problem)}") from problem
            self._stream = _Stream(reader, writer, now)
            return self._stream


def _text(problem: OSError) -> str:
    return (problem.strerror or str(problem)).lower()


class _Waiting:
    """Questions that wait for their answers, by ID."""

    def __init__(self) -> None:
        self.waiting: dict[int, asyncio.Future[bytes]] = {}
        self.broken = False

    def deliver(self, data: bytes) -> None:
        if len(data) < 12 or not data[2] & 0x80:
            return
        future = self.waiting.get(int.from_bytes(data[:2], "big"))
        if future is not None and not future.done():
            future.set_result(data)

    def fail(self, problem: Exception) -> None:
        self.broken = True
        for future in self.waiting.values():
            if not future.done():
                future.set_exception(problem)


class _Datagrams(_Waiting, asyncio.DatagramProtocol):
    """One connected UDP socket: the kernel drops what other hosts send to it."""

    def __init__(self, opened_at_s: float) -> None:
        super().__init__()
        self.opened_at_s = opened_at_s
        self._transport: asyncio.DatagramTransport | None = None
        self._closing = False

    @override
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # Not isinstance: before Python 3.12 the event loop's class does not say what it is.
        self._transport = cast("asyncio.DatagramTransport", transport)

    @override
    def datagram_received(self, data: bytes, addr: object) -> None:
        self.deliver(data)
        if self._closing and all(future.done() for future in self.waiting.values()):
            self.close()

    @override
    def error_received(self, exc: Exception) -> None:
        self.fail(exc)

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        self.fail(exc or ConnectionResetError("closed"))

    def send(self, packet: bytes) -> None:
        assert self._transport is not None
        self._transport.sendto(packet)

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()

    def close_when_idle(self) -> None:
        self._closing = True
        if not self.waiting:
            self.close()


class _Stream(_Waiting):
    """One TCP or TLS connection; answers may come in any order (RFC 7766)."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, now: float) -> None:
        super().__init__()
        self.used_at_s = now
        self._opened_at_s = now
        self._writer = writer
        self._reading = asyncio.ensure_future(self._read(reader))

    def is_usable(self, now: float, expire_s: float, max_age_s: float) -> bool:
        return not self.broken and now - self.used_at_s < expire_s and now - self._opened_at_s < max_age_s

    async def _read(self, reader: asyncio.StreamReader) -> None:
        try:
            while True:
                length = int.from_bytes(await reader.readexactly(2), "big")
                self.deliver(await reader.readexactly(length))
        except (OSError, asyncio.IncompleteReadError):
            self.fail(ConnectionResetError("connection was closed by the server"))
        finally:
            self.broken = True
            with contextlib.suppress(OSError):
                self._writer.close()

    def send(self, packet: bytes) -> None:
        self._writer.write(len(packet).to_bytes(2, "big") + packet)

    def close(self) -> None:
        self.broken = True
        self._reading.cancel()

    def close_when_idle(self) -> None:
        self.broken = True
        if not self.waiting:
            self.close()
