"""Zones from master files, read again when their SOA serial changes."""

from __future__ import annotations

import msgspec
from msgspec.structs import replace

from dns.corefile.blocks import Line
from dns.corefile.config import normalize_zones
from dns.handlers.request import Lifetime, Request, Response, Result, Serve, join, then
from dns.handlers.site import Site, Task, duration_s, no_args, one_word, unknown_option
from dns.wire import names, numbers
from dns.zonefile.answer import Found, follow, lookup
from dns.zonefile.master import BadRecord, parse_zone
from dns.zonefile.zone import BadZone, Zone, make_zone


class Options(msgspec.Struct, frozen=True, kw_only=True):
    path: str
    zones: tuple[str, ...]
    line: Line
    reload_s: float = 60.0
    fall_through: tuple[str, ...] = ()
    by_content: bool = False  # a changed file is taken whatever its serial


def parse(lines: tuple[Line, ...], zones: tuple[str, ...]) -> tuple[Options, ...]:
    return tuple(_parse_line(line, zones) for line in lines)


def _parse_line(line: Line, zones: tuple[str, ...]) -> Options:
    if not line.args:
        raise line.error("file takes the path of a zone file")
    own = [zone for token in line.args[1:] for zone in normalize_zones(token.text, token)]
    settings: dict[str, object] = {}
    for option in line.body:
        match option.name.text:
            case "reload":
                settings["reload_s"] = duration_s(option, one_word(option))
            case "fallthrough":
                found = [zone for token in option.args for zone in normalize_zones(token.text, token)]
                settings["fall_through"] = tuple(found) or (".",)
            case "reload_by_mtime":
                no_args(option)
                settings["by_content"] = True
            case "upstream":
                continue  # aliases are always asked of the server itself
            case _:
                raise unknown_option("file", option)
    return Options(path=line.words[0], zones=tuple(own) or zones, line=line, **settings)  # type: ignore[arg-type]


def build(options: tuple[Options, ...], site: Site, following: Serve) -> Serve:
    file = File(options, site, following)
    file.load()
    if any(one.reload_s for one in options):
        site.world.tasks.append(Task("file", file.run))
    return file.serve


class File:
    def __init__(self, options: tuple[Options, ...], site: Site, following: Serve) -> None:
        self._options = options
        self._world = site.world
        self._path = site.path
        self._following = following
        self._zones: dict[str, tuple[Zone | None, Options]] = {}  # None until its file can be read

    def load(self) -> None:
        """Read all files. Raises CorefileError for one that is wrong, or missing with nobody to look again."""
        for one in self._options:
            for origin in one.zones:
                try:
                    zone = self._read(one, origin)
                except OSError as problem:
                    if not one.reload_s:
                        raise one.line.error(f"plugin/file: {one.path}: {problem.strerror}") from problem
                    self._world.notices.append(
                        f"plugin/file: {one.path}: {problem.strerror}: {origin} fails until it is there"
                    )
                    zone = None
                except (BadRecord, BadZone) as problem:
                    raise one.line.error(f"plugin/file: {one.path}: {problem}") from problem
                if zone is not None and not zone.soa:
                    raise one.line.error(f"plugin/file: {one.path} has no SOA record for {origin}")
                self._zones[origin] = (zone, one)

    def _read(self, options: Options, origin: str) -> Zone:
        path = self._path(options.path)
        folder = path.rpartition("/")[0]

        def include(name: str) -> str:
            return self._world.read_text(name if name.startswith("/") or not folder else f"{folder}/{name}")

        return make_zone(origin, parse_zone(self._world.read_text(path), origin, include=include))

    async def run(self) -> None:
        """Look at the files again from time to time; a bad one is said and the old zone stays."""
        import asyncio

        every_s = min(one.reload_s for one in self._options if one.reload_s)
        while True:
            await asyncio.sleep(every_s)
            self.refresh()

    def refresh(self) -> None:
        for origin, (zone, options) in list(self._zones.items()):
            try:
                new = self._read(options, origin)
            except (OSError, BadRecord, BadZone) as problem:
                self._world.log("error", f"plugin/file: {options.path} was not taken: {problem}")
                continue
            if not new.soa:
                continue
            if zone is None or (new != zone if options.by_content else new.serial != zone.serial):
                self._zones[origin] = (new, options)
                self._world.invalidate(frozenset((f"file/{origin}",)))

    def serve(self, request: Request) -> Result:
        query = request.query
        origin = max(
            (zone for zone in self._zones if names.is_within(query.lower, zone)), key=len, default=""
        )
        if not origin:
            return self._following(request)
        zone, options = self._zones[origin]
        if zone is None or request.depth > MAX_DEPTH:
            return Response(rcode=numbers.SERVFAIL, plugin="file", written=False)
        if query.kind in {numbers.AXFR, numbers.IXFR}:
            return Response(rcode=numbers.REFUSED, plugin="file", written=False)
        found = lookup(zone, query.name, query.kind, dnssec=query.dnssec_ok)
        lifetime = Lifetime((f"file/{origin}",))
        if found.missing and any(names.is_within(query.lower, one) for one in options.fall_through):
            return then(
                self._following(request),
                lambda response: replace(response, lifetime=join(response.lifetime, lifetime)),
            )
        if found.chase:
            return self._chase(request, zone, found, lifetime)
        return _response(found, lifetime)

    def _chase(self, request: Request, zone: Zone, found: Found, lifetime: Lifetime) -> Result:
        query = replace(request.query, name=found.chase, lower=found.chase.lower(), question=b"")
        asked = replace(request, query=query, depth=request.depth + 1)

        def combine(rest: Response) -> Response:
            whole = follow(zone, found, (rest.rcode, rest.answer), dnssec=request.query.dnssec_ok)
            made = _response(whole, join(lifetime, rest.lifetime))
            return replace(made, flags=made.flags | (rest.flags & numbers.TC))

        return then(self._world.resolve(asked), combine)


MAX_DEPTH = 8


def _response(found: Found, lifetime: Lifetime | None) -> Response:
    return Response(
        rcode=found.rcode,
        answer=found.answer,
        authority=found.authority,
        additional=found.additional,
        flags=numbers.AA if found.authoritative else 0,
        plugin="file",
        lifetime=lifetime,
        written=found.rcode != numbers.SERVFAIL or bool(found.answer),
    )
