"""Answers from a zone's records: wildcards, aliases, delegations, empty names (RFC 1034 4.3.2, RFC 4592)."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from dns.wire import names, numbers
from dns.wire.records import Named, Record, target_of

MAX_ALIASES = 8


class Zone(msgspec.Struct, frozen=True):
    """Records by lower-case name and type. `inner` has every name that lies above another one."""

    origin: str
    records: dict[str, dict[int, tuple[Record, ...]]]
    inner: frozenset[str]

    def at(self, name: str, kind: int) -> tuple[Record, ...]:
        return self.records.get(name, {}).get(kind, ())

    @property
    def soa(self) -> tuple[Record, ...]:
        return self.at(self.origin, numbers.SOA)

    @property
    def serial(self) -> int:
        for record in self.soa:
            if isinstance(record.data, Named):
                return int.from_bytes(record.data.suffix[:4], "big")
        return 0


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """`chase`: an alias leads out of the zone, ask there and append."""

    rcode: int = numbers.NOERROR
    answer: tuple[Record, ...] = ()
    authority: tuple[Record, ...] = ()
    additional: tuple[Record, ...] = ()
    authoritative: bool = True
    chase: str = ""


def make_zone(origin: str, found: Iterable[Record]) -> Zone:
    """The zone of these records; those outside the origin are left out."""
    by_name: dict[str, dict[int, list[Record]]] = {}
    inner: set[str] = set()
    for record in found:
        name = record.name.lower()
        if not names.is_within(name, origin):
            continue
        held = by_name.setdefault(name, {}).setdefault(record.kind, [])
        if record not in held:
            held.append(record)
        for above in names.parents(name)[1:]:
            if not names.is_within(above, origin):
                break
            inner.add(above)
    fixed = {name: {kind: tuple(held) for kind, held in kinds.items()} for name, kinds in by_name.items()}
    return Zone(origin, fixed, frozenset(inner))


def lookup(zone: Zone, name: str, kind: int) -> Found:
    """The answer to a question for a name in the zone. `name` in the case it was asked."""
    return _lookup(zone, name, kind, ())


def _lookup(zone: Zone, name: str, kind: int, before: tuple[Record, ...]) -> Found:
    lower = name.lower()
    if cut := _delegation(zone, lower, kind):
        return Found(answer=before, authority=cut, additional=_glue(zone, cut), authoritative=bool(before))
    owner = lower if lower in zone.records else _wildcard(zone, lower)
    if not owner:
        exists = lower in zone.inner
        return Found(rcode=numbers.NOERROR if exists else numbers.NXDOMAIN, answer=before, authority=zone.soa)
    if kind != numbers.CNAME and (alias := zone.at(owner, numbers.CNAME)):
        return _alias(zone, _named(alias, name, owner, lower), kind, before)
    found = _named(zone.at(owner, kind), name, owner, lower)
    if not found:
        return Found(answer=before, authority=zone.soa)
    apex = () if kind == numbers.NS and lower == zone.origin else zone.at(zone.origin, numbers.NS)
    return Found(answer=(*before, *found), authority=apex, additional=_glue(zone, found))


def _named(found: tuple[Record, ...], name: str, owner: str, lower: str) -> tuple[Record, ...]:
    """Wildcard records get the name that was asked for."""
    if owner == lower:
        return found
    return tuple(msgspec.structs.replace(record, name=name) for record in found)


def _alias(zone: Zone, alias: tuple[Record, ...], kind: int, before: tuple[Record, ...]) -> Found:
    target = target_of(alias[0])
    chain = (*before, alias[0])
    if not names.is_within(target.lower(), zone.origin):
        return Found(answer=chain, authority=zone.at(zone.origin, numbers.NS), chase=target)
    if len(chain) > MAX_ALIASES:
        return Found(answer=chain, authority=zone.at(zone.origin, numbers.NS))
    return _lookup(zone, target, kind, chain)


def _delegation(zone: Zone, lower: str, kind: int) -> tuple[Record, ...]:
    """The NS records of a cut at or above the name, below the apex. DS is the parent's to answer."""
    for above in reversed(names.parents(lower)):
        if not names.is_within(above, zone.origin) or above == zone.origin:
            continue
        if above == lower and kind == numbers.DS:
            continue
        if found := zone.at(above, numbers.NS):
            return found
    return ()


def _wildcard(zone: Zone, lower: str) -> str:
    """The wildcard that covers a missing name: right below its closest ancestor that exists."""
    for above in names.parents(lower)[1:]:
        if not names.is_within(above, zone.origin):
            return ""
        candidate = "*." + above if above != "." else "*."
        if candidate in zone.records and lower not in zone.inner:
            return candidate
        if above in zone.records or above in zone.inner:
            return ""
    return ""


def _glue(zone: Zone, found: tuple[Record, ...]) -> tuple[Record, ...]:
    """Addresses in the zone of the names that NS, MX and SRV point at."""
    targets = {
        target_of(record).lower(): None
        for record in found
        if record.kind in {numbers.NS, numbers.MX, numbers.SRV}
    }
    return tuple(
        record for target in targets for kind in (numbers.A, numbers.AAAA) for record in zone.at(target, kind)
    )
