"""The HTTP transport against a server that speaks raw bytes on loopback."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from kube.client import Client, Conflict, NotFound, Unreachable
from kube.client.http_socket import Endpoint, HttpTransport
from kube.objects import Service

Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def with_server(handler: Handler, test: Callable[[HttpTransport], Awaitable[None]]) -> None:
    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await handler(reader, writer)
        finally:
            writer.close()

    async def run() -> None:
        server = await asyncio.start_server(handle, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        transport = HttpTransport(Endpoint("127.0.0.1", port), None, user_agent="test")
        try:
            await test(transport)
        finally:
            await transport.close()
            server.close()
            await server.wait_closed()

    asyncio.run(asyncio.wait_for(run(), 90))


async def read_request(reader: asyncio.StreamReader) -> bytes:
    head = await reader.readuntil(b"\r\n\r\n")
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            return head + await reader.readexactly(int(line.split(b":")[1]))
    return head


def reply(status: str, body: bytes) -> bytes:
    return b"HTTP/1.1 %s\r\ncontent-length: %d\r\n\r\n%s" % (status.encode(), len(body), body)


def test_connections_are_kept_and_a_closed_one_is_replaced_unseen() -> None:
    connections = []

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connections.append(1)
        for _ in range(2):
            await read_request(reader)
            writer.write(reply("200 OK", b"{}"))
            await writer.drain()

    async def test(transport: HttpTransport) -> None:
        for _ in range(4):
            answer = await transport.request("GET", "/x", query={}, headers={}, body=b"")
            assert answer.status == 200

    with_server(handler, test)
    assert len(connections) == 2


def test_query_headers_and_body_arrive() -> None:
    seen = []

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.append(await read_request(reader))
        writer.write(reply("201 Created", b'{"metadata":{"name":"s"}}'))
        await writer.drain()

    async def test(transport: HttpTransport) -> None:
        reply = await transport.request(
            "POST", "/api/v1/x", query={"a": "b c"}, headers={"content-type": "application/json"}, body=b"{}"
        )
        assert reply.status == 201

    with_server(handler, test)
    head = seen[0].lower()
    assert head.startswith(b"post /api/v1/x?a=b+c http/1.1\r\n")
    assert b"user-agent: test" in head
    assert seen[0].endswith(b"\r\n\r\n{}")


@pytest.mark.parametrize(
    ("status", "body", "error"),
    [
        ("404 Not Found", b'{"kind":"Status","reason":"NotFound","code":404,"message":"no"}', NotFound),
        ("409 Conflict", b'{"kind":"Status","reason":"Conflict","code":409,"message":"changed"}', Conflict),
        ("404 Not Found", b"404 page not found", NotFound),
    ],
)
def test_a_refusal_is_raised_by_its_meaning(status: str, body: bytes, error: type[Exception]) -> None:
    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(reply(status, body))
        await writer.drain()

    async def test(transport: HttpTransport) -> None:
        with pytest.raises(error):
            await Client(transport).get(Service, "s", "ns")

    with_server(handler, test)


def test_nobody_listening_is_unreachable_and_names_the_url() -> None:
    async def run() -> None:
        transport = HttpTransport(Endpoint("127.0.0.1", 1), None, user_agent="test")
        with pytest.raises(Unreachable, match=r"http://127\.0\.0\.1:1"):
            await transport.request("GET", "/", query={}, headers={}, body=b"")

    asyncio.run(run())


def test_watch_lines_are_whole_whatever_the_chunks_are() -> None:
    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")
        for part in (b'{"a"', b":1}\n{", b'"b":2}\n{"c":3}\n'):
            writer.write(b"%x\r\n%s\r\n" % (len(part), part))
            await writer.drain()
            await asyncio.sleep(0.01)
        writer.write(b"0\r\n\r\n")
        await writer.drain()

    async def test(transport: HttpTransport) -> None:
        async with transport.stream("/w", query={}, headers={}) as stream:
            assert [line async for line in stream.lines] == [b'{"a":1}', b'{"b":2}', b'{"c":3}']

    with_server(handler, test)


def test_a_stream_that_is_cut_is_unreachable() -> None:
    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\n{}\n\r\n")
        await writer.drain()

    async def test(transport: HttpTransport) -> None:
        with pytest.raises(Unreachable):
            async with transport.stream("/w", query={}, headers={}) as stream:
                async for _ in stream.lines:
                    pass

    with_server(handler, test)
