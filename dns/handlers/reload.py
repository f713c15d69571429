"""Reads the Corefile again from time to time and takes it when it changed; a bad one is refused and said."""

from __future__ import annotations

import msgspec

from dns.corefile.blocks import Line
from dns.handlers.request import Serve
from dns.handlers.site import Site, duration_s, no_body, one_line


class Options(msgspec.Struct, frozen=True):
    every_s: float = 30.0
    jitter_s: float = 15.0  # half of it before, half after


def parse(lines: tuple[Line, ...], zones: tuple[str, ...]) -> Options:
    line = one_line(lines)
    no_body(line)
    if len(line.args) > 2:
        raise line.error("reload takes an interval and a jitter")
    every_s = duration_s(line, line.words[0]) if line.args else 30.0
    if every_s < 2:
        raise line.error("reload: the interval must be 2s or more; without this line nothing is read again")
    jitter_s = duration_s(line, line.words[1]) if len(line.args) > 1 else every_s / 2
    if len(line.args) > 1 and 0 < jitter_s < 1:
        raise line.error("reload: the jitter must be 1s or more, or 0")
    return Options(every_s, min(jitter_s, every_s / 2))


def build(options: Options, site: Site, following: Serve) -> Serve:
    site.world.reload_every_s = options.every_s
    site.world.reload_jitter_s = options.jitter_s
    return following
