"""Which server block answers a query, and the bytes that are sent. No I/O."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from random import Random

import msgspec

from dns.answering.cookies import Baker, is_valid_length
from dns.answering.relay import Lanes
from dns.answering.shortcut import Shortcut
from dns.handlers.request import FOREVER, Lifetime, Request, Response, Result, Serve, failed, then
from dns.wire import encode, names, numbers
from dns.wire.query import Query
from dns.wire.records import Record

# Answers with several addresses are prepared in this many orders.
ROTATIONS = 8


class Chain(msgspec.Struct, frozen=True):
    """The handlers of one server block."""

    zone: str
    serve: Serve
    any_class: bool = False


class Router(msgspec.Struct, frozen=True, dict=True):
    """The server blocks of one listening address, by zone."""

    server: str  # dns://:53
    chains: Mapping[str, Chain]
    any_class: bool = False
    strict: bool = False
    unrouted: Serve | None = None  # counts what no block serves
    bake: Baker | None = None  # makes server cookies
    lanes: Lanes | None = None  # for forwarded questions that no handler need see
    shortcut: Shortcut | None = None  # for the cluster's names that no handler need see

    @cached_property
    def by_length(self) -> tuple[tuple[str, Chain], ...]:
        """The zones, longest first."""
        return tuple(sorted(self.chains.items(), key=lambda pair: -len(pair[0])))

    def answer(self, request: Request) -> Result:
        """The longest zone that holds the name answers; DS questions go to the parent's block where there is one."""
        query = request.query
        if query.dns_class != numbers.IN and not self.any_class:
            return self._refused(request, "only class IN is served")
        if query.edns is not None and query.edns.version != 0:
            return Response(rcode=numbers.BADVERS, plugin="", lifetime=FOREVER)
        if self.strict and (refusal := _refused_strictly(query)):
            rcode, why = refusal
            return failed("", why, rcode=rcode)
        chain = self.route(query)
        if chain is None:
            return self._refused(request, "no server block has this name's zone")
        result = chain.serve(
            Request(
                query,
                request.client,
                request.client_port,
                request.proto,
                self.server,
                chain.zone,
                request.depth,
                request.explain,
                request.local,
                request.reply,
            )
        )
        return (
            result
            if self.bake is None
            else then(result, lambda response: self._with_cookie(request, response))
        )

    def _with_cookie(self, request: Request, response: Response) -> Response:
        """The client's cookie goes back with ours behind it."""
        edns = request.query.edns
        cookie = _cookie_of(request.query)
        if edns is None or cookie is None or self.bake is None:
            return response
        options = encode.echoed_options(edns) if response.options is None else response.options
        rest = tuple(option for option in options if option[0] != numbers.COOKIE)
        whole = (numbers.COOKIE, self.bake(cookie, request.client))
        return msgspec.structs.replace(response, options=(*rest, whole))

    def route(self, query: Query) -> Chain | None:
        found: Chain | None = None
        lower = query.lower
        for zone, chain in self.by_length:
            if zone == "." or names.is_within(lower, zone):
                if query.kind != numbers.DS:
                    return chain
                found = chain
                if zone == ".":
                    break
        return found

    def _refused(self, request: Request, why: str) -> Result:
        refused = msgspec.structs.replace(
            failed("", why, rcode=numbers.REFUSED, reason=numbers.EDE_NOT_AUTHORITATIVE), lifetime=FOREVER
        )
        if self.unrouted is None:
            return refused
        counted = self.unrouted(request)
        assert isinstance(counted, Response)
        return msgspec.structs.replace(refused, observers=counted.observers)


def _cookie_of(query: Query) -> bytes | None:
    if query.edns is None:
        return None
    return next((value for code, value in query.edns.options if code == numbers.COOKIE), None)


def _refused_strictly(query: Query) -> tuple[int, str] | None:
    """What the RFCs want refused and CoreDNS answers."""
    if query.opt_count > 1:
        return numbers.FORMERR, "two OPT records"
    if query.opcode == numbers.NOTIFY:
        return numbers.NOTIMP, "NOTIFY is not taken"
    if query.dns_class not in {numbers.IN, numbers.CHAOS}:
        return numbers.REFUSED, "only class IN is served"
    cookie = _cookie_of(query)
    if cookie is not None and not is_valid_length(cookie):
        return numbers.FORMERR, "a cookie of a wrong length"
    return None


