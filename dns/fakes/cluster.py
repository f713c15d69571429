"""A ClusterZone and a server's answers from API objects, without a server."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from random import Random
from typing import Any

import msgspec

from dns.answering.server import reply_bytes
from dns.build import Configuration, assemble, parse
from dns.cluster.views import ImportView, NamedSliceView, PodView, ServiceView, SliceView
from dns.cluster.zone import ClusterZone, Touched
from dns.handlers.request import Request, Response, Result, failed
from dns.handlers.site import World
from dns.wire import encode, message, numbers
from dns.wire.query import Edns, Malformed, Query
from dns.wire.query import parse as parse_query
from kube.objects import decode

Json = dict[str, Any]
NOW_S = 1_700_000_000.0


def apply(cluster: ClusterZone, obj: Json, *, remove: bool = False, pod_names: bool = False) -> Touched:
    """Put one API object into the zone, or take it out, as the watches do."""
    data = msgspec.json.encode(obj)
    meta = obj["metadata"]
    key = meta.get("namespace", ""), meta["name"]
    match obj["kind"]:
        case "Service":
            return cluster.set_service(key, None if remove else decode(ServiceView, data).record, NOW_S)
        case "EndpointSlice":
            view = decode(NamedSliceView if pod_names else SliceView, data)
            record = None if remove else view.record
            if view.imported:
                return cluster.set_import_slice((key[0], view.imported), key[1], record, NOW_S)
            return cluster.set_slice((key[0], view.service), key[1], record, NOW_S)
        case "Namespace":
            return cluster.set_namespace(key[1], exists=not remove)
        case "Pod":
            return cluster.set_pod(key, "" if remove else decode(PodView, data).ip)
        case "ServiceImport":
            return cluster.set_import(key, None if remove else decode(ImportView, data).record, NOW_S)
        case other:
            raise ValueError(f"no DNS from a {other}")


def cluster_of(objects: Iterable[Json], *, pod_names: bool = False) -> ClusterZone:
    cluster = ClusterZone()
    for obj in objects:
        apply(cluster, obj, pod_names=pod_names)
    cluster.synced = True
    return cluster


class LocalServer:
    """A Corefile's answers in this process. Its kubernetes blocks answer from the given objects."""

    def __init__(
        self,
        corefile: str,
        objects: Iterable[Json] = (),
        *,
        files: Mapping[str, str] | None = None,
        local_ips: tuple[str, ...] = (),
    ) -> None:
        self.now_s = 1000.0
        self.files = dict(files or {})
        self.hosts: dict[str, tuple[str, ...]] = {}  # what the system's resolver would say
        self.lines: list[str] = []  # what was logged
        self.invalidated: list[frozenset[str]] = []
        self._rng = Random(1)
        self._late: list[asyncio.Future[Any]] = []
        world = World(
            clock=lambda: self.now_s,
            now=lambda: NOW_S,
            rng=self._rng,
            read_text=self._read,
            lookup=self._lookup,
            resolve=self._resolve,
            invalidate=self.invalidated.append,
            local_ips=lambda: local_ips,
            log=lambda level, text: self.lines.append(f"{level} {text}"),
            schedule=self._schedule,
        )
        self.configuration: Configuration = assemble(parse(corefile, environment={}), world, text=corefile)
        self.clusters = [cluster for _, cluster in world.clusters]
        objects = tuple(objects)
        for cluster in self.clusters:
            for obj in objects:
                apply(cluster, obj)
            cluster.synced = True

    def _read(self, path: str) -> str:
        if path not in self.files:
            raise FileNotFoundError(2, "No such file or directory", path)
        return self.files[path]

    def _lookup(self, host: str, servers: Sequence[str]) -> tuple[str, ...]:
        if host not in self.hosts:
            raise OSError(-2, f"no such host, asked of {', '.join(servers) or 'the system'}")
        return self.hosts[host]

    def _resolve(self, request: Request) -> Result:
        if request.depth > 10:
            return failed("", "too many questions in turn")
        return next(iter(self.configuration.routers.values())).answer(request)

    def _schedule(self, awaited: Any, done: Any) -> None:
        async def finish() -> None:
            done(await awaited)

        self._late.append(asyncio.ensure_future(finish()))

    def request(self, name: str, kind: str = "A", *, edns: Edns | None = None, **fields: Any) -> Request:
        packet = encode.question(1, name, numbers.type_number(kind), edns=edns)
        query = parse_query(packet)
        assert isinstance(query, Query)
        return Request(query, **fields)

    def ask(self, name: str, kind: str = "A", **fields: Any) -> message.Message:
        """The whole way from packet to packet; for answers that are there at once."""
        request = self.request(name, kind, **fields)
        result = self._resolve(request)
        assert isinstance(result, Response), f"{name} {kind} is answered later: use ask_later"
        return self._decoded(request, result)

    async def ask_later(self, name: str, kind: str = "A", **fields: Any) -> message.Message:
        request = self.request(name, kind, **fields)
        result = self._resolve(request)
        response = result if isinstance(result, Response) else await result
        return self._decoded(request, response)

    async def settle(self) -> None:
        """Wait for what goes on in the background."""
        while self._late:
            await self._late.pop()

    def raw(self, packet: bytes) -> bytes | None:
        """A packet's answer, malformed ones too."""
        query = parse_query(packet)
        if query is None:
            return None
        if isinstance(query, Malformed):
            return query.reply
        request = Request(query)
        result = self._resolve(request)
        assert isinstance(result, Response)
        return None if result.silent else reply_bytes(request, result, self._rng)

    def _decoded(self, request: Request, response: Response) -> message.Message:
        return message.decode(reply_bytes(request, response, self._rng))
