"""A zone's records, found by name and type, with the order of names that DNSSEC's denials need (RFC 4034 6.1)."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable

import msgspec

from dns.wire import names, numbers
from dns.wire.records import Named, Record

# Their targets are written in lower case, so that the addresses of targets are found whatever the file's case.
_LOWERED = frozenset(
    (numbers.NS, numbers.SOA, numbers.CNAME, numbers.MX, numbers.SVCB, numbers.HTTPS),
)


class BadZone(ValueError):
    """Records that make no zone to answer from."""


class Zone(msgspec.Struct, frozen=True):
    """Records by lower-case name and type, signatures by name and the type they cover.

    `inner` has every name that lies above another one; `ordered` all names with records, in DNSSEC's order.
    """

    origin: str
    records: dict[str, dict[int, tuple[Record, ...]]]
    signatures: dict[tuple[str, int], tuple[Record, ...]]
    inner: frozenset[str]
    ordered: tuple[tuple[bytes, ...], ...]
    by_order: dict[tuple[bytes, ...], str]

    def at(self, name: str, kind: int) -> tuple[Record, ...]:
        return self.records.get(name, {}).get(kind, ())

    def signed(self, name: str, kind: int, *, dnssec: bool) -> tuple[Record, ...]:
        """The records, with their signatures for those who asked for DNSSEC."""
        found = self.at(name, kind)
        return found + self.signatures.get((name, kind), ()) if dnssec else found

    def before(self, name: str) -> str:
        """The last name with records that stands before this one; "" where there is none."""
        place = bisect_left(self.ordered, order_of(name))
        return self.by_order[self.ordered[place - 1]] if place else ""

    @property
    def soa(self) -> tuple[Record, ...]:
        return self.at(self.origin, numbers.SOA)

    @property
    def serial(self) -> int:
        for record in self.soa:
            if isinstance(record.data, Named):
                return int.from_bytes(record.data.suffix[:4], "big")
        return 0


def order_of(name: str) -> tuple[bytes, ...]:
    """Sorts names as DNSSEC does: by label from the right, in lower case."""
    return tuple(label.lower() for label in reversed(names.labels_of(name)))


def make_zone(origin: str, found: Iterable[Record]) -> Zone:
    """The zone of these records; those outside the origin are left out, but a SOA is the zone's wherever it stands.

    Raises BadZone for NSEC3, whose denials are not made here.
    """
    by_name: dict[str, dict[int, list[Record]]] = {}
    signatures: dict[tuple[str, int], list[Record]] = {}
    inner: set[str] = set()
    for one in found:
        record = _canonical(one)
        if record.kind in {numbers.NSEC3, numbers.NSEC3PARAM}:
            raise BadZone(f"{record.name}: zones with NSEC3 are not served, sign it with NSEC")
        covered = _covered(record)
        name = origin if numbers.SOA in {record.kind, covered} else record.name.lower()
        if not names.is_within(name, origin):
            continue
        held = by_name.setdefault(name, {}).setdefault(record.kind, [])
        if record.kind == numbers.SOA:
            held.clear()
        if record not in held:
            held.append(record)
            if covered is not None:
                signatures.setdefault((name, covered), []).append(record)
        for above in names.parents(name)[1:]:
            if not names.is_within(above, origin):
                break
            inner.add(above)
    by_order = {order_of(name): name for name in by_name}
    return Zone(
        origin,
        {name: {kind: tuple(held) for kind, held in kinds.items()} for name, kinds in by_name.items()},
        {key: tuple(held) for key, held in signatures.items()},
        frozenset(inner),
        tuple(sorted(by_order)),
        by_order,
    )


def _canonical(record: Record) -> Record:
    r"""Names as questions write them: `\046` is `\.`, and lower case but for SRV."""
    name = record.name
    if "\\" in name:
        name = names.decode(names.encode(name), 0)[0]
    if record.kind != numbers.SRV:
        name = name.lower()
    data = record.data
    if record.kind in _LOWERED and isinstance(data, Named):
        data = Named(data.prefix, tuple(target.lower() for target in data.names), data.suffix)
    return Record(name, record.kind, record.ttl, data, record.dns_class)


def _covered(record: Record) -> int | None:
    """The type that a signature is for."""
    if record.kind != numbers.RRSIG or not isinstance(record.data, bytes):
        return None
    return int.from_bytes(record.data[:2], "big")
