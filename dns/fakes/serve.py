"""An API server small enough for a test: lists, watches with bookmarks and initial events, over plain HTTP."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import Iterable
from typing import Any
from urllib.parse import parse_qsl, urlsplit

Json = dict[str, Any]

PATHS = {
    "Namespace": "/api/v1/namespaces",
    "Service": "/api/v1/services",
    "Pod": "/api/v1/pods",
    "EndpointSlice": "/apis/discovery.k8s.io/v1/endpointslices",
    "ServiceImport": "/apis/multicluster.x-k8s.io/v1alpha1/serviceimports",
}
_KIND_OF = {path: kind for kind, path in PATHS.items()}


class FakeApi:
    """Objects by kind; `put` and `remove` reach every watch at once."""

    def __init__(self, objects: Iterable[Json] = ()) -> None:
        self._objects: dict[str, dict[tuple[str, str], Json]] = {kind: {} for kind in PATHS}
        self._revision = 100
        self._watches: dict[str, set[asyncio.StreamWriter]] = {kind: set() for kind in PATHS}
        self._server: asyncio.Server | None = None
        self._connections: dict[asyncio.StreamWriter, asyncio.Task[None]] = {}
        for obj in objects:
            self.put(obj)

    async def start(self, host: str = "127.0.0.1", port: int = 0) -> str:
        """The URL it is served at."""
        self._server = await asyncio.start_server(self._accept, host, port, family=socket.AF_INET)
        found = self._server.sockets[0].getsockname()
        return f"http://{found[0]}:{found[1]}"

    async def stop(self) -> None:
        """As if the process had died: every connection breaks."""
        if self._server is not None:
            for listener in self._server.sockets:
                asyncio.get_running_loop().remove_reader(listener.fileno())
            # CPython leaks what was accepted but not attached when a server closes.
            await asyncio.sleep(0.01)
            self._server.close()
            self._server = None
        for writer in list(self._connections):
            writer.transport.abort()
        tasks = list(self._connections.values())
        for task in tasks:
            task.cancel()
        self._connections.clear()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.sleep(0.01)  # for the transports to close

    def put(self, obj: Json) -> None:
        kind = obj["kind"]
        meta = obj["metadata"]
        key = meta.get("namespace", ""), meta["name"]
        self._revision += 1
        meta = {"uid": f"{kind}/{key}", "creationTimestamp": "2026-01-01T00:00:00Z", **meta}
        stored = {**obj, "metadata": {**meta, "resourceVersion": str(self._revision)}}
        event = "MODIFIED" if key in self._objects[kind] else "ADDED"
        self._objects[kind][key] = stored
        self._tell(kind, event, stored)

    def remove(self, obj: Json) -> None:
        kind, meta = obj["kind"], obj["metadata"]
        stored = self._objects[kind].pop((meta.get("namespace", ""), meta["name"]), None)
        if stored is None:
            return
        self._revision += 1
        meta = {**stored["metadata"], "resourceVersion": str(self._revision)}
        self._tell(kind, "DELETED", {**stored, "metadata": meta})

    def _tell(self, kind: str, event: str, obj: Json) -> None:
        line = _chunk(json.dumps({"type": event, "object": obj}).encode() + b"\n")
        for writer in self._watches[kind]:
            writer.write(line)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Known from the first moment, so that `stop` also ends what has not begun."""
        if self._server is None:  # accepted before, made only now
            writer.transport.abort()
            return
        self._connections[writer] = asyncio.create_task(self._serve(reader, writer))

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
                if not await self._answer(head.split(" ")[1], writer):
                    return
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            self._connections.pop(writer, None)
            for writers in self._watches.values():
                writers.discard(writer)
            writer.transport.abort()

    async def _answer(self, target: str, writer: asyncio.StreamWriter) -> bool:
        url = urlsplit(target)
        query = dict(parse_qsl(url.query))
        kind = _KIND_OF.get(url.path)
        if kind is None:
            _reply(writer, 404, {"kind": "Status", "status": "Failure", "reason": "NotFound", "code": 404})
            return True
        if query.get("watch") in {"true", "1"}:
            self._watch(kind, query, writer)
            await asyncio.Event().wait()
        items = [_without_kind(obj) for obj in self._objects[kind].values()]
        version = "/".join(url.path.split("/")[2:-1]) if "/apis/" in url.path else "v1"
        meta = {"resourceVersion": str(self._revision)}
        _reply(writer, 200, {"kind": f"{kind}List", "apiVersion": version, "metadata": meta, "items": items})
        return True

    def _watch(self, kind: str, query: dict[str, str], writer: asyncio.StreamWriter) -> None:
        writer.write(
            b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
        )
        version = "/".join(PATHS[kind].split("/")[2:-1]) if "/apis/" in PATHS[kind] else "v1"
        if query.get("sendInitialEvents") == "true":
            for obj in self._objects[kind].values():
                writer.write(_chunk(json.dumps({"type": "ADDED", "object": obj}).encode() + b"\n"))
            meta = {
                "resourceVersion": str(self._revision),
                "annotations": {"k8s.io/initial-events-end": "true"},
            }
            mark = {"kind": kind, "apiVersion": version, "metadata": meta}
            writer.write(_chunk(json.dumps({"type": "BOOKMARK", "object": mark}).encode() + b"\n"))
        self._watches[kind].add(writer)


def _without_kind(obj: Json) -> Json:
    return {key: value for key, value in obj.items() if key not in {"kind", "apiVersion"}}


def _reply(writer: asyncio.StreamWriter, status: int, body: Json) -> None:
    data = json.dumps(body).encode()
    head = f"HTTP/1.1 {status} X\r\nContent-Type: application/json\r\nContent-Length: {len(data)}\r\n\r\n"
    writer.write(head.encode() + data)


def _chunk(data: bytes) -> bytes:
    return f"{len(data):x}\r\n".encode() + data + b"\r\n"


async def run_forever(objects: Iterable[Json], port: int) -> None:
    """For benchmarks: serve until killed."""
    await FakeApi(objects).start(port=port)
    await asyncio.Event().wait()
