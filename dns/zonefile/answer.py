"""Answers from a zone: wildcards, aliases, delegations, empty names, DNSSEC (RFC 1034 4.3.2, 4592, 6672, 4035 3.1). Pure."""

from __future__ import annotations

from msgspec import Struct
from msgspec.structs import replace

from dns.wire import names, numbers, records
from dns.wire.records import Named, Record, target_of
from dns.zonefile.zone import Zone

MAX_ALIASES = 8
_ADDRESSED = frozenset((numbers.SRV, numbers.MX, numbers.SVCB, numbers.HTTPS))


class Found(Struct, frozen=True, kw_only=True):
    """`chase`: an alias leads to where this zone has no such name; ask there, then `follow`.

    `missing`: no record has this name, so that another handler may know it.
    """

    rcode: int = numbers.NOERROR
    answer: tuple[Record, ...] = ()
    authority: tuple[Record, ...] = ()
    additional: tuple[Record, ...] = ()
    authoritative: bool = True
    chase: str = ""
    missing: bool = False


_FAILED = Found(rcode=numbers.SERVFAIL)


def lookup(zone: Zone, name: str, kind: int, *, dnssec: bool = False) -> Found:
    """The answer to a question for a name in the zone. `name` in the case it was asked."""
    return _Lookup(zone, kind, dnssec).at(name)


def follow(zone: Zone, found: Found, rest: tuple[int, tuple[Record, ...]], *, dnssec: bool) -> Found:
    """What the alias's target gave (rcode and answer) put behind the alias."""
    rcode, more = rest
    answer = (*found.answer, *more)
    negative = rcode == numbers.NXDOMAIN or (rcode == numbers.NOERROR and not more)
    return Found(
        rcode=rcode if rcode in {numbers.NXDOMAIN, numbers.SERVFAIL} else numbers.NOERROR,
        answer=answer,
        authority=zone.signed(zone.origin, numbers.SOA if negative else numbers.NS, dnssec=dnssec),
        additional=_addresses(zone, answer, dnssec=dnssec),
    )


