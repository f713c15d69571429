"""Parsing of what a client sends: a `Query`, or the ready answer to a malformed one, or silence.

The choices follow CoreDNS (through miekg/dns 1.1): who is answered FORMERR or NOTIMP gets a bare header, counts and
flags of the question kept; replies and fragments shorter than a header are not answered at all.
"""

from __future__ import annotations

import struct
from struct import Struct as Layout

import msgspec

from dns.wire import names, numbers
from dns.wire.numbers import QR

HEADER = Layout("!HHHHHH")
_TYPE_CLASS = Layout("!HH")
_RR = Layout("!HHIH")
# Bytes of an address.
FIXED = {numbers.A: 4, numbers.AAAA: 16}
_U16 = Layout("!H")


class Edns(msgspec.Struct, frozen=True, gc=False):
    """What the last OPT record says (RFC 6891)."""

    size_bytes: int
    version: int = 0
    dnssec_ok: bool = False
    options: tuple[tuple[int, bytes], ...] = ()


class Query(msgspec.Struct, frozen=True, gc=False):
    """One question. `name` is as asked, `lower` in lower case; both end in a dot.

    `gc=False`, here and in what answers are made of: no cycle can form, and the collector has less to walk.
    """

    packet_id: int
    flags: int
    name: str
    lower: str
    kind: int
    dns_class: int
    question: bytes  # name, type, class as they are sent back
    edns: Edns | None = None
    opt_count: int = 0
    repeatable: bool = True  # the same bytes may be answered from memory: no cookie, no stray records

    @property
    def opcode(self) -> int:
        return self.flags >> 11 & 15

    @property
    def checking_disabled(self) -> bool:
        return bool(self.flags & numbers.CD)

    @property
    def dnssec_ok(self) -> bool:
        return self.edns is not None and self.edns.dnssec_ok


class Malformed(msgspec.Struct, frozen=True):
    """The packet is no question we can read; `reply` is all the client gets."""

    reply: bytes
    why: str


def parse(packet: bytes) -> Query | Malformed | None:
    """None: say nothing."""
    if len(packet) < 12:
        return None
    packet_id, flags, questions, answers, authorities, additionals = HEADER.unpack_from(packet)
    if flags & QR:
        return None
    if flags >> 11 & 15 not in {numbers.QUERY, numbers.NOTIFY}:
        return _refuse(
            packet_id, flags, numbers.NOTIMP, "the opcode is not in use here", opcode=flags & 0x7800
        )
    if questions != 1 or answers > 1 or authorities > 1 or additionals > 2:
        return _refuse(packet_id, flags, numbers.FORMERR, "the section counts are not those of a question")
    if len(packet) == 12:
        return _refuse(
            packet_id, flags, numbers.SERVFAIL, "a header without its question", opcode=flags & 0x7800
        )
    try:
        name, offset = names.decode(packet, 12)
        # A message that ends behind the name or the type leaves the rest zero.
        tail = packet[offset : offset + 4]
        kind, dns_class = _TYPE_CLASS.unpack(tail if len(tail) == 4 else tail + b"\0" * _missing(tail))
    except (names.BadName, struct.error) as problem:
        return _refuse(packet_id, flags, numbers.FORMERR, str(problem))
    end = min(offset + 4, len(packet))
    # Neither compressed nor escaped nor cut short: as it came.
    whole = len(tail) == 4 and offset - 12 == len(name) + (name != ".")
    question = packet[12:end] if whole else names.encode(name) + _TYPE_CLASS.pack(kind, dns_class)
    edns, opt_count, plain = None, 0, not (answers or authorities)
    if answers or authorities or additionals:
        try:
            edns, opt_count, plain = _records(packet, end, answers + authorities, additionals)
        except (names.BadName, struct.error, IndexError) as problem:
            return _refuse(packet_id, flags, numbers.FORMERR, str(problem), question=question)
    return Query(packet_id, flags, name, name.lower(), kind, dns_class, question, edns, opt_count, plain)


def _missing(tail: bytes) -> int:
    if len(tail) % 2:
        raise names.BadName("the question is cut inside a number")
    return 4 - len(tail)


def _records(packet: bytes, offset: int, skipped: int, additionals: int) -> tuple[Edns | None, int, bool]:
    """The last OPT, how many there are, and whether nothing else is in the packet that varies."""
    edns, opt_count, plain = None, 0, skipped == 0
    for index in range(skipped + additionals):
        if offset == len(packet):  # records announced but missing are let pass
            break
        _, offset = names.decode(packet, offset)
        kind, size, ttl, length = _RR.unpack_from(packet, offset)
        offset += 10 + length
        if offset > len(packet):
            raise names.BadName("a record runs past the end of the message")
        if index < skipped or kind != numbers.OPT:
            if length and FIXED.get(kind, length) != length:
                raise names.BadName("an address record of the wrong length")
            plain = False
            continue
        opt_count += 1
        options = _options(packet[offset - length : offset])
        edns = Edns(size, ttl >> 16 & 255, bool(ttl & 0x8000), options)
        plain = plain and not options
    return edns, opt_count, plain


def _options(data: bytes) -> tuple[tuple[int, bytes], ...]:
    if not data:
        return ()
    options: list[tuple[int, bytes]] = []
    offset = 0
    while offset < len(data):
        code, length = _TYPE_CLASS.unpack_from(data, offset)
        offset += 4 + length
        if offset > len(data):
            raise names.BadName("an EDNS option runs past its record")
        if code == numbers.CLIENT_SUBNET and (length < 4 or data[offset - length + 1] > 2):
            raise names.BadName("a client subnet option without its fields")
        options.append((code, data[offset - length : offset]))
    return tuple(options)


def _refuse(
    packet_id: int, flags: int, rcode: int, why: str, *, opcode: int = 0, question: bytes = b""
) -> Malformed:
    kept = flags & (numbers.TC | numbers.RD | numbers.RA | numbers.AD | numbers.CD)
    if rcode == numbers.SERVFAIL:
        kept = flags & (numbers.RD | numbers.CD) if not opcode else 0
    header = HEADER.pack(packet_id, QR | opcode | kept | rcode, 1 if question else 0, 0, 0, 0)
    return Malformed(header + question, why)
