"""Which addresses a server block listens on, by address or interface."""

from __future__ import annotations

import msgspec

from dns.corefile.blocks import Line
from dns.handlers.request import Serve
from dns.handlers.site import Site, unknown_option


class Options(msgspec.Struct, frozen=True):
    """Addresses or interface names, and which to leave out."""

    places: tuple[str, ...] = ()
    exceptions: tuple[str, ...] = ()


def parse(lines: tuple[Line, ...], zones: tuple[str, ...]) -> Options:
    places: list[str] = []
    exceptions: list[str] = []
    for line in lines:
        if not line.args:
            raise line.error("bind needs an address or an interface")
        places += line.words
        for option in line.body:
            if option.name.text != "except":
                raise unknown_option("bind", option)
            if not option.args:
                raise option.error("except needs an address or an interface")
            exceptions += option.words
    return Options(tuple(places), tuple(exceptions))


def build(options: Options, site: Site, following: Serve) -> Serve:
    return following
