"""A small HTTP server: health, metrics, and the node ports of service health checks.

Answers one request a connection, from memory; nothing here is worth a framework's start-up time.
"""

import asyncio
import socket
from collections.abc import Callable
from contextlib import suppress
from email.utils import formatdate
from http import HTTPStatus

from kproxy.health import Answer

Handler = Callable[[str], Answer]
"""Takes the path, with its query."""

_REQUEST_TIMEOUT_S = 10.0


class HttpServer:
    """Bound when `start` returns; raises OSError where the address is taken."""

    def __init__(self, handler: Handler) -> None:
        self._handler = handler
        self._server: asyncio.Server | None = None

    async def start(self, host: str, port: int) -> None:
        listening = _listen(host, port)
        self._server = await asyncio.start_server(self._serve, sock=listening)

    @property
    def port(self) -> int:
        assert self._server is not None
        return int(self._server.sockets[0].getsockname()[1])

    def close(self) -> None:
        if self._server is not None:
            self._server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            async with asyncio.timeout(_REQUEST_TIMEOUT_S):
                head = await reader.readuntil(b"\r\n\r\n")
                method, _, rest = head.partition(b" ")
                path = rest.split(b" ", 1)[0].decode("latin-1")
                writer.write(_render(self._answer(method, path), with_body=method != b"HEAD"))
                await writer.drain()
        writer.close()

    def _answer(self, method: bytes, path: str) -> Answer:
        if method not in (b"GET", b"HEAD", b"POST"):
            return text_answer(405, "method not allowed\n")
        return self._handler(path)


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            listening.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, int(host != "::"))
        listening.bind((host, port))
        listening.setblocking(False)
    except OSError:
        listening.close()
        raise
    return listening


def text_answer(status: int, text: str, kind: str = "text/plain; charset=utf-8") -> Answer:
    return Answer(status, text.encode(), (("Content-Type", kind), ("X-Content-Type-Options", "nosniff")))


def _render(answer: Answer, *, with_body: bool) -> bytes:
    head = [f"HTTP/1.1 {answer.status} {HTTPStatus(answer.status).phrase}"]
    head += [f"{name}: {value}" for name, value in answer.headers]
    head += [f"Date: {formatdate(usegmt=True)}", f"Content-Length: {len(answer.body)}", "Connection: close"]
    return "\r\n".join(head).encode() + b"\r\n\r\n" + (answer.body if with_body else b"")
