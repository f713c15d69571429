"""The HTTP server of health, ready and metrics, over loopback."""

from __future__ import annotations

import asyncio
import socket
from typing import Any

import pytest

from dns.handlers.site import HttpRoute
from dns.http.serve import HttpServer

ROUTES = (
    HttpRoute("127.0.0.1:0", "/health", lambda _: (200, "text/plain", b"OK"), "health"),
    HttpRoute("127.0.0.1:0", "/ready", lambda _: (503, "text/plain", b"kubernetes"), "ready"),
    HttpRoute("127.0.0.1:0", "/echo", lambda words: (200, "text/plain", words.get("x", "-").encode())),
)


def ask(*requests: bytes, until_closed: bool = False) -> bytes:
    async def main() -> bytes:
        server = HttpServer("127.0.0.1:0", ROUTES)
        await server.start()
        reader, writer = await asyncio.open_connection("127.0.0.1", int(server.in_use.split(":")[1]))
        try:
            for request in requests:
                writer.write(request)
                await writer.drain()
            async with asyncio.timeout(90):
                return await (reader.read() if until_closed else reader.read(65_536))
        finally:
            writer.close()
            server.stop()
            await asyncio.sleep(0.01)

    return asyncio.run(main())


@pytest.mark.parametrize(
    ("target", "status", "body"),
    [
        ("/health", b"200 OK", b"OK"),
        ("/ready", b"503 Service Unavailable", b"kubernetes"),
        ("/echo?x=1%202", b"200 OK", b"1 2"),
        ("/nowhere", b"404 Not Found", b"there is /echo, /health, /ready\n"),
        ("http://[", b"404 Not Found", b"there is"),
    ],
)
def test_paths(target: str, status: bytes, body: bytes) -> None:
    found = ask(f"GET {target} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    head, _, rest = found.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 " + status)
    assert rest.startswith(body)


def test_a_head_has_no_body_and_other_methods_are_refused() -> None:
    assert ask(b"HEAD /health HTTP/1.1\r\n\r\n").endswith(b"Content-Length: 2\r\n\r\n")
    assert ask(b"POST /health HTTP/1.1\r\n\r\n").startswith(b"HTTP/1.1 405 ")


def test_several_requests_of_one_connection_and_one_in_pieces() -> None:
    whole = b"GET /health HTTP/1.1\r\n\r\n"
    found = ask(whole + whole[:9], whole[9:-4], b"\r\nConnection: close\r\n\r\n", until_closed=True)
    assert found.count(b"HTTP/1.1 200 OK") == 2


@pytest.mark.parametrize(
    "request_", [b"nonsense\r\n\r\n", b"\0" * 20_000, b"GET " + b"/" * 20_000 + b" HTTP/1.1\r\n\r\n"]
)
def test_what_is_no_request_ends_the_connection(request_: bytes) -> None:
    def closed() -> Any:
        try:
            return ask(request_, until_closed=True)
        except ConnectionError:
            return b""

    assert closed() == b""


def test_a_port_that_is_taken_is_an_error() -> None:
    async def main(port: int) -> None:
        await HttpServer(f"127.0.0.1:{port}", ROUTES).start()

    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        with pytest.raises(OSError, match="in use"):
            asyncio.run(main(other.getsockname()[1]))
