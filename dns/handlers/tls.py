"""Certificate and key of `tls://` zones."""

from __future__ import annotations

from dns.corefile.blocks import Line
from dns.handlers.request import Serve
from dns.handlers.site import Site, no_body, one_line


def parse(lines: tuple[Line, ...], zones: tuple[str, ...]) -> tuple[str, ...]:
    line = one_line(lines)
    no_body(line)
    if not 2 <= len(line.args) <= 3:
        raise line.error("tls takes a certificate, its key and, if wanted, a CA for clients")
    return line.words


def build(options: tuple[str, ...], site: Site, following: Serve) -> Serve:
    return following
