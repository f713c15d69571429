"""Leaves authority and additional records out of positive answers."""

from __future__ import annotations

from msgspec.structs import replace

from dns.corefile.blocks import Line
from dns.handlers.request import Request, Response, Result, Serve, then
from dns.handlers.site import Site, no_args, no_body, one_line
from dns.wire import numbers


def parse(lines: tuple[Line, ...], zones: tuple[str, ...]) -> None:
    line = one_line(lines)
    no_args(line)
    no_body(line)


def build(options: None, site: Site, following: Serve) -> Serve:
    def shorten(response: Response) -> Response:
        if response.rcode != numbers.NOERROR or not response.answer:
            return response
        return replace(response, authority=(), additional=())

    def serve(request: Request) -> Result:
        return then(following(request), shorten)

    return serve
