"""The small HTTP server."""

import asyncio

import pytest

from kproxy.pages.checks import Check
from kproxy.pages.checks_serve import CheckServers
from kproxy.pages.health import Answer
from kproxy.pages.serve import HttpServer, Request, text_answer
from kube.objects import NamespacedName
from tests.ports import free_port

_SERVICE = NamespacedName("ns", "svc")


async def _ask(port: int, request: bytes) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(request)
    answer = await reader.read()
    writer.close()
    await writer.wait_closed()
    return answer


def test_get_and_head() -> None:
    async def test() -> None:
        server = HttpServer(lambda request: text_answer(200, f"you asked {request.path}"))
        await server.start("127.0.0.1", 0)
        got = await _ask(server.port, b"GET /x?y HTTP/1.1\r\nHost: h\r\n\r\n")
        assert got.startswith(b"HTTP/1.1 200 OK\r\n")
        assert got.endswith(b"\r\n\r\nyou asked /x")
        head = await _ask(server.port, b"HEAD / HTTP/1.1\r\n\r\n")
        assert head.endswith(b"\r\n\r\n")
        assert b"Content-Length: 11" in head
        server.close()

    asyncio.run(test())


def test_methods_queries_and_bodies_reach_the_page() -> None:
    async def test() -> None:
        seen: list[Request] = []

        def note(request: Request) -> Answer:
            seen.append(request)
            return text_answer(200, "")

        server = HttpServer(note)
        await server.start("127.0.0.1", 0)
        await _ask(server.port, b"PUT /debug/flags/v?a=1 HTTP/1.1\r\nContent-Length: 1\r\n\r\n4")
        await _ask(server.port, b"nonsense\r\n\r\n")
        assert seen == [Request("PUT", "/debug/flags/v", "a=1", b"4"), Request("nonsense", "")]
        server.close()

    asyncio.run(test())


def test_a_taken_port_is_an_error_at_once() -> None:
    async def test() -> None:
        first = HttpServer(lambda _: text_answer(200, ""))
        await first.start("127.0.0.1", 0)
        with pytest.raises(OSError, match="in use"):
            await HttpServer(lambda _: text_answer(200, "")).start("127.0.0.1", first.port)
        first.close()

    asyncio.run(test())


def test_a_service_check_lives_as_long_as_its_service_asks_for_it() -> None:
    async def test() -> None:
        free, port = HttpServer(lambda _: text_answer(200, "")), free_port()
        await free.start("127.0.0.1", port)
        servers = CheckServers(lambda: True)
        assert await servers.update({_SERVICE: Check(port, 1)}, ["127.0.0.1"]) == {
            _SERVICE: f"port {port}: Address already in use"
        }
        free.close()
        assert await servers.update({_SERVICE: Check(port, 0)}, ["127.0.0.1"]) == {}
        assert b" 503 " in await _ask(port, b"GET /any HTTP/1.1\r\n\r\n")
        await servers.update({_SERVICE: Check(port, 3)}, ["127.0.0.1"])
        answer = await _ask(port, b"GET / HTTP/1.1\r\n\r\n")
        assert b" 200 OK" in answer
        assert b"X-Load-Balancing-Endpoint-Weight: 3\r\n" in answer
        await servers.update({_SERVICE: None}, ["127.0.0.1"])
        with pytest.raises(ConnectionRefusedError):
            await _ask(port, b"GET / HTTP/1.1\r\n\r\n")
        servers.close()

    asyncio.run(test())


def test_a_service_check_listens_everywhere_in_both_families() -> None:
    async def test() -> None:
        port = free_port()
        servers = CheckServers(lambda: True)
        assert await servers.update({_SERVICE: Check(port, 1)}, ["0.0.0.0", "::"]) == {}
        assert b" 200 OK" in await _ask(port, b"GET / HTTP/1.1\r\n\r\n")
        servers.close()

    asyncio.run(test())
