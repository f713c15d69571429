"""A served list of services: what an API server says to a service proxy, from memory, and changes as they are made.

Lists, watches and WatchList streams of services, endpoint slices, the node and the service ranges, over plain
HTTP. It is the same for every proxy that is measured, and costs them nothing but reading.
"""

import asyncio
import json
from collections.abc import Iterator
from contextlib import suppress
from urllib.parse import parse_qs, urlsplit

NODE, NODE_IP = "n0", "192.168.0.2"
_SERVICES = "/api/v1/services"
_SLICES = "/apis/discovery.k8s.io/v1/endpointslices"
_NODES = "/api/v1/nodes"
_CIDRS = "/apis/networking.k8s.io/v1/servicecidrs"
_KINDS = {
    _SERVICES: ("v1", "Service"),
    _SLICES: ("discovery.k8s.io/v1", "EndpointSlice"),
    _NODES: ("v1", "Node"),
    _CIDRS: ("networking.k8s.io/v1", "ServiceCIDR"),
}
_CREATED = "2026-01-01T00:00:00Z"
_PART_BYTES = 1 << 20
SERVED_PORT = 8080


def service_ip(number: int) -> str:
    return f"10.{96 + number // 65536}.{number // 256 % 256}.{number % 256}"


def endpoint_ip(number: int) -> str:
    return f"10.{128 + number // 65536}.{number // 256 % 256}.{number % 256}"


def _metadata(name: str, uid: str, revision: int, **more: object) -> dict[str, object]:
    """As the server writes it, with the fields of one manager."""
    manager = {"manager": "kubectl", "operation": "Update", "apiVersion": "v1", "time": _CREATED}
    manager |= {
        "fieldsType": "FieldsV1",
        "fieldsV1": {"f:spec": {"f:ports": {}, "f:selector": {}, "f:type": {}}},
    }
    return {
        "name": name,
        "namespace": "default",
        "uid": uid,
        "resourceVersion": str(revision),
        "creationTimestamp": _CREATED,
        "managedFields": [manager],
        **more,
    }


def service(number: int) -> dict[str, object]:
    """ClusterIP service `default/s0`…, one TCP port."""
    ip = service_ip(number)
    return {
        "metadata": _metadata(f"s{number}", f"u{number}", 1, labels={"app": f"s{number}"}),
        "spec": {
            "ports": [{"name": "http", "protocol": "TCP", "port": 80, "targetPort": SERVED_PORT}],
            "selector": {"app": f"s{number}"},
            "clusterIP": ip,
            "clusterIPs": [ip],
            "type": "ClusterIP",
            "sessionAffinity": "None",
            "ipFamilies": ["IPv4"],
            "ipFamilyPolicy": "SingleStack",
            "internalTrafficPolicy": "Cluster",
        },
        "status": {"loadBalancer": {}},
    }


def endpoint_slice(number: int, ips: list[str], revision: int = 1) -> dict[str, object]:
    """The slice of a service, its endpoints on ten nodes in turn."""
    owner = {"apiVersion": "v1", "kind": "Service", "name": f"s{number}", "uid": f"u{number}"}
    labels = {
        "kubernetes.io/service-name": f"s{number}",
        "endpointslice.kubernetes.io/managed-by": "endpointslice-controller.k8s.io",
    }
    return {
        "metadata": _metadata(f"s{number}-x", f"e{number}", revision, labels=labels, ownerReferences=[owner]),
        "addressType": "IPv4",
        "ports": [{"name": "http", "protocol": "TCP", "port": SERVED_PORT}],
        "endpoints": [
            {
                "addresses": [ip],
                "conditions": {"ready": True, "serving": True, "terminating": False},
                "nodeName": f"n{place % 10}",
                "targetRef": {
                    "kind": "Pod",
                    "namespace": "default",
                    "name": f"s{number}-{place}",
                    "uid": f"p{ip}",
                },
            }
            for place, ip in enumerate(ips)
        ],
    }


def _node() -> dict[str, object]:
    return {
        "metadata": {"name": NODE, "uid": "n0", "resourceVersion": "1"},
        "spec": {"podCIDR": "10.128.0.0/24", "podCIDRs": ["10.128.0.0/24"]},
        "status": {"addresses": [{"type": "InternalIP", "address": NODE_IP}]},
    }


def _cidr() -> dict[str, object]:
    return {
        "metadata": {"name": "kubernetes", "uid": "c0", "resourceVersion": "1"},
        "spec": {"cidrs": ["10.96.0.0/12"]},
    }


class ServedList:
    """`start` listens on loopback; `change` tells the watchers of slices."""

    def __init__(self, service_count: int, endpoint_count: int) -> None:
        self.ips = [
            [endpoint_ip(n * endpoint_count + place) for place in range(endpoint_count)]
            for n in range(service_count)
        ]
        self._revision = 1
        self._items: dict[str, list[bytes]] = {
            _SERVICES: [_dumped(service(n)) for n in range(service_count)],
            _SLICES: [_dumped(endpoint_slice(n, ips)) for n, ips in enumerate(self.ips)],
            _NODES: [_dumped(_node())],
            _CIDRS: [_dumped(_cidr())],
        }
        self._watchers: dict[str, set[asyncio.StreamWriter]] = {path: set() for path in _KINDS}
        self._server: asyncio.Server | None = None

    async def start(self) -> str:
        """Its URL."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        return f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    def close(self) -> None:
        assert self._server is not None
        self._server.close()
        for writers in self._watchers.values():
            for writer in writers:
                writer.close()

    def change(self, number: int, ips: list[str]) -> None:
        """Other endpoints of one service, at once on the wire."""
        self._revision += 1
        body = _dumped(endpoint_slice(number, ips, self._revision))
        self._items[_SLICES][number] = body
        for writer in self._watchers[_SLICES]:
            writer.write(_chunk(_event(_SLICES, "MODIFIED", body)))

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, asyncio.IncompleteReadError):
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
                length = next(
                    (int(h[15:]) for h in head.split("\r\n") if h.lower().startswith("content-length:")), 0
                )
                body = await reader.readexactly(length)
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
            meta = f'"metadata":{{"resourceVersion":"{self._revision}"}}'
            head = f'{{"kind":"{kind}List","apiVersion":"{version}",{meta},"items":['.encode()
            return 200, [head, b",".join(self._items[path]), b"]}"]
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
        for item in self._items[path]:
            lines.append(_event(path, "ADDED", item))
            size += len(lines[-1])
            if size > _PART_BYTES:
                yield b"".join(lines)
                lines, size = [], 0
        marks = {"resourceVersion": str(self._revision), "annotations": {"k8s.io/initial-events-end": "true"}}
        yield b"".join([*lines, _event(path, "BOOKMARK", _dumped({"metadata": marks}))])


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
