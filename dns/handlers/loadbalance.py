"""Addresses in changing order. The shuffling itself happens when the answer is written."""

from __future__ import annotations

from msgspec.structs import replace

from dns.corefile.blocks import Line
from dns.handlers.request import Request, Response, Result, Serve, then
from dns.handlers.site import Site, no_body, one_line
from dns.wire import numbers


def parse(lines: tuple[Line, ...], zones: tuple[str, ...]) -> None:
    line = one_line(lines)
    no_body(line)
    if line.words not in {(), ("round_robin",)}:
        raise line.error(f"plugin/loadbalance: the policy is round_robin, found {' '.join(line.words)!r}")


def build(options: None, site: Site, following: Serve) -> Serve:
    site.relay.shuffle = True

    def serve(request: Request) -> Result:
        return then(following(request), mark)

    def mark(response: Response) -> Response:
        if response.rcode != numbers.NOERROR or len(response.answer) + len(response.additional) < 2:
            return response
        return replace(response, shuffle=True)

    return serve
