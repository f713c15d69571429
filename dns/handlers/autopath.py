"""Walks the client's search path for it: one question from the pod instead of up to ten."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec
from msgspec.structs import replace

from dns.cluster.hits import ZoneOptions
from dns.cluster.zone import ClusterZone
from dns.corefile.blocks import Line
from dns.corefile.config import normalize_zones
from dns.handlers.request import Request, Response, Result, Serve, once, then
from dns.handlers.site import Site, World, no_body, one_line
from dns.upstream.targets import search_domains
from dns.wire import names, numbers, records


class Options(msgspec.Struct, frozen=True):
    """`source` is `@kubernetes` or a resolv.conf whose search path is used."""

    source: str
    zones: tuple[str, ...]
    line: Line


def parse(lines: tuple[Line, ...], zones: tuple[str, ...]) -> Options:
    line = one_line(lines)
    no_body(line)
    if not line.args:
        raise line.error("autopath takes @kubernetes or a resolv.conf")
    source = line.words[-1]
    if not source or source == "kubernetes":
        raise line.error("autopath takes a resolv.conf, or a plugin written as @kubernetes")
    if source.startswith("@") and source != "@kubernetes":
        raise line.error(f"autopath: there is no search path of {source}, only of @kubernetes")
    own = [zone for token in line.args[:-1] for zone in normalize_zones(token.text, token)]
    return Options(source, tuple(own) or zones, line)


def search_path(
    clusters: Sequence[tuple[ZoneOptions, ClusterZone]], name: str, client: str, host_search: Sequence[str]
) -> tuple[str, ...]:
    """The search path of the pod that has the client's address, ending with the bare name; () when none has."""
    for options, cluster in clusters:
        zone = next((zone for zone in options.zones if names.is_within(name, zone)), "")
        if not zone or options.pods != "verified":
            continue
        for namespace, _ in cluster.pods_at(client):
            base = "" if zone == "." else zone
            return (f"{namespace}.svc.{base}", f"svc.{base}", zone, *host_search, "")
    return ()


def build(options: Options, site: Site, following: Serve) -> Serve:
    world = site.world
    host_search: tuple[str, ...] = ()
    path = "/etc/resolv.conf" if options.source == "@kubernetes" else options.source
    try:
        host_search = tuple(search_domains(world.read_text(path)))
    except OSError as problem:
        if options.source != "@kubernetes":
            raise options.line.error(f"autopath: {path}: {problem.strerror}") from problem
    return Autopath(options, host_search, world, following).serve


class Autopath:
    def __init__(
        self, options: Options, host_search: tuple[str, ...], world: World, following: Serve
    ) -> None:
        self._options = options
        self._host_search = host_search
        self._world = world
        self._following = following
        self._successes = world.registry.counter(
            "coredns_autopath_success_total", "Counter of requests that did autopath.", "server"
        )

    def _path(self, request: Request) -> tuple[str, ...]:
        if self._options.source != "@kubernetes":
            return (*self._host_search, "")
        return search_path(self._world.clusters, request.query.lower, request.client, self._host_search)

    def serve(self, request: Request) -> Result:
        query = request.query
        if not any(names.is_within(query.lower, zone) for zone in self._options.zones):
            return self._following(request)
        path = self._path(request)
        if not path or not names.is_within(query.lower, path[0]) or query.lower == path[0]:
            return then(self._following(request), once)
        base = query.name[: len(query.name) - len(path[0])]
        return self._walk(request, base, path, 0, None)

    def _walk(
        self, request: Request, base: str, path: tuple[str, ...], step: int, first: Response | None
    ) -> Result:
        """Ask for one name after the other. The first answer that is not NXDOMAIN is the client's."""
        while step < len(path):
            name = base + path[step] if path[step] != "." else base
            query = replace(request.query, name=name, lower=name.lower(), question=b"")
            result = self._following(replace(request, query=query))
            if not isinstance(result, Response):
                return then(result, self._continue(request, base, path, step, first))
            if step == 0:
                first = result
            if _is_answer(result):
                return self._found(request, result)
            step += 1
        assert first is not None
        return once(first)

    def _continue(
        self, request: Request, base: str, path: tuple[str, ...], step: int, first: Response | None
    ) -> Callable[[Response], Result]:
        def after(response: Response) -> Result:
            begun = response if step == 0 else first
            if _is_answer(response):
                return self._found(request, response)
            return self._walk(request, base, path, step + 1, begun)

        return after

    def _found(self, request: Request, response: Response) -> Response:
        """The answer under the name that was asked, as an alias of the name that was found."""
        self._successes.add(1, request.server)
        asked = request.query.name
        other = next((one for one in response.answer if one.name.lower() != asked.lower()), None)
        if other is None:
            return once(response)
        alias = records.cname(asked, other.ttl, other.name)
        return once(replace(response, answer=(alias, *response.answer)))


def _is_answer(response: Response) -> bool:
    return response.written and response.rcode != numbers.NXDOMAIN
