"""Whole messages to values: what an upstream answers, and what tests look at."""

from __future__ import annotations

import struct
from struct import Struct as Layout

import msgspec

from dns.wire import names, numbers
from dns.wire.query import FIXED, HEADER, Edns, _options
from dns.wire.records import Named, Record

_RR = Layout("!HHIH")
_TYPE_CLASS = Layout("!HH")
_SOA_NUMBERS_BYTES = 20

# Where names stand in the data: bytes before the first name, how many names. A name in these may be compressed by
# the sender (RFC 3597 section 4); in every other type data is taken as it is.
_NAMES_AFTER: dict[int, tuple[int, int]] = {
    numbers.NS: (0, 1), 3: (0, 1), 4: (0, 1), numbers.CNAME: (0, 1), numbers.SOA: (0, 2), 7: (0, 1), 8: (0, 1),
    9: (0, 1), numbers.PTR: (0, 1), 14: (0, 2), numbers.MX: (2, 1), 17: (0, 2), 18: (2, 1), 21: (2, 1),
    numbers.SRV: (6, 1), 36: (2, 1), numbers.DNAME: (0, 1),
}  # fmt: skip


class BadMessage(ValueError):
    """The bytes are no DNS message."""


class Message(msgspec.Struct, frozen=True, kw_only=True):
    packet_id: int
    flags: int
    rcode: int  # with the upper bits from OPT
    name: str = "."
    kind: int = 0
    dns_class: int = 0
    question_count: int = 0
    answer: tuple[Record, ...] = ()
    authority: tuple[Record, ...] = ()
    additional: tuple[Record, ...] = ()  # without OPT
    edns: Edns | None = None

    @property
    def truncated(self) -> bool:
        return bool(self.flags & numbers.TC)

    @property
    def authoritative(self) -> bool:
        return bool(self.flags & numbers.AA)


def decode(packet: bytes) -> Message:
    """The message; raises BadMessage. Bytes behind the last record are ignored."""
    try:
        return _decode(packet)
    except (names.BadName, struct.error, IndexError) as problem:
        raise BadMessage(f"not a DNS message: {problem}") from problem


def _decode(packet: bytes) -> Message:
    packet_id, flags, questions, *counts = HEADER.unpack_from(packet)
    offset, name, kind, dns_class = 12, ".", 0, 0
    for index in range(questions):
        found, offset = names.decode(packet, offset)
        pair = _TYPE_CLASS.unpack_from(packet, offset)
        offset += 4
        if index == 0:
            name, (kind, dns_class) = found, pair
    sections: list[tuple[Record, ...]] = []
    edns, rcode = None, flags & 15
    for count in counts:
        records: list[Record] = []
        for _ in range(count):
            owner, offset = names.decode(packet, offset)
            rr_kind, rr_class, ttl, length = _RR.unpack_from(packet, offset)
            offset += 10
            end = offset + length
            if end > len(packet):
                raise names.BadName("a record runs past the end of the message")
            if rr_kind == numbers.OPT:
                rcode |= ttl >> 24 << 4
                edns = Edns(rr_class, ttl >> 16 & 255, bool(ttl & 0x8000), _options(packet[offset:end]))
            else:
                data = _data(packet, rr_kind, offset, end)
                records.append(Record(owner, rr_kind, ttl & 0x7FFFFFFF, data, rr_class))
            offset = end
        sections.append(tuple(records))
    return Message(
        packet_id=packet_id,
        flags=flags,
        rcode=rcode,
        name=name,
        kind=kind,
        dns_class=dns_class,
        question_count=questions,
        answer=sections[0],
        authority=sections[1],
        additional=sections[2],
        edns=edns,
    )


def _data(packet: bytes, kind: int, offset: int, end: int) -> bytes | Named:
    length = end - offset
    if length and FIXED.get(kind, length) != length:
        raise names.BadName("an address record of the wrong length")
    place = _NAMES_AFTER.get(kind)
    if place is None or offset == end:
        return packet[offset:end]
    before, count = place
    prefix = packet[offset : offset + before]
    offset += before
    found: list[str] = []
    for _ in range(count):
        name, offset = names.decode(packet, offset)
        found.append(name)
    if offset > end:
        raise names.BadName("a name runs past its record")
    if kind == numbers.SOA and end - offset != _SOA_NUMBERS_BYTES:
        raise names.BadName("a SOA record of the wrong length")
    return Named(prefix, tuple(found), packet[offset:end])
