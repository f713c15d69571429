"""Answers names that belong to the asking host itself: localhost and its reverse zones (RFC 6303, RFC 6761)."""

from __future__ import annotations

from dns.corefile.blocks import Line
from dns.handlers.request import Lifetime, Request, Response, Result, Serve
from dns.handlers.site import Site, no_args, one_line, one_word, unknown_option
from dns.wire import names, numbers, records

TTL_S = 604_800
ZONES = ("localhost.", "0.in-addr.arpa.", "127.in-addr.arpa.", "255.in-addr.arpa.")


def parse(lines: tuple[Line, ...], zones: tuple[str, ...]) -> bool:
    """Whether `localhost.` as the first label counts too."""
    line = one_line(lines)
    no_args(line)
    prefix = True
    for option in line.body:
        if option.name.text != "localhost_prefix":
            raise unknown_option("local", option)
        if one_word(option) not in {"on", "off"}:
            raise option.error(f"localhost_prefix is on or off, found {option.words[0]!r}")
        prefix = option.words[0] == "on"
    return prefix


def build(prefix: bool, site: Site, following: Serve) -> Serve:
    counter = site.world.registry.counter(
        "coredns_local_localhost_requests_total", "Counter of localhost.<domain> requests."
    )

    def serve(request: Request) -> Result:
        query = request.query
        lower = query.lower
        zone = next((zone for zone in ZONES if names.is_within(lower, zone)), "")
        below = lower.endswith(".localhost.") or (
            prefix and lower.startswith("localhost.") and lower != "localhost."
        )
        if below:
            counter.add(1)
            zone = lower
        if not zone:
            return following(request)
        return _answer(request, zone, host=below or lower == "localhost.")

    return serve


def _answer(request: Request, zone: str, *, host: bool) -> Response:
    query = request.query
    soa = records.soa(zone, TTL_S, "localhost.", "root.localhost.", (1, 0, 0, 0, TTL_S))
    ips = {numbers.A: "127.0.0.1", numbers.AAAA: "::1"}
    answer: tuple[records.Record, ...] = ()
    exists = query.lower in ZONES or host
    if host and query.kind in ips:
        answer = (records.address(query.name, TTL_S, ips[query.kind]),)
    elif query.lower == "1.0.0.127.in-addr.arpa.":
        exists = True
        if query.kind == numbers.PTR:
            answer = (records.ptr(query.name, TTL_S, "localhost."),)
    elif query.lower in ZONES and query.kind == numbers.SOA:
        answer = (soa,)
    elif query.lower in ZONES and query.kind == numbers.NS:
        answer = (records.ns(query.name, TTL_S, "localhost."),)
    return Response(
        rcode=numbers.NOERROR if exists else numbers.NXDOMAIN,
        answer=answer,
        authority=() if answer else (soa,),
        plugin="local",
        lifetime=Lifetime(),
    )
