"""Resource records as values. Data is bytes where no name is inside, else `Named`."""

from __future__ import annotations

from ipaddress import ip_address
from socket import AF_INET, AF_INET6, inet_ntop, inet_pton
from struct import Struct as Layout

import msgspec

from dns.wire import names, numbers


class Named(msgspec.Struct, frozen=True, gc=False):
    """Data that holds names: fixed bytes before, the names in order, fixed bytes behind."""

    prefix: bytes
    names: tuple[str, ...]
    suffix: bytes = b""


class Record(msgspec.Struct, frozen=True, gc=False):
    name: str
    kind: int
    ttl: int  # seconds
    data: bytes | Named
    dns_class: int = numbers.IN


# Types whose names may be compressed when sent (RFC 3597 section 4: those of RFC 1035 alone).
COMPRESSIBLE = frozenset({numbers.NS, 3, 4, numbers.CNAME, numbers.SOA, 7, 8, 9, numbers.PTR, 14, numbers.MX})

_SRV = Layout("!HHH")
_SOA = Layout("!IIIII")
_U16 = Layout("!H")


def address(name: str, ttl: int, ip: str) -> Record:
    """An A or AAAA record, by what the text is."""
    if ":" in ip:
        return Record(name, numbers.AAAA, ttl, inet_pton(AF_INET6, ip))
    return Record(name, numbers.A, ttl, inet_pton(AF_INET, ip))


def cname(name: str, ttl: int, target: str) -> Record:
    return Record(name, numbers.CNAME, ttl, Named(b"", (target,)))


def ptr(name: str, ttl: int, target: str) -> Record:
    return Record(name, numbers.PTR, ttl, Named(b"", (target,)))


def ns(name: str, ttl: int, target: str) -> Record:
    return Record(name, numbers.NS, ttl, Named(b"", (target,)))


def srv(name: str, ttl: int, weight: int, port: int, target: str, *, priority: int = 0) -> Record:
    return Record(name, numbers.SRV, ttl, Named(_SRV.pack(priority, weight, port), (target,)))


def mx(name: str, ttl: int, preference: int, target: str) -> Record:
    return Record(name, numbers.MX, ttl, Named(_U16.pack(preference), (target,)))


def txt(name: str, ttl: int, *strings: str) -> Record:
    data = b"".join(bytes((len(part),)) + part for part in (text.encode() for text in strings))
    return Record(name, numbers.TXT, ttl, data)


def soa(name: str, ttl: int, mname: str, rname: str, numbers_s: tuple[int, int, int, int, int]) -> Record:
    """`numbers_s`: serial, refresh, retry, expire, minimum."""
    return Record(name, numbers.SOA, ttl, Named(b"", (mname, rname), _SOA.pack(*numbers_s)))


def soa_minimum_s(record: Record) -> int:
    """The last number of a SOA: how long denials may be kept (RFC 2308)."""
    assert isinstance(record.data, Named)
    return int.from_bytes(record.data.suffix[16:20], "big")


def target_of(record: Record) -> str:
    """The name a CNAME, PTR, NS, SRV or MX points at."""
    assert isinstance(record.data, Named)
    return record.data.names[0]


def text_of(record: Record) -> str:
    r"""The data as a zone file writes it; RFC 3597's `\# n hex` for what has no form here."""
    data = record.data
    if isinstance(data, Named):
        return _named_text(record.kind, data)
    if record.kind == numbers.A and len(data) == 4:
        return inet_ntop(AF_INET, data)
    if record.kind == numbers.AAAA and len(data) == 16:
        return inet_ntop(AF_INET6, data)
    if record.kind in {numbers.TXT, numbers.HINFO, 99} and (strings := _strings(data)) is not None:
        return " ".join('"' + part + '"' for part in strings)
    return f"\\# {len(data)} {data.hex()}"


def line_of(record: Record) -> str:
    """`name ttl class type data`, as a zone file."""
    kind, dns_class = numbers.type_name(record.kind), numbers.class_name(record.dns_class)
    return f"{record.name}\t{record.ttl}\t{dns_class}\t{kind}\t{text_of(record)}"


def _named_text(kind: int, data: Named) -> str:
    if kind == numbers.SRV:
        priority, weight, port = _SRV.unpack(data.prefix)
        return f"{priority} {weight} {port} {data.names[0]}"
    if kind == numbers.SOA:
        return f"{data.names[0]} {data.names[1]} {' '.join(str(n) for n in _SOA.unpack(data.suffix))}"
    if len(data.prefix) == 2:
        return f"{_U16.unpack(data.prefix)[0]} {data.names[0]}"
    if data.prefix or data.suffix:
        whole = data.prefix + b"".join(names.encode(name) for name in data.names) + data.suffix
        return f"\\# {len(whole)} {whole.hex()}"
    return " ".join(data.names)


def _strings(data: bytes) -> list[str] | None:
    parts, offset = [], 0
    while offset < len(data):
        part = data[offset + 1 : offset + 1 + data[offset]]
        if len(part) != data[offset]:
            return None
        parts.append(part.decode("latin-1").replace("\\", "\\\\").replace('"', '\\"'))
        offset += 1 + len(part)
    return parts


def reverse_name(ip: str) -> str:
    """`10.2.0.1` → `1.0.2.10.in-addr.arpa.`, IPv6 by nibbles (RFC 1035 3.5, RFC 3596 2.5)."""
    return ip_address(ip).reverse_pointer + "."


def reverse_address(name: str) -> str:
    """The address a whole reverse name stands for, in its shortest text; "" when it is none."""
    lower = name.lower()
    if lower.endswith(".in-addr.arpa."):
        parts = lower[: -len(".in-addr.arpa.")].split(".")
        text = ".".join(reversed(parts))
        family = AF_INET
        if len(parts) != 4:
            return ""
    elif lower.endswith(".ip6.arpa."):
        nibbles = lower[: -len(".ip6.arpa.")].split(".")
        if len(nibbles) != 32 or any(len(nibble) != 1 for nibble in nibbles):
            return ""
        digits = "".join(reversed(nibbles))
        text = ":".join(digits[index : index + 4] for index in range(0, 32, 4))
        family = AF_INET6
    else:
        return ""
    try:
        return inet_ntop(family, inet_pton(family, text))
    except OSError:
        return ""
