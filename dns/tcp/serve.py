"""DNS over TCP and TLS: length-prefixed, as many questions in flight as the client likes, answers in any order."""

from __future__ import annotations

import asyncio
import socket
from typing import TYPE_CHECKING, cast

from dns.answering.responder import Responder
from dns.bound_socket import unbound
from dns.tcp.crowd import Crowd

if TYPE_CHECKING:
    import ssl

    from typing_extensions import override
else:

    def override(method: object) -> object:
        return method


IDLE_S = 10.0
BACKLOG = (
    4096  # as much as the system lets wait; a connection beyond would wait a second for its next attempt
)
# A client that does not read its answers is not read from either.
MAX_UNSENT_BYTES = 1 << 20


def open_tcp(host: str, port: int) -> socket.socket:
    """A listening socket; an empty host means every address of both families."""
    sock, host = unbound(host, socket.SOCK_STREAM)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        sock.bind((host, port))
        sock.listen(BACKLOG)
        sock.setblocking(False)
    except OSError:
        sock.close()
        raise
    return sock


async def serve_tcp(
    sock: socket.socket,
    responder: Responder,
    crowd: Crowd,
    *,
    idle_s: float = IDLE_S,
    questions: int = 0,
    tls: ssl.SSLContext | None = None,
) -> asyncio.Server:
    """`questions`: after so many on one connection it is closed; 0: never."""
    loop = asyncio.get_running_loop()
    return await loop.create_server(
        lambda: Connection(responder, crowd, idle_s, questions),
        sock=sock,
        ssl=tls,
        backlog=BACKLOG,
        start_serving=True,
    )


class Connection(asyncio.Protocol):
    """One client's connection."""

    def __init__(self, responder: Responder, crowd: Crowd, idle_s: float, questions: int = 0) -> None:
        self._left = questions or -1  # how many more are taken; below 0: any number
        self._late = 0  # answers on their way
        self._crowd = crowd
        self._idle_s = idle_s
        self._responder = responder
        self._buffer = b""
        self._transport: asyncio.Transport | None = None
        self._client = ("", 0)
        self._local = ""
        self._from_ipv6 = False
        self._idle: asyncio.TimerHandle | None = None

    @override
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport = cast("asyncio.Transport", transport)
        transport.set_write_buffer_limits(MAX_UNSENT_BYTES)
        self._crowd.join(self)
        peer = transport.get_extra_info("peername") or ("", 0)
        self._client = (str(peer[0]).removeprefix("::ffff:"), peer[1])
        self._from_ipv6 = ":" in self._client[0]
        self._local = str((transport.get_extra_info("sockname") or ("",))[0]).removeprefix("::ffff:")
        self._wait()

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        self._crowd.leave(self)
        if self._idle is not None:
            self._idle.cancel()

    @override
    def pause_writing(self) -> None:
        if self._transport is not None:
            self._transport.pause_reading()

    @override
    def resume_writing(self) -> None:
        if self._transport is not None:
            self._transport.resume_reading()

    @override
    def data_received(self, data: bytes) -> None:
        buffer = self._buffer + data if self._buffer else data
        offset = 0
        out: list[bytes] = []
        memo = self._responder.memo
        loop = asyncio.get_running_loop()
        memo.tick(int(loop.time()))
        while self._left and len(buffer) - offset >= 2:
            length = buffer[offset] << 8 | buffer[offset + 1]
            if len(buffer) - offset - 2 < length:
                break
            packet = buffer[offset + 2 : offset + 2 + length]
            offset += 2 + length
            self._left -= 1
            entry = memo.lasting.get(packet[2:]) or memo.passing.get(packet[2:])
            answer: bytes | None
            if entry is not None:
                entry.hits += 1
                answer = packet[:2] + entry.variants[entry.hits % len(entry.variants)][2:]
            else:
                answer = self._responder.short_answer(packet[:2], packet[2:], from_ipv6=self._from_ipv6)
                if answer is None:
                    answer = self._responder.respond(packet, *self._client, self._send, self._local)
                    self._late += answer is None
            if answer is not None:
                out += (len(answer).to_bytes(2, "big"), answer)
        self._buffer = buffer[offset:]
        if not self._crowd.spoke(self, len(self._buffer)):
            self._buffer = b""
            self.close()
            return
        if out and self._transport is not None:
            self._transport.write(b"".join(out))
        self._wait()
        self._close_if_done()

    def _send(self, answer: bytes) -> None:
        if self._transport is not None:
            self._transport.write(len(answer).to_bytes(2, "big") + answer)
        self._late -= 1
        self._close_if_done()

    def _close_if_done(self) -> None:
        """What was asked is answered, and no more is taken."""
        if not self._left and self._late <= 0:
            self.close()

    def _wait(self) -> None:
        """Close a connection that says nothing for a while."""
        if self._idle is not None:
            self._idle.cancel()
        self._idle = asyncio.get_running_loop().call_later(self._idle_s, self.close)

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()
