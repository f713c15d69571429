"""How long TCP and TLS clients may be silent."""

from __future__ import annotations

import msgspec

from dns.corefile.blocks import Line
from dns.handlers.request import Serve
from dns.handlers.site import Site, duration_s, no_args, one_line, one_word, unknown_option


class Options(msgspec.Struct, frozen=True):
    idle_s: float = 10.0


def parse(lines: tuple[Line, ...], zones: tuple[str, ...]) -> Options:
    line = one_line(lines)
    no_args(line)
    idle_s = 10.0
    for option in line.body:
        if option.name.text not in {"read", "write", "idle"}:
            raise unknown_option("timeouts", option)
        seconds = duration_s(option, one_word(option))
        if not 1 <= seconds <= 86_400:
            raise option.error(f"{option.name.text} is from 1s to 24h: {option.words[0]}")
        if option.name.text == "idle":
            idle_s = seconds
    return Options(idle_s)


def build(options: Options, site: Site, following: Serve) -> Serve:
    site.world.stream_idle_s = options.idle_s
    return following
