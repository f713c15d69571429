"""The folder that relative paths of zone, hosts and other files begin at."""

from __future__ import annotations

from dns.corefile.blocks import Line
from dns.handlers.request import Serve
from dns.handlers.site import Site, no_body, one_line, one_word


def parse(lines: tuple[Line, ...], zones: tuple[str, ...]) -> str:
    line = one_line(lines)
    no_body(line)
    return one_word(line)


def build(folder: str, site: Site, following: Serve) -> Serve:
    return following
