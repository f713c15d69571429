"""Questions that go to another server and come back as they are: bytes to bytes, without records in between.

Offsets count in the packet behind its ID. What is not of the usual form is None and takes the way through
`query.parse` and `message.decode`; both ways give the same answers (tests/unit/dns/wire/test_passage.py).
"""

from __future__ import annotations

from random import Random
from typing import NamedTuple

from dns.wire import numbers

# Types whose data holds no names, so that no compression pointer can be in it.
OPAQUE = frozenset((numbers.A, numbers.AAAA, numbers.TXT, numbers.SVCB, numbers.HTTPS))
MAX_REPLY_BYTES = 4096
_MIN_UDP_BYTES = 512
_OPT_BYTES = 11
_SHUFFLED = frozenset((numbers.A, numbers.AAAA))

# The first ten bytes behind the ID (RD, AD and CD as they like, one question), and whether a record follows it.
USUAL_HEADS: dict[bytes, bool] = {
    bytes((first, second, 0, 1, 0, 0, 0, 0, 0, additional)): bool(additional)
    for first in (0, 1)
    for second in (0, numbers.AD, numbers.CD, numbers.AD | numbers.CD)
    for additional in (0, 1)
}


class Asked(NamedTuple):
    """A question of the usual form."""

    question: bytes  # the packet behind its ID
    name: bytes  # on the wire, in lower case
    end: int  # where the question section ends
    kind: int
    limit_bytes: int  # of the whole answer
    with_opt: bool
    dnssec_ok: bool


def read(question: bytes) -> Asked | None:
    with_opt = USUAL_HEADS.get(question[:10])
    if with_opt is None:
        return None
    at = 10
    try:
        while length := question[at]:
            if length > 63:
                return None
            at += length + 1
    except IndexError:
        return None
    end = at + 5
    kind = int.from_bytes(question[at + 1 : at + 3], "big")
    if at > 264 or kind not in OPAQUE or question[at + 3 : end] != b"\0\1":
        return None
    name = question[10 : at + 1].lower()
    if not with_opt:
        return (
            None if len(question) != end else Asked(question, name, end, kind, _MIN_UDP_BYTES, False, False)
        )
    opt = question[end:]
    plain = len(opt) == _OPT_BYTES and opt[:3] == b"\0\0\x29" and opt[5:7] == b"\0\0" and opt[8:] == b"\0\0\0"
    size_bytes = int.from_bytes(opt[3:5], "big")
    if not plain or opt[7] & 0x7F or size_bytes > MAX_REPLY_BYTES:
        return None
    return Asked(question, name, end, kind, max(size_bytes, _MIN_UDP_BYTES), True, bool(opt[7]))


def passed_on(
    reply: bytes, asked: Asked, bounds_s: tuple[int, int] | None, rng: Random | None
) -> tuple[bytes, int] | None:
    """The client's answer behind its ID, and its TTL in seconds, from another server's whole reply.

    None: the reply is not one of addresses or texts at the name itself. `bounds_s` limit the TTL as a cache does,
    which also drops the other server's EDNS options; with `rng` addresses change places.
    """
    end = asked.end + 2
    question = asked.question
    # A reply, opcode QUERY, whole, NOERROR, one question, no authority.
    usual = len(reply) > end and reply[2] & 0xFA == 0x80 and not reply[3] & 15
    if not usual or reply[4:6] != b"\0\1" or reply[8:11] != b"\0\0\0" or reply[11] > 1:
        return None
    same = reply[12:end] == question[10 : asked.end]
    if not same and (
        reply[12 : end - 4].lower() != asked.name
        or reply[end - 4 : end] != question[asked.end - 4 : asked.end]
    ):
        return None
    found = _records(reply, end, asked)
    if found is None:
        return None
    records, ttl_s, at = found
    if reply[11] and not _plain_opt(reply, at, keep_options=bounds_s is None):
        return None
    ad = reply[3] & numbers.AD
    if bounds_s is not None:
        ttl_s = max(bounds_s[0], min(ttl_s, bounds_s[1]))
        ttl = ttl_s.to_bytes(4, "big")
        records = [record[:6] + ttl + record[10:] for record in records]
        if not asked.dnssec_ok and not question[1] & numbers.AD:
            ad = 0
    if rng is not None and len(records) > 1 and asked.kind in _SHUFFLED:
        rng.shuffle(records)
    flags = bytes((0x80 | question[0] & 1 | reply[2] & 4, reply[3] & 0x80 | ad | question[1] & numbers.CD))
    counts = b"\0\1" + reply[6:8] + (b"\0\0\0\1" if asked.with_opt else b"\0\0\0\0")
    body = b"".join((flags, counts, question[10 : asked.end], *records, question[asked.end :]))
    return (body, ttl_s) if len(body) + 2 <= asked.limit_bytes else None


def _records(reply: bytes, at: int, asked: Asked) -> tuple[list[bytes], int, int] | None:
    """The answer section's records, their smallest TTL, and where it ends; None unless all are what was asked for."""
    head = b"\xc0\x0c" + asked.question[asked.end - 4 : asked.end]
    size = {numbers.A: 4, numbers.AAAA: 16}.get(asked.kind)
    records: list[bytes] = []
    lowest_s = 0x7FFFFFFF
    for _ in range(int.from_bytes(reply[6:8], "big")):
        if reply[at : at + 6] != head:
            return None
        lowest_s = min(lowest_s, int.from_bytes(reply[at + 6 : at + 10], "big") & 0x7FFFFFFF)
        length = int.from_bytes(reply[at + 10 : at + 12], "big")
        start, at = at, at + 12 + length
        if at > len(reply) or (size is not None and length != size):
            return None
        records.append(reply[start:at])
    return (records, lowest_s, at) if records else None


def _plain_opt(reply: bytes, at: int, *, keep_options: bool) -> bool:
    opt = reply[at : at + _OPT_BYTES]
    if len(opt) != _OPT_BYTES or opt[:3] != b"\0\0\x29" or opt[5]:
        return False
    length = int.from_bytes(opt[9:], "big")
    return not length if keep_options else at + _OPT_BYTES + length <= len(reply)
