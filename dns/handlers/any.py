"""A short answer to ANY questions (RFC 8482)."""

from __future__ import annotations

from dns.corefile.blocks import Line
from dns.handlers.request import Lifetime, Request, Response, Result, Serve
from dns.handlers.site import Site, no_args, no_body, one_line
from dns.wire import numbers
from dns.wire.records import Record

TTL_S = 8482
_DATA = bytes((13,)) + b"ANY obsoleted" + bytes((12,)) + b"See RFC 8482"


def parse(lines: tuple[Line, ...], zones: tuple[str, ...]) -> None:
    line = one_line(lines)
    no_args(line)
    no_body(line)


def build(options: None, site: Site, following: Serve) -> Serve:
    def serve(request: Request) -> Result:
        if request.query.kind != numbers.ANY:
            return following(request)
        answer = (Record(request.query.name, numbers.HINFO, TTL_S, _DATA),)
        return Response(answer=answer, plugin="any", lifetime=Lifetime())

    return serve
