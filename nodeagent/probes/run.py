"""Carrying out one probe, or the network half of a lifecycle hook."""

import asyncio
import contextlib
import ssl
from collections.abc import Awaitable, Callable, Mapping
from typing import NamedTuple
from urllib.parse import urljoin, urlsplit

from kube.objects.containers import Container, GRPCAction, HTTPGetAction, Probe, TCPSocketAction

_BODY_BYTES = 10 * 1024
_REDIRECTS = (301, 302, 303, 307, 308)
_REDIRECTS_MAX = 10
# (argv, timeout) → exit code and output of a command in the container
Exec = Callable[[tuple[str, ...], float], Awaitable[tuple[int, str]]]


class Outcome(NamedTuple):
    success: bool
    output: str
    warning: str = ""  # of a success


class NoSuchPort(Exception):
    """A probe names a port the container does not declare."""


async def probe_once(probe: Probe, container: Container, ip: str, run: Exec) -> Outcome:
    """One attempt within timeoutSeconds; every kind of failure is an Outcome."""
    try:
        async with asyncio.timeout(probe.timeout_seconds + (0.5 if probe.exec else 0)):
            if probe.exec:
                code, output = await run(probe.exec.command, probe.timeout_seconds)
                return Outcome(code == 0, output)
            if probe.http_get:
                return await http_get(probe.http_get, container, ip)
            if probe.tcp_socket:
                return await _tcp(probe.tcp_socket, container, ip)
            if probe.grpc:
                return await _grpc(probe.grpc, ip)
    except TimeoutError:
        return Outcome(
            False,
            f"command timed out after {probe.timeout_seconds}s"
            if probe.exec
            else "context deadline exceeded",
        )
    except (OSError, NoSuchPort, EOFError) as error:
        return Outcome(False, str(error) or type(error).__name__)
    return Outcome(True, "")


def port_number(port: int | str, container: Container) -> int:
    """A number, or the named port of the container. Raises NoSuchPort."""
    if isinstance(port, int) or port.isdigit():
        return int(port)
    for declared in container.ports:
        if declared.name == port:
            return declared.container_port
    raise NoSuchPort(f"couldn't find port: {port!r} in container {container.name}")


