"""An API server of objects in memory, over plain HTTP: what a service proxy lists and watches, and nothing else.

Lists, watches and WatchList streams of services, endpoint slices, nodes and service ranges; Events are taken and
forgotten. It is the same for every proxy, and costs them nothing but reading.
"""

import asyncio
import json
from collections.abc import Iterator, Mapping
from contextlib import suppress
from urllib.parse import parse_qs, urlsplit

SERVICES = "/api/v1/services"
SLICES = "/apis/discovery.k8s.io/v1/endpointslices"
NODES = "/api/v1/nodes"
CIDRS = "/apis/networking.k8s.io/v1/servicecidrs"
_KINDS = {
    SERVICES: ("v1", "Service"),
    SLICES: ("discovery.k8s.io/v1", "EndpointSlice"),
    NODES: ("v1", "Node"),
    CIDRS: ("networking.k8s.io/v1", "ServiceCIDR"),
}
_PART_BYTES = 1 << 20


class ObjectServer:
    """Objects by path and name, as JSON without kind and version; each has its own resourceVersion in it."""

    def __init__(self) -> None:
        self.revision = 1
        self._items: dict[str, dict[str, bytes]] = {path: {} for path in _KINDS}
        self._watchers: dict[str, set[asyncio.StreamWriter]] = {path: set() for path in _KINDS}
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.StreamWriter] = set()

    async def start(self) -> str:
        """Listens on loopback; its URL."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        return f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    async def close(self) -> None:
        assert self._server is not None
        self._server.close()
        for writer in list(self._open):
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()

    def next_revision(self) -> int:
        self.revision += 1
        return self.revision

    def put(self, path: str, name: str, document: Mapping[str, object]) -> None:
        """Added or changed, at once on the wire."""
        body = _dumped(document)
        self._tell(path, "MODIFIED" if name in self._items[path] else "ADDED", body)
        self._items[path][name] = body

    def remove(self, path: str, name: str) -> None:
        self._tell(path, "DELETED", self._items[path].pop(name))

    def names(self, path: str) -> tuple[str, ...]:
        return tuple(self._items[path])

    def _tell(self, path: str, kind: str, body: bytes) -> None:
        for writer in self._watchers[path]:
            writer.write(_chunk(_event(path, kind, body)))

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open.add(writer)
        with suppress(OSError, asyncio.IncompleteReadError):
            await self._answer_all(reader, writer)
        self._open.discard(writer)
        writer.close()

    async def _answer_all(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            body = await reader.readexactly(_length(head))
            method, target, _ = head.split(" ", 2)
            url = urlsplit(target)
            query = {name: values[0] for name, values in parse_qs(url.query).items()}
            if method == "GET" and url.path in _KINDS and query.get("watch") in ("true", "1"):
                await self._watch(url.path, query, reader, writer)
                return
            await _answer(writer, *self._reply(method, url.path, body))

    def _reply(self, method: str, path: str, body: bytes) -> tuple[int, list[bytes]]:
        if method == "POST":  # an Event
            return 201, [body]
        if path in _KINDS:
            version, kind = _KINDS[path]
            meta = f'"metadata":{{"resourceVersion":"{self.revision}"}}'
            head = f'{{"kind":"{kind}List","apiVersion":"{version}",{meta},"items":['.encode()
            return 200, [head, b",".join(self._items[path].values()), b"]}"]
        status = b'{"kind":"Status","apiVersion":"v1","status":"Failure","reason":"NotFound","code":404}'
        return 404, [status]

    async def _watch(
        self, path: str, query: dict[str, str], reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        writer.write(
            b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
        )
        if query.get("sendInitialEvents") == "true":
            for part in self._initial(path):
                writer.write(_chunk(part))
                await writer.drain()
        self._watchers[path].add(writer)
        try:
            await reader.read()
        finally:
            self._watchers[path].discard(writer)

    def _initial(self, path: str) -> Iterator[bytes]:
        lines: list[bytes] = []
        size = 0
        for item in self._items[path].values():
            lines.append(_event(path, "ADDED", item))
            size += len(lines[-1])
            if size > _PART_BYTES:
                yield b"".join(lines)
                lines, size = [], 0
        marks = {
            "resourceVersion": str(self.revision),
            "annotations": {"k8s.io/initial-events-end": "true"},
        }
        yield b"".join([*lines, _event(path, "BOOKMARK", _dumped({"metadata": marks}))])


def _length(head: str) -> int:
    lines = (line.lower() for line in head.split("\r\n"))
    return next((int(line[15:]) for line in lines if line.startswith("content-length:")), 0)


def _dumped(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


def _event(path: str, kind: str, item: bytes) -> bytes:
    version, name = _KINDS[path]
    head = f'{{"type":"{kind}","object":{{"kind":"{name}","apiVersion":"{version}",'.encode()
    return head + item[1:] + b"}\n"


def _chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


async def _answer(writer: asyncio.StreamWriter, status: int, parts: list[bytes]) -> None:
    length = sum(map(len, parts))
    head = f"HTTP/1.1 {status} X\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n"
    writer.write(head.encode())
    for part in parts:
        writer.write(part)
    await writer.drain()
