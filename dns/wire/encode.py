"""Answers to bytes: always compressed, cut at whole records when they do not fit (TC set)."""

from __future__ import annotations

from collections.abc import Sequence
from struct import Struct as Layout

from dns.wire import names, numbers
from dns.wire.query import HEADER, Edns, Query
from dns.wire.records import COMPRESSIBLE, Named, Record

MAX_MESSAGE_BYTES = 65_535
MIN_UDP_BYTES = 512

_RR = Layout("!HHIH")
_U16 = Layout("!H")
# CoreDNS sends these options back as they came; the rest is dropped.
_ECHOED = frozenset((numbers.NSID, numbers.EXPIRE, numbers.COOKIE, numbers.TCP_KEEPALIVE, numbers.PADDING))


def limit_of(query: Query, *, stream: bool) -> int:
    """How many bytes the client takes."""
    if stream:
        return MAX_MESSAGE_BYTES
    return MIN_UDP_BYTES if query.edns is None else max(query.edns.size_bytes, MIN_UDP_BYTES)


class Writer:
    """One message being written. A section that no longer fits ends the message."""

    def __init__(self, question: bytes, name: str, limit_bytes: int) -> None:
        self.out = bytearray(12)
        self.out += question
        self.limit_bytes = limit_bytes
        self.truncated = False
        self.counts = [0, 0, 0]
        self._offsets: dict[str, int] = {}
        self._questions = 1 if question else 0
        # In a plain name a label lies as far behind the name's start on the wire as it does in the text.
        self._asked = name if question and "\\" not in name and name != "." else ""

    def _name(self, name: str) -> None:
        out, offsets, asked = self.out, self._offsets, self._asked
        if name == asked:
            out += b"\xc0\x0c"
            return
        if "\\" in name:
            out += names.encode(name)
            return
        while name != ".":
            offset = offsets.get(name)
            if offset is None and asked.endswith(name) and asked[-len(name) - 1 : -len(name)] in {"", "."}:
                offset = 12 + len(asked) - len(name)
            if offset is not None:
                out += _U16.pack(0xC000 | offset)
                return
            if len(out) < 0x4000:
                offsets[name] = len(out)
            label, _, rest = name.partition(".")
            out.append(len(label))
            out += label.encode("latin-1", "replace")
            name = rest or "."
        out.append(0)

    def section(self, index: int, records: Sequence[Record], reserved_bytes: int) -> None:
        """Append records to answer (0), authority (1) or additional (2)."""
        if self.truncated:
            return
        out, limit = self.out, self.limit_bytes - reserved_bytes
        for record in records:
            mark = len(out)
            self._name(record.name)
            data = record.data
            if isinstance(data, bytes):
                out += _RR.pack(record.kind, record.dns_class, record.ttl, len(data))
                out += data
            else:
                self._named(record, data)
            if len(out) > limit:
                del out[mark:]
                self.truncated = True
                return
            self.counts[index] += 1

    def _named(self, record: Record, data: Named) -> None:
        out = self.out
        out += _RR.pack(record.kind, record.dns_class, record.ttl, 0)
        start = len(out)
        out += data.prefix
        for name in data.names:
            if record.kind in COMPRESSIBLE:
                self._name(name)
            else:
                out += names.encode(name)
        out += data.suffix
        out[start - 2 : start] = _U16.pack(len(out) - start)

    def finish(self, packet_id: int, flags: int, opt: bytes) -> bytes:
        """The message, with the OPT record last."""
        out = self.out
        out += opt
        answer, authority, additional = self.counts
        HEADER.pack_into(
            out, 0, packet_id, flags, self._questions, answer, authority, additional + (1 if opt else 0)
        )
        return bytes(out)


def opt_record(
    edns: Edns, *, rcode: int = 0, size_bytes: int | None = None, options: Sequence[tuple[int, bytes]] = ()
) -> bytes:
    """An OPT record that answers the client's: its size, its DO bit, the upper bits of the rcode."""
    data = b"".join(_U16.pack(code) + _U16.pack(len(value)) + value for code, value in options)
    ttl = (rcode >> 4) << 24 | (0x8000 if edns.dnssec_ok else 0)
    size = edns.size_bytes if size_bytes is None else size_bytes
    return b"\0" + _RR.pack(numbers.OPT, size, ttl, len(data)) + data


def echoed_options(edns: Edns) -> tuple[tuple[int, bytes], ...]:
    return tuple(option for option in edns.options if option[0] in _ECHOED)


def extended_error(code: int, text: str) -> tuple[int, bytes]:
    """An Extended DNS Error option (RFC 8914)."""
    return numbers.EXTENDED_ERROR, _U16.pack(code) + text.encode()


def message(
    query: Query,
    flags: int,
    rcode: int,
    sections: tuple[Sequence[Record], Sequence[Record], Sequence[Record]],
    *,
    limit_bytes: int,
    opt: bytes = b"",
) -> bytes:
    """The whole answer. `flags` are AA, RA, AD, TC as wanted; QR, opcode, RD and CD follow the query."""
    writer = Writer(query.question, query.name, limit_bytes)
    answer, authority, additional = sections
    if answer:
        writer.section(0, answer, len(opt))
    if authority:
        writer.section(1, authority, len(opt))
    if additional:
        writer.section(2, additional, len(opt))
    # RD and CD are copied from questions, not from a NOTIFY.
    copied = 0x7800 if query.flags & 0x7800 else numbers.RD | numbers.CD
    word = numbers.QR | query.flags & copied | flags | rcode & 15
    if writer.truncated:
        word |= numbers.TC
    return writer.finish(query.packet_id, word, opt)


def question(
    packet_id: int, name: str, kind: int, *, flags: int = numbers.RD, edns: Edns | None = None
) -> bytes:
    """A query of our own."""
    opt = b"" if edns is None else opt_record(edns, options=edns.options)
    head = HEADER.pack(packet_id, flags, 1, 0, 0, 1 if opt else 0)
    return head + names.encode(name) + _U16.pack(kind) + b"\0\1" + opt