class _Target(NamedTuple):
    """Where one request goes."""

    tls: bool
    host: str
    port: int
    path: str

    @property
    def authority(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


async def http_get(action: HTTPGetAction, container: Container, ip: str) -> Outcome:
    """Success is a status from 200 to 399; certificates are not verified (core/v1 HTTPGetAction).

    Redirects are followed on the same host; one that leads to another host is a success with a warning.
    """
    path = action.path if action.path.startswith("/") else f"/{action.path}"
    first = _Target(
        action.scheme.upper() == "HTTPS", action.host or ip, port_number(action.port, container), path
    )
    own = {header.name: header.value for header in action.http_headers}
    target = first
    for _ in range(_REDIRECTS_MAX):
        reply = await _request(target, own)
        if reply is None:
            return Outcome(False, "malformed HTTP response")
        if reply.status not in _REDIRECTS or not reply.location:
            text = f"HTTP probe failed with statuscode: {reply.status}"
            return Outcome(200 <= reply.status < 400, text)
        target = _redirected(target, reply.location)
        if target.host != first.host:
            return Outcome(True, "", warning=f"Probe terminated redirects, Response body: {reply.body}")
    return Outcome(False, f"stopped after {_REDIRECTS_MAX} redirects")


class _Reply(NamedTuple):
    status: int
    location: str
    body: str


async def _request(target: _Target, own: Mapping[str, str]) -> _Reply | None:
    """None for what is no HTTP."""
    usual = {
        "Host": target.authority,
        "User-Agent": "kube-probe/1.36",
        "Accept": "*/*",
        "Connection": "close",
    }
    named = {name.lower() for name in own}
    headers = {name: value for name, value in usual.items() if name.lower() not in named} | dict(own)
    tls = _unverified() if target.tls else None
    reader, writer = await asyncio.open_connection(target.host, target.port, ssl=tls)
    try:
        lines = [f"GET {target.path} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
        writer.write(("\r\n".join(lines) + "\r\n\r\n").encode())
        words = (await reader.readline()).split(None, 2)
        if len(words) < 2 or not words[0].startswith(b"HTTP/") or not words[1].isdigit():
            return None
        location = await _location(reader)
        body = b""
        with contextlib.suppress(TimeoutError, OSError, asyncio.IncompleteReadError):
            body = await reader.read(_BODY_BYTES)
    finally:
        writer.close()
    return _Reply(int(words[1]), location, body.decode(errors="replace").strip())


async def _location(reader: asyncio.StreamReader) -> str:
    """The header of that name, "" without one; the stream is at the body then."""
    found = ""
    while (line := (await reader.readline()).strip()) and len(line) < _BODY_BYTES:
        name, _, value = line.partition(b":")
        if name.strip().lower() == b"location":
            found = value.strip().decode("latin-1")
    return found


def _redirected(target: _Target, location: str) -> _Target:
    """The address that a Location header names, relative to the request's own (RFC 9110, 10.2.2)."""
    scheme = "https" if target.tls else "http"
    parts = urlsplit(urljoin(f"{scheme}://{target.authority}{target.path}", location))
    tls = parts.scheme == "https"
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    try:
        port = parts.port
    except ValueError:
        port = None
    return _Target(tls, parts.hostname or target.host, port or (443 if tls else 80), path)


async def _tcp(action: TCPSocketAction, container: Container, ip: str) -> Outcome:
    _, writer = await asyncio.open_connection(action.host or ip, port_number(action.port, container))
    writer.close()
    return Outcome(True, "")


async def _grpc(action: GRPCAction, ip: str) -> Outcome:
    """grpc.health.v1.Health/Check, spoken in just enough HTTP/2: the status is in the first DATA frame."""
    reader, writer = await asyncio.open_connection(ip, action.port)
    try:
        writer.write(_grpc_request(action.service, f"{ip}:{action.port}"))
        while True:
            head = await reader.readexactly(9)
            payload = await reader.readexactly(int.from_bytes(head[:3], "big"))
            if head[3] == _SETTINGS and not head[4] & _ACK:
                writer.write(_frame(_SETTINGS, _ACK, 0, b""))
            elif head[3] == _DATA:
                serving = payload[5:7] == b"\x08\x01"
                return Outcome(serving, "" if serving else "service unhealthy (responded with NOT_SERVING)")
            elif head[3] in (_RST_STREAM, _GOAWAY) or (head[3] == _HEADERS and head[4] & _END_STREAM):
                return Outcome(
                    False, "the server does not implement grpc.health.v1.Health, or does not know the service"
                )
    except asyncio.IncompleteReadError:
        return Outcome(False, "connection closed before a reply")
    finally:
        writer.close()


_DATA, _HEADERS, _RST_STREAM, _SETTINGS, _GOAWAY = 0, 1, 3, 4, 7
_ACK = _END_STREAM = 1
_END_HEADERS = 4


def _grpc_request(service: str, authority: str) -> bytes:
    name = service.encode()
    message = b"\x0a" + bytes([len(name)]) + name if name else b""
    headers = {
        ":method": "POST", ":scheme": "http", ":path": "/grpc.health.v1.Health/Check", ":authority": authority,
        "content-type": "application/grpc", "te": "trailers",
    }  # fmt: skip
    # HPACK: every header as a literal without indexing (RFC 7541, 6.2.2), so no table is needed.
    block = b"".join(b"\x00" + _hpack_text(key) + _hpack_text(value) for key, value in headers.items())
    return (
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
        + _frame(_SETTINGS, 0, 0, b"")
        + _frame(_HEADERS, _END_HEADERS, 1, block)
        + _frame(_DATA, _END_STREAM, 1, b"\x00" + len(message).to_bytes(4, "big") + message)
    )


def _hpack_text(text: str) -> bytes:
    data = text.encode()
    assert len(data) < 127  # one length byte
    return bytes([len(data)]) + data


def _frame(kind: int, flags: int, stream: int, payload: bytes) -> bytes:
    return len(payload).to_bytes(3, "big") + bytes([kind, flags]) + stream.to_bytes(4, "big") + payload


def _unverified() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context