def reply_bytes(request: Request, response: Response, rng: Random) -> bytes:
    """The answer as it is sent."""
    if response.shuffle:
        response = msgspec.structs.replace(
            response,
            answer=reordered(response.answer, rng),
            authority=reordered(response.authority, rng),
            additional=reordered(response.additional, rng),
        )
    query = request.query
    if response.udp_bytes and query.edns is not None:
        query = msgspec.structs.replace(
            query, edns=msgspec.structs.replace(query.edns, size_bytes=response.udp_bytes)
        )
    if response.recursion_desired is not None:
        others = query.flags & ~numbers.RD
        query = msgspec.structs.replace(query, flags=others | numbers.RD * response.recursion_desired)
    limit = encode.limit_of(query, stream=request.proto != "udp")
    opt = b""
    if query.edns is not None:
        if response.rcode == numbers.BADVERS:
            opt = encode.opt_record(query.edns, rcode=numbers.BADVERS, size_bytes=0)
        else:
            options = encode.echoed_options(query.edns) if response.options is None else response.options
            if response.reason is not None:
                options = (*options, encode.extended_error(*response.reason))
            opt = encode.opt_record(query.edns, rcode=response.rcode, options=options)
    flags = response.flags & (numbers.AA | numbers.TC | numbers.RA | numbers.AD)
    sections = (response.answer, response.authority, response.additional)
    return encode.message(query, flags, response.rcode, sections, limit_bytes=limit, opt=opt)


def rotations(request: Request, response: Response, rng: Random) -> tuple[bytes, ...]:
    """The answer in several orders of its addresses, one for each repetition; one where order cannot matter."""
    first = reply_bytes(request, response, rng)
    if not response.shuffle or not _can_differ(response):
        return (first,)
    if block := _block(request.query, response, first):
        return (first, *(_turned(first, block, rng) for _ in range(ROTATIONS - 1)))
    return (first, *(reply_bytes(request, response, rng) for _ in range(ROTATIONS - 1)))


def _block(query: Query, response: Response, reply: bytes) -> tuple[int, int, int] | None:
    """Start, size and number of an answer section's records where their bytes may change places."""
    answer = response.answer
    kind = answer[0].kind if answer else 0
    size = {numbers.A: 16, numbers.AAAA: 28}.get(kind, 0)
    whole = not reply[2] & 2 and not response.authority and not response.additional
    if not size or not whole or any(one.kind != kind or one.name != query.name for one in answer):
        return None
    return 12 + len(query.question), size, len(answer)


def _turned(reply: bytes, block: tuple[int, int, int], rng: Random) -> bytes:
    """The same answer with its records in another order."""
    start, size, count = block
    end = start + size * count
    pieces = [reply[offset : offset + size] for offset in range(start, end, size)]
    rng.shuffle(pieces)
    return reply[:start] + b"".join(pieces) + reply[end:]


def _can_differ(response: Response) -> bool:
    return any(
        sum(record.kind in _MOVED for record in section) > 1
        for section in (response.answer, response.authority, response.additional)
    )


_MOVED = frozenset((numbers.A, numbers.AAAA, numbers.MX))


def reordered(section: tuple[Record, ...], rng: Random) -> tuple[Record, ...]:
    """CNAMEs, then the rest as it was, then addresses and then MX, both shuffled."""
    if len(section) < 2:
        return section
    aliases = [one for one in section if one.kind == numbers.CNAME]
    addresses = [one for one in section if one.kind in {numbers.A, numbers.AAAA}]
    mails = [one for one in section if one.kind == numbers.MX]
    rng.shuffle(addresses)
    rng.shuffle(mails)
    rest = [one for one in section if one.kind not in _MOVED and one.kind != numbers.CNAME]
    return (*aliases, *rest, *addresses, *mails)


def repeatable(query: Query, response: Response) -> Lifetime | None:
    """How long the memory may answer this query's bytes."""
    return response.lifetime if query.repeatable and not response.silent else None


__all__ = ["ROTATIONS", "Chain", "Router", "reordered", "repeatable", "reply_bytes", "rotations", "then"]
