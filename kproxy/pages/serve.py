"""A small HTTP server: health, metrics, and the node ports of service health checks.

Answers one request a connection, from memory; nothing here is worth a framework's start-up time.
"""

import asyncio
import re
import socket
from collections.abc import Callable
from contextlib import suppress
from email.utils import formatdate
from http import HTTPStatus
from typing import NamedTuple

from kproxy.pages.health import Answer


class Request(NamedTuple):
    """`path` is without the query."""

    method: str
    path: str
    query: str = ""
    body: bytes = b""


Handler = Callable[[Request], Answer]

_REQUEST_TIMEOUT_S = 10.0
_MAX_BODY_BYTES = 4096
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d{1,9})\r\n", re.IGNORECASE)


class HttpServer:
    """Bound when `start` returns; raises OSError where the address is taken."""

    def __init__(self, handler: Handler) -> None:
        self._handler = handler
        self._server: asyncio.Server | None = None

    async def start(self, host: str, port: int, *, ipv6_alone: bool = False) -> None:
        """On `::` for IPv4, too, unless IPv6 is to stand alone."""
        listening = _listen(host, port, ipv6_alone=ipv6_alone or host != "::")
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
                request = await _read(reader)
                writer.write(_render(self._handler(request), with_body=request.method != "HEAD"))
                await writer.drain()
        writer.close()


async def _read(reader: asyncio.StreamReader) -> Request:
    """Any method: kube-proxy's pages answer all alike."""
    head = await reader.readuntil(b"\r\n\r\n")
    method, target, *_ = *head.partition(b"\r\n")[0].decode("latin-1").split(" "), ""
    found = _LENGTH.search(head)
    length = min(int(found[1]) if found else 0, _MAX_BODY_BYTES)
    path, _, query = target.partition("?")
    return Request(method, path, query, await reader.readexactly(length))


def _listen(host: str, port: int, *, ipv6_alone: bool) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            listening.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, int(ipv6_alone))
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
