"""`/ready` on port 8181: 200 once every handler that loads something has loaded it."""

from __future__ import annotations

import msgspec

from dns.corefile.blocks import Line
from dns.handlers.request import Serve
from dns.handlers.site import HttpAnswer, HttpRoute, Site, listen_address, one_line, one_word, unknown_option


class Options(msgspec.Struct, frozen=True):
    address: str = ":8181"
    continuously: bool = False


def parse(lines: tuple[Line, ...], zones: tuple[str, ...]) -> Options:
    line = one_line(lines)
    continuously = False
    for option in line.body:
        if option.name.text != "monitor":
            raise unknown_option("ready", option)
        if one_word(option) not in {"until-ready", "continuously"}:
            raise option.error(f"monitor takes until-ready or continuously, found {option.words[0]!r}")
        continuously = option.words[0] == "continuously"
    return Options(listen_address(line, ":8181"), continuously)


def build(options: Options, site: Site, following: Serve) -> Serve:
    world = site.world
    latched: set[str] = set()

    def ready(_: dict[str, str]) -> HttpAnswer:
        waiting = []
        for name, check in world.readiness:
            if name in latched and not options.continuously:
                continue
            if check():
                latched.add(name)
            else:
                waiting.append(name)
        if waiting:
            return 503, "text/plain", ",".join(sorted(set(waiting))).encode()
        return 200, "text/plain", b"OK"

    route = HttpRoute(options.address, "/ready", ready, "ready")
    if not any(one.address == options.address and one.path == "/ready" for one in world.routes):
        world.routes.append(route)
    return following
