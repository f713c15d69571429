"""Answers with the client's own address and port."""

from __future__ import annotations

from msgspec.structs import replace

from dns.corefile.blocks import Line
from dns.handlers.request import Request, Response, Result, Serve
from dns.handlers.site import Site, no_args, no_body, one_line
from dns.wire import numbers, records


def parse(lines: tuple[Line, ...], zones: tuple[str, ...]) -> None:
    line = one_line(lines)
    no_args(line)
    no_body(line)


def build(options: None, site: Site, following: Serve) -> Serve:
    def serve(request: Request) -> Result:
        query = request.query
        proto = "udp" if request.proto == "udp" else "tcp"
        name = f"_{proto}." if query.name == "." else f"_{proto}.{query.name}"
        found = (
            records.address(query.name, 0, request.client),
            records.srv(name, 0, 0, request.client_port, "."),
        )
        additional = tuple(replace(record, dns_class=query.dns_class) for record in found)
        return Response(additional=additional, flags=numbers.AA, plugin="whoami")

    return serve
