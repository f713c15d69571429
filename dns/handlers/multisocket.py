"""`multisocket N`: N processes answer on the same addresses (`dns.crew_run`); read when the server starts.

The largest N of the Corefile counts. Without a number it is that of the processors this process may use.
"""

from __future__ import annotations

from dns import disk
from dns.corefile.blocks import Line
from dns.handlers.request import Serve
from dns.handlers.site import Site, no_body, one_line, whole_number


def parse(lines: tuple[Line, ...], zones: tuple[str, ...]) -> int:
    line = one_line(lines)
    no_body(line)
    if len(line.args) > 1:
        raise line.error("multisocket takes one number")
    return whole_number(line, line.words[0], 1, 1024) if line.args else disk.processor_count()


def build(count: int, site: Site, following: Serve) -> Serve:
    return following
