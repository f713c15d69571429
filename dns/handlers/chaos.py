"""Answers `version.bind`, `hostname.bind` and `authors.bind` in class CHAOS."""

from __future__ import annotations

import msgspec

from dns.corefile.blocks import Line
from dns.handlers.request import Lifetime, Request, Response, Result, Serve
from dns.handlers.site import Site, no_body, one_line
from dns.version import VERSION
from dns.wire import numbers, records


class Options(msgspec.Struct, frozen=True):
    version: str
    authors: tuple[str, ...]


def parse(lines: tuple[Line, ...], zones: tuple[str, ...]) -> Options:
    line = one_line(lines)
    no_body(line)
    version = line.words[0] if line.args else f"kdns-{VERSION}"
    return Options(version, line.words[1:])


def build(options: Options, site: Site, following: Serve) -> Serve:
    site.any_class = True

    def serve(request: Request) -> Result:
        query = request.query
        if query.dns_class != numbers.CHAOS or query.kind != numbers.TXT:
            return following(request)
        match query.lower:
            case "version.bind." | "version.server.":
                texts: tuple[str, ...] = (options.version,)
            case "hostname.bind." | "id.server.":
                texts = (site.world.hostname[:255],)
            case "authors.bind.":
                texts = options.authors
            case _:
                return following(request)
        answer = tuple(
            msgspec.structs.replace(records.txt(query.name, 0, text), dns_class=numbers.CHAOS)
            for text in texts
        )
        return Response(answer=answer, plugin="chaos", lifetime=Lifetime())

    return serve