class _Lookup:
    """One question's walk through a zone."""

    def __init__(self, zone: Zone, kind: int, dnssec: bool) -> None:
        self._zone = zone
        self._kind = kind
        self._dnssec = dnssec

    def at(self, name: str) -> Found:
        zone, lower = self._zone, name.lower()
        if lower == zone.origin and self._kind == numbers.SOA:
            return Found(answer=self._apex(numbers.SOA), authority=self._apex(numbers.NS))
        if lower == zone.origin and self._kind == numbers.NS:
            servers = self._apex(numbers.NS)
            return Found(answer=servers, additional=self._glue(servers))
        for above in self._downwards(lower):
            if above != lower and (renamed := zone.at(above, numbers.DNAME)):
                return self._renamed(name, above, renamed[0])
            if cut := self._cut(above, lower):
                return cut
        if lower in zone.records:
            return self._here(lower, lower)
        return self._elsewhere(lower)

    def _downwards(self, lower: str) -> list[str]:
        """The names from the origin down to the one asked for."""
        inside = [one for one in names.parents(lower) if names.is_within(one, self._zone.origin)]
        return inside[::-1]

    def _apex(self, kind: int) -> tuple[Record, ...]:
        return self._zone.signed(self._zone.origin, kind, dnssec=self._dnssec)

    def _cut(self, above: str, lower: str) -> Found | None:
        """A referral where this name is delegated. DS is the parent's to answer."""
        servers = () if above == self._zone.origin else self._zone.at(above, numbers.NS)
        if not servers or (self._kind == numbers.DS and above == lower):
            return None
        proof = self._zone.signed(above, numbers.DS, dnssec=True) if self._dnssec else ()
        return Found(
            authority=(*servers, *proof), additional=self._glue(servers), authoritative=False, missing=False
        )

    def _renamed(self, name: str, owner: str, record: Record) -> Found:
        """DNAME: everything below its owner is found below its target (RFC 6672)."""
        target = name[: len(name) - len(owner)] + target_of(record).removeprefix(".")
        proof = self._zone.signatures.get((owner, numbers.DNAME), ()) if self._dnssec else ()
        try:
            names.encode(target)
        except names.BadName:
            return Found(rcode=numbers.YXDOMAIN, answer=(record, *proof))
        if target.lower() == name.lower():
            return _FAILED
        alias = records.cname(name, record.ttl, target)
        if self._kind == numbers.CNAME:
            return Found(answer=(record, *proof, alias), authority=self._apex(numbers.NS))
        return self._alias(alias, (record, *proof, alias))

    def _here(self, owner: str, lower: str) -> Found:
        """From a name's records, or a wildcard's in its place."""
        zone = self._zone
        proof: tuple[Record, ...] = ()
        if self._kind != numbers.CNAME and (alias := self._take(owner, numbers.CNAME, lower)):
            return self._alias(alias[0], alias)
        found = self._take(owner, self._kind, lower)
        if not found:
            return Found(authority=(*self._apex(numbers.SOA), *self._denial(owner)))
        if owner != lower and self._dnssec:
            proof = self._denial(zone.before(lower))
        return Found(
            answer=found,
            authority=(*self._apex(numbers.NS), *proof),
            additional=_addresses(zone, found, dnssec=self._dnssec),
        )

    def _take(self, owner: str, kind: int, lower: str) -> tuple[Record, ...]:
        """Wildcard records get the name that was asked for."""
        found = self._zone.signed(owner, kind, dnssec=self._dnssec) if self._zone.at(owner, kind) else ()
        return found if owner == lower else tuple(replace(record, name=lower) for record in found)

    def _elsewhere(self, lower: str) -> Found:
        """No records have this name: a wildcard's, or a denial (RFC 4592)."""
        zone = self._zone
        closest = next(one for one in names.parents(lower)[1:] if one in zone.records or one in zone.inner)
        wildcard = "*." + closest if closest != "." else "*."
        empty = lower in zone.inner
        if not empty and wildcard in zone.records:
            return self._here(wildcard, lower)
        if not empty and wildcard in zone.inner:
            return Found(authority=self._apex(numbers.SOA))
        proof: tuple[Record, ...] = ()
        if self._dnssec and (before := zone.before(lower)):
            proof = self._denial(before)
            other = zone.before(wildcard)
            if not empty and other and other != before:
                proof += self._denial(other)
        return Found(
            rcode=numbers.NOERROR if empty else numbers.NXDOMAIN,
            authority=(*self._apex(numbers.SOA), *proof),
            missing=True,
        )

    def _denial(self, owner: str) -> tuple[Record, ...]:
        return self._zone.signed(owner, numbers.NSEC, dnssec=True) if self._dnssec and owner else ()

    def _alias(self, alias: Record, answer: tuple[Record, ...]) -> Found:
        """Follow aliases while their targets are names of this zone."""
        zone = self._zone
        for _ in range(MAX_ALIASES + 1):
            target = target_of(alias).lower()
            inside = names.is_within(target, zone.origin)
            for above in self._downwards(target) if inside else ():
                if above in zone.records and (cut := self._cut(above, target)):
                    return replace(cut, answer=answer, authoritative=True)
            at_apex = target == zone.origin and self._kind == numbers.SOA
            if not inside or target not in zone.records or self._kind == numbers.NS or at_apex:
                return Found(answer=answer, chase=target_of(alias))
            following = zone.signed(target, numbers.CNAME, dnssec=self._dnssec)
            if not following or not zone.at(target, numbers.CNAME):
                answer += self._take(target, self._kind, target)
                break
            answer += following
            alias = following[0]
        return Found(
            answer=answer,
            authority=self._apex(numbers.NS),
            additional=_addresses(zone, answer, dnssec=self._dnssec),
        )

    def _glue(self, servers: tuple[Record, ...]) -> tuple[Record, ...]:
        """Addresses of name servers below the name they serve."""
        found: tuple[Record, ...] = ()
        for record in servers:
            if record.kind == numbers.NS and names.is_within(target_of(record), record.name.lower()):
                found += _addresses_at(self._zone, target_of(record), dnssec=self._dnssec)
        return found


def _addresses(zone: Zone, answer: tuple[Record, ...], *, dnssec: bool) -> tuple[Record, ...]:
    """Addresses in the zone of the names that MX, SRV, SVCB and HTTPS point at."""
    targets = {
        target_of(record).lower(): None
        for record in answer
        if record.kind in _ADDRESSED and isinstance(record.data, Named)
    }
    return tuple(record for target in targets for record in _addresses_at(zone, target, dnssec=dnssec))


def _addresses_at(zone: Zone, target: str, *, dnssec: bool) -> tuple[Record, ...]:
    found: tuple[Record, ...] = ()
    for kind in (numbers.A, numbers.AAAA):
        if zone.at(target, kind):
            found += zone.signed(target, kind, dnssec=dnssec)
    return found
