"""Finds a forwarding loop: a random question sent to ourselves that comes back says that one exists.

CoreDNS ends its process then. We say it, count it and go on serving what needs no forwarding.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from dns.corefile.blocks import Line
from dns.handlers.request import Request, Response, Result, Serve, once, then
from dns.handlers.site import Site, Task, no_args, no_body, one_line
from dns.wire import numbers
from dns.wire.query import Query

PROBE_AFTER_S = 0.1
PROBE_UNTIL_S = 30.0
SIGHTINGS = 2


def parse(lines: tuple[Line, ...], zones: tuple[str, ...]) -> None:
    line = one_line(lines)
    no_args(line)
    no_body(line)


def probe_name(zone: str, rng: Random) -> str:
    left, right = rng.getrandbits(63), rng.getrandbits(63)
    return f"{left}.{right}.{zone}" if zone != "." else f"{left}.{right}."


def build(options: None, site: Site, following: Serve) -> Serve:
    loop = Loop(probe_name(site.zones[0], site.world.rng), site, following)
    site.world.tasks.append(Task("loop", loop.run, asks_us=True))
    return loop.serve


class Loop:
    def __init__(self, name: str, site: Site, following: Serve) -> None:
        self.name = name
        self._zone = site.zones[0]
        self._server = site.server
        self._world = site.world
        self._following = following
        self._active = True
        self._seen = 0
        self._log: Callable[[str, str], None] = site.world.log
        self._found = site.world.registry.counter(
            "kdns_loops_found_total", "Forwarding loops back to this server.", "zone"
        )

    def serve(self, request: Request) -> Result:
        query = request.query
        if not self._active or query.kind != numbers.HINFO or query.lower != self.name:
            return self._following(request)
        if request.depth == 0:
            self._seen += 1
        if self._seen > SIGHTINGS:
            self._active = False
            self._found.add(1, self._zone)
            text = (
                f"loop ({request.client}) detected for zone {self._zone}: an upstream sends queries back here. "
                "Point forward at other servers than this one or 127.0.0.53"
            )
            self._log("error", "plugin/loop: " + text)
            return once(Response(rcode=numbers.SERVFAIL, plugin="loop", written=False))
        return then(self._following(request), once)

    async def run(self) -> None:
        import asyncio

        await asyncio.sleep(PROBE_AFTER_S)
        query = Query(0, numbers.RD, self.name, self.name, numbers.HINFO, numbers.IN, b"", repeatable=False)
        result = self._world.resolve(Request(query, depth=1, server=self._server))
        if not isinstance(result, Response):
            await result
        await asyncio.sleep(PROBE_UNTIL_S)
        self._active = False
