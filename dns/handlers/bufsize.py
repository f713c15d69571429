"""Takes no client's word for more than a safe UDP size: no fragments on the way."""

from __future__ import annotations

from msgspec.structs import replace

from dns.corefile.blocks import Line
from dns.handlers.request import Request, Result, Serve, then
from dns.handlers.site import Site, no_body, one_line, whole_number

DEFAULT_BYTES = 1232


def parse(lines: tuple[Line, ...], zones: tuple[str, ...]) -> int:
    line = one_line(lines)
    no_body(line)
    if len(line.args) > 1:
        raise line.error("bufsize takes one size")
    return whole_number(line, line.words[0], 512, 4096) if line.args else DEFAULT_BYTES


def build(options: int, site: Site, following: Serve) -> Serve:
    def serve(request: Request) -> Result:
        edns = request.query.edns
        if edns is None or edns.size_bytes <= options:
            return following(request)
        query = replace(request.query, edns=replace(edns, size_bytes=options))
        result = following(replace(request, query=query))
        return then(result, lambda response: replace(response, udp_bytes=options))

    return serve
