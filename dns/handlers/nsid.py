"""Tells clients that ask which server answered (RFC 5001)."""

from __future__ import annotations

from msgspec.structs import replace

from dns.corefile.blocks import Line
from dns.handlers.request import Request, Response, Result, Serve, then
from dns.handlers.site import Site, no_body, one_line
from dns.wire import encode, numbers


def parse(lines: tuple[Line, ...], zones: tuple[str, ...]) -> str:
    line = one_line(lines)
    no_body(line)
    return " ".join(line.words)


def build(options: str, site: Site, following: Serve) -> Serve:
    value = (options or site.world.hostname).encode()

    def serve(request: Request) -> Result:
        edns = request.query.edns
        if edns is None or not any(code == numbers.NSID for code, _ in edns.options):
            return following(request)

        def add(response: Response) -> Response:
            options_ = encode.echoed_options(edns) if response.options is None else response.options
            rest = tuple(option for option in options_ if option[0] != numbers.NSID)
            return replace(response, options=(*rest, (numbers.NSID, value)))

        return then(following(request), add)

    return serve
