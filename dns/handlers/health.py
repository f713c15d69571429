"""`/health` on port 8080: always 200; with lameduck the server answers on for a while after SIGTERM."""

from __future__ import annotations

import msgspec

from dns.corefile.blocks import Line
from dns.handlers.request import Serve
from dns.handlers.site import (
    HttpAnswer,
    HttpRoute,
    Site,
    Task,
    duration_s,
    listen_address,
    one_line,
    one_word,
    unknown_option,
)


class Options(msgspec.Struct, frozen=True):
    address: str = ":8080"
    lameduck_s: float = 0.0


def parse(lines: tuple[Line, ...], zones: tuple[str, ...]) -> Options:
    line = one_line(lines)
    lameduck_s = 0.0
    for option in line.body:
        if option.name.text != "lameduck":
            raise unknown_option("health", option)
        lameduck_s = duration_s(option, one_word(option))
    return Options(listen_address(line, ":8080"), lameduck_s)


def build(options: Options, site: Site, following: Serve) -> Serve:
    world = site.world
    world.lameduck_s = max(world.lameduck_s, options.lameduck_s)

    registry = world.registry
    took = registry.histogram(
        "coredns_health_request_duration_seconds",
        "Histogram of the time (in seconds) each request took.",
        tuple(0.00025 * 10**power for power in range(5)),
    )
    failures = registry.counter(
        "coredns_health_request_failures_total", "The number of times the health check failed."
    )
    failures.add(0)

    async def ask_ourselves() -> None:
        """Once a second: how long the event loop lets a request wait."""
        import asyncio

        while True:
            began = world.clock()
            await asyncio.sleep(1.0)
            took.observe(max(world.clock() - began - 1.0, 0.0))

    world.tasks.append(Task("health", ask_ourselves))

    def health(_: dict[str, str]) -> HttpAnswer:
        return 200, "text/plain; charset=utf-8", b"OK"

    world.routes.append(HttpRoute(options.address, "/health", health, "health"))
    return following
