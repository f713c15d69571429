"""IPv6 addresses for names that have IPv4 ones only, for clients behind a NAT64 (RFC 6147)."""

from __future__ import annotations

from ipaddress import IPv6Network

import msgspec
from msgspec.structs import replace

from dns.corefile.blocks import Line
from dns.handlers.request import Request, Response, Result, Serve, join, once, then
from dns.handlers.site import Site, no_args, one_line, one_word, unknown_option
from dns.wire import numbers
from dns.wire.records import Record

# The well-known prefix of RFC 6052.
DEFAULT_PREFIX = IPv6Network("64:ff9b::/96")
# The TTL of what is made is at most the zone's SOA's, or this where none is known (RFC 6147 5.1.7).
DEFAULT_TTL_S = 600


class Options(msgspec.Struct, frozen=True):
    prefix: IPv6Network = DEFAULT_PREFIX
    translate_all: bool = False  # also names that have IPv6 addresses
    allow_ipv4: bool = False  # also for clients that ask over IPv4


def parse(lines: tuple[Line, ...], zones: tuple[str, ...]) -> Options:
    line = one_line(lines)
    settings: dict[str, object] = {"prefix": _prefix(line, one_word(line))} if line.args else {}
    for option in line.body:
        match option.name.text:
            case "prefix":
                settings["prefix"] = _prefix(option, one_word(option))
            case "translate_all" | "allow_ipv4" as flag:
                no_args(option)
                settings[flag] = True
            case _:
                raise unknown_option("dns64", option)
    return Options(**settings)  # type: ignore[arg-type]


def _prefix(line: Line, text: str) -> IPv6Network:
    try:
        found = IPv6Network(text, strict=False)
    except ValueError:
        raise line.error(f"dns64: {text!r} is no IPv6 prefix such as 64:ff9b::/96") from None
    if "/" not in text or found.prefixlen % 8 or not 32 <= found.prefixlen <= 96:
        raise line.error(f"dns64: a prefix has 32, 40, 48, 56, 64, 72, 80, 88 or 96 bits: {text}")
    return found


def embedded(prefix: IPv6Network, ipv4: bytes) -> bytes:
    """The IPv4 address behind the prefix; byte 8 stays zero (RFC 6052 2.2)."""
    length = prefix.prefixlen // 8
    whole = prefix.network_address.packed[:length] + ipv4
    if length <= 8:
        whole = whole[:8] + b"\0" + whole[8:]
    return whole[:16].ljust(16, b"\0")


def build(options: Options, site: Site, following: Serve) -> Serve:
    world = site.world
    translated = world.registry.counter(
        "coredns_dns64_requests_translated_total",
        "Counter of DNS requests translated by dns64.",
        "server",
    )

    def serve(request: Request) -> Result:
        query = request.query
        if query.kind != numbers.AAAA or query.dns_class != numbers.IN:
            return following(request)
        if not options.allow_ipv4 and ":" not in request.client:
            return then(following(request), once)  # a client that asks over IPv6 has another answer
        return then(following(request), lambda response: translate(request, response))

    def translate(request: Request, response: Response) -> Result:
        if not response.written or not _lacks_addresses(response, always=options.translate_all):
            return _kept(response)
        inner = replace(request.query, kind=numbers.A, question=b"")
        asked = replace(request, query=inner, depth=request.depth + 1)
        return then(world.resolve(asked), lambda found: made(request, response, found))

    def made(request: Request, response: Response, found: Response) -> Response:
        translated.add(1, request.server)
        soa = [one.ttl for one in response.authority if one.kind == numbers.SOA]
        longest_s = soa[-1] if soa else DEFAULT_TTL_S
        return _kept(
            Response(
                answer=tuple(_translated(one, options.prefix, longest_s) for one in found.answer),
                authority=found.authority,
                additional=found.additional,
                flags=found.flags & numbers.TC,
                plugin="dns64",
                lifetime=join(response.lifetime, found.lifetime),
            )
        )

    def _kept(response: Response) -> Response:
        return response if options.allow_ipv4 else once(response)

    return serve


def _lacks_addresses(response: Response, *, always: bool) -> bool:
    """Whether addresses are to be made: not for names that are denied, nor where there are some."""
    denied = response.rcode == numbers.NXDOMAIN and any(one.kind == numbers.SOA for one in response.authority)
    return not denied and (always or not any(one.kind == numbers.AAAA for one in response.answer))


def _translated(record: Record, prefix: IPv6Network, longest_s: int) -> Record:
    if record.kind != numbers.A or not isinstance(record.data, bytes):
        return record
    ttl_s = min(record.ttl, longest_s)
    return replace(record, kind=numbers.AAAA, ttl=ttl_s, data=embedded(prefix, record.data))
