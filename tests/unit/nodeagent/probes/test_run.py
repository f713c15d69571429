"""Probes against small servers on ports the kernel chooses."""

import asyncio

import msgspec

from kube.objects.containers import Container, Probe
from nodeagent.probes.run import Outcome, port_number, probe_once

NO_FRAME = b""
SETTINGS = b"\x00\x00\x00\x04\x00\x00\x00\x00\x00"


async def no_exec(_argv: tuple[str, ...], _timeout_s: float) -> tuple[int, str]:
    raise AssertionError("not asked for")


def container(port: int = 0) -> Container:
    return msgspec.convert(
        {"name": "main", "ports": [{"name": "web", "containerPort": port or 1}]}, Container
    )


def probe(**fields) -> Probe:
    return msgspec.convert({"timeoutSeconds": 60, **fields}, Probe)


def against(answer: bytes, build, *, read: bool = True) -> Outcome:
    """The outcome of build(port) against a server that says `answer` to whatever it is told."""

    async def main() -> Outcome:
        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            if read:
                await reader.read(4096)
            writer.write(answer)
            await writer.drain()
            writer.close()

        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        async with server:
            port = server.sockets[0].getsockname()[1]
            return await probe_once(build(port), container(port), "127.0.0.1", no_exec)

    return asyncio.run(main())


def http(answer: bytes) -> Outcome:
    return against(answer, lambda _port: probe(httpGet={"port": "web", "path": "/"}))


def test_http_succeeds_from_200_to_399():
    assert http(b"HTTP/1.1 200 OK\r\n\r\nfine").success
    assert http(b"HTTP/1.1 304 Not Modified\r\n\r\n").success
    failed = http(b"HTTP/1.1 503 No\r\n\r\n")
    assert failed == Outcome(False, "HTTP probe failed with statuscode: 503")
    assert not http(b"hello\n").success


def test_redirects_are_followed_on_the_same_host_only():
    away = http(b"HTTP/1.1 302 Found\r\nLocation: http://example.org/\r\n\r\nthere")
    assert away == Outcome(True, "", "Probe terminated redirects, Response body: there")
    turning = http(b"HTTP/1.1 302 Found\r\nlocation: /again\r\n\r\n")
    assert turning == Outcome(False, "stopped after 10 redirects")


def test_a_header_of_the_probe_takes_the_place_of_the_usual_one():
    seen: list[bytes] = []

    async def main() -> None:
        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            seen.append(await reader.readuntil(b"\r\n\r\n"))
            writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
            writer.close()

        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        async with server:
            port = server.sockets[0].getsockname()[1]
            headers = [{"name": "host", "value": "web.example"}]
            asked = probe(httpGet={"port": port, "path": "/", "httpHeaders": headers})
            await probe_once(asked, container(), "127.0.0.1", no_exec)

    asyncio.run(main())
    assert seen[0].lower().count(b"host:") == 1
    assert b"web.example" in seen[0]


def test_tcp_succeeds_when_somebody_listens():
    assert against(b"", lambda port: probe(tcpSocket={"port": port}), read=False).success
    closed = asyncio.run(probe_once(probe(tcpSocket={"port": 1}), container(), "127.0.0.1", no_exec))
    assert not closed.success


def grpc(status: bytes) -> Outcome:
    message = b"\x00\x00\x00\x00" + bytes([len(status)]) + status
    data = len(message).to_bytes(3, "big") + b"\x00\x00" + (1).to_bytes(4, "big") + message
    return against(SETTINGS + data, lambda port: probe(grpc={"port": port, "service": "x"}))


def test_grpc_succeeds_when_serving():
    assert grpc(b"\x08\x01").success
    assert not grpc(b"\x08\x02").success
    assert not against(b"", lambda port: probe(grpc={"port": port})).success


def test_commands_succeed_with_status_zero_and_fail_in_time():
    async def run(argv: tuple[str, ...], _timeout_s: float) -> tuple[int, str]:
        if argv == ("slow",):
            raise TimeoutError
        return len(argv) - 1, "said"

    async def outcome(*command: str) -> Outcome:
        return await probe_once(probe(exec={"command": list(command)}), container(), "", run)

    assert asyncio.run(outcome("ok")) == Outcome(True, "said")
    assert asyncio.run(outcome("not", "ok")) == Outcome(False, "said")
    assert asyncio.run(outcome("slow")) == Outcome(False, "command timed out after 60s")


def test_ports_may_be_names():
    assert port_number("web", container(8080)) == 8080
    assert port_number("81", container()) == 81
    missing = asyncio.run(probe_once(probe(httpGet={"port": "no"}), container(), "127.0.0.1", no_exec))
    assert "couldn't find port" in missing.output
