"""What a cache keeps: which answers, under which key, for how long. Pure."""

from __future__ import annotations

import msgspec
from msgspec.structs import replace

from dns.handlers.forward import forwarded
from dns.handlers.request import Response
from dns.wire import names, numbers
from dns.wire.message import decode
from dns.wire.query import Query
from dns.wire.records import Record, target_of

# What an answer without any TTL is kept for (CoreDNS's dnsutil.MinimalDefaultTTL).
DEFAULT_TTL_S = 5
SUCCESS, DENIAL, FAILURE = "success", "denial", "failure"

# Name on the wire in lower case, type, class, DO, CD.
Key = tuple[bytes, int, int, bool, bool]


class Item(msgspec.Struct):
    """One kept answer: a response, or another server's bytes until it is wanted."""

    kept: Response | bytes
    stored_at_s: float
    ttl_s: float
    kind: str
    hits: int = 0
    last_hit_s: float = 0.0
    refreshing: bool = False
    failed_at_s: float = float("-inf")  # when a refresh last brought nothing

    @property
    def response(self) -> Response:
        if isinstance(self.kept, bytes):
            self.kept = replace(forwarded(decode(self.kept)), options=None)
        return self.kept

    def left_s(self, now: float) -> float:
        """Counted in whole seconds of age, as a TTL is."""
        return self.ttl_s - int(now - self.stored_at_s)


def classify(query: Query, response: Response) -> str:
    """Which store an answer belongs in; "" for none."""
    if response.truncated or not response.written or _is_meta(query):
        return ""
    has_soa = any(record.kind == numbers.SOA for record in response.authority)
    if response.rcode == numbers.NOERROR:
        if not response.answer:
            return DENIAL if has_soa else SUCCESS
        if answers_question(query, response.answer):
            return SUCCESS
        return DENIAL if has_soa else ""
    if response.rcode == numbers.NXDOMAIN:
        return DENIAL if has_soa and not response.answer else ""
    return FAILURE if response.rcode in {numbers.SERVFAIL, numbers.NOTIMP} else ""


def bounds_of(query: Query, response: Response) -> str:
    """Whose limits its TTL is brought within, also where it is not kept."""
    if response.rcode == numbers.NXDOMAIN:
        return SUCCESS if response.answer else DENIAL
    if response.rcode == numbers.NOERROR:
        return DENIAL if classify(query, replace(response, flags=0)) == DENIAL else SUCCESS
    return FAILURE if response.rcode in {numbers.SERVFAIL, numbers.NOTIMP} else SUCCESS


def _is_meta(query: Query) -> bool:
    return query.kind in {numbers.AXFR, numbers.IXFR} or query.opcode != numbers.QUERY


def answers_question(query: Query, answer: tuple[Record, ...]) -> bool:
    """Whether the type asked for stands at the end of the chain of aliases that starts at the name asked for."""
    name = query.lower
    aliases: dict[str, set[str]] = {}
    answer = tuple(one for one in answer if query.dns_class in {one.dns_class, numbers.ANY_CLASS})
    for record in answer:
        if record.kind == numbers.CNAME:
            aliases.setdefault(record.name.lower(), set()).add(target_of(record).lower())
    if query.kind == numbers.ANY:
        return any(record.name.lower() == name for record in answer)
    if query.kind == numbers.CNAME:
        return len(aliases.get(name, ())) == 1
    seen: set[str] = set()
    while name in aliases:
        if name in seen or len(aliases[name]) > 1:
            return False
        seen.add(name)
        (name,) = aliases[name]
    return any(record.kind == query.kind and record.name.lower() == name for record in answer)


def shortest_ttl_s(query: Query, response: Response) -> int:
    """The smallest TTL in the answer. As in CoreDNS a SOA counts by its TTL, not by its minimum field."""
    if response.rcode not in {numbers.NOERROR, numbers.NXDOMAIN} or _is_meta(query):
        return DEFAULT_TTL_S
    if response.rcode == numbers.NXDOMAIN and response.answer:
        return DEFAULT_TTL_S
    if not response.answer and _is_referral(response):
        return DEFAULT_TTL_S
    ttls = [
        record.ttl
        for section in (response.answer, response.authority, response.additional)
        for record in section
    ]
    return min(ttls, default=DEFAULT_TTL_S)


def _is_referral(response: Response) -> bool:
    kinds = {record.kind for record in response.authority}
    return response.rcode == numbers.NOERROR and numbers.NS in kinds and numbers.SOA not in kinds


def with_ttl(response: Response, ttl_s: int) -> Response:
    """Every record with this TTL."""
    sections = (response.answer, response.authority, response.additional)
    if not _other_ttl(sections, ttl_s):
        return response
    answer, authority, additional = (
        tuple(replace(record, ttl=ttl_s) for record in section) for section in sections
    )
    return replace(response, answer=answer, authority=authority, additional=additional)


def _other_ttl(sections: tuple[tuple[Record, ...], ...], ttl_s: int) -> bool:
    for section in sections:
        for record in section:
            if record.ttl != ttl_s:
                return True
    return False


def key_of(query: Query) -> Key:
    name = query.question[:-4].lower() if query.question else names.encode(query.lower)
    return name, query.kind, query.dns_class, query.dnssec_ok, query.checking_disabled
