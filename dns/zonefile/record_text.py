"""Record data from the words of a zone file, for types with forms of their own: DNSSEC's (RFC 4034 2-5), SVCB (RFC 9460 2.1)."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable
from datetime import UTC, datetime
from ipaddress import IPv4Address, IPv6Address

from dns.wire import names, numbers
from dns.wire.records import Named

_KEYS = ("mandatory", "alpn", "no-default-alpn", "port", "ipv4hint", "ech", "ipv6hint", "dohpath", "ohttp")
_ESCAPE = re.compile(rb"\\(\d{3}|.)", re.DOTALL)
_ALGORITHMS = {
    "RSAMD5": 1, "DH": 2, "DSA": 3, "RSASHA1": 5, "RSASHA256": 8, "RSASHA512": 10, "ECDSAP256SHA256": 13,
    "ECDSAP384SHA384": 14, "ED25519": 15, "ED448": 16,
}  # fmt: skip

# Makes a name absolute.
Absolute = Callable[[str], str]


def data_of(kind: int, words: list[str], absolute: Absolute) -> bytes | Named | None:
    """The data; None for a type that has no form here. Raises ValueError or IndexError for words that do not fit."""
    match kind:
        case numbers.RRSIG:
            return _signature(words, absolute)
        case numbers.NSEC:
            return names.encode(absolute(words[0])) + _type_map(words[1:])
        case numbers.DS | numbers.CDS:
            return _number(words[0], 2) + _algorithm(words[1]) + _number(words[2], 1) + _hex(words[3:])
        case numbers.DNSKEY | numbers.CDNSKEY:
            return _number(words[0], 2) + _number(words[1], 1) + _algorithm(words[2]) + _base64(words[3:])
        case numbers.SVCB | numbers.HTTPS:
            return Named(_number(words[0], 2), (absolute(words[1]),), _parameters(words[2:]))
        case _:
            return None


def _number(word: str, width_bytes: int) -> bytes:
    return int(word).to_bytes(width_bytes, "big")


def _algorithm(word: str) -> bytes:
    return _number(str(_ALGORITHMS.get(word.upper(), word)), 1)


def _hex(words: list[str]) -> bytes:
    return bytes.fromhex("".join(words))


def _base64(words: list[str]) -> bytes:
    try:
        return base64.b64decode("".join(words), validate=True)
    except binascii.Error as problem:
        raise ValueError(f"{''.join(words)[:20]}... is not base64: {problem}") from problem


def _time(word: str) -> bytes:
    """`20161129153240`, or seconds since 1970."""
    if len(word) != 14:
        return _number(word, 4)
    moment = datetime.strptime(word, "%Y%m%d%H%M%S").replace(tzinfo=UTC)
    return (int(moment.timestamp()) & 0xFFFFFFFF).to_bytes(4, "big")


def _signature(words: list[str], absolute: Absolute) -> bytes:
    covered, algorithm, labels, ttl, ends, begins, tag, signer = words[:8]
    return b"".join(
        (
            numbers.type_number(covered).to_bytes(2, "big"),
            _algorithm(algorithm),
            _number(labels, 1),
            _number(ttl, 4),
            _time(ends),
            _time(begins),
            _number(tag, 2),
            names.encode(absolute(signer)),
            _base64(words[8:]),
        )
    )


def _type_map(words: list[str]) -> bytes:
    """Which types a name has: a bit each, in windows of 256 (RFC 4034 4.1.2)."""
    windows: dict[int, bytearray] = {}
    for kind in sorted(numbers.type_number(word) for word in words):
        window = windows.setdefault(kind >> 8, bytearray())
        place, bit = (kind & 0xFF) >> 3, 0x80 >> (kind & 7)
        window.extend(bytes(place + 1 - len(window)))
        window[place] |= bit
    return b"".join(bytes((number, len(bits))) + bytes(bits) for number, bits in windows.items())


def _parameters(words: list[str]) -> bytes:
    """SvcParams in order of their keys."""
    found: dict[int, bytes] = {}
    for word in words:
        name, equals, value = word.partition("=")
        key = _key(name)
        if key in found:
            raise ValueError(f"the parameter {name} stands twice")
        found[key] = _value(key, _text(value) if equals else b"")
    return b"".join(
        key.to_bytes(2, "big") + len(value).to_bytes(2, "big") + value for key, value in sorted(found.items())
    )


def _key(name: str) -> int:
    lower = name.lower()
    if lower in _KEYS:
        return _KEYS.index(lower)
    if lower.startswith("key") and lower[3:].isdigit() and int(lower[3:]) < 65_535:
        return int(lower[3:])
    raise ValueError(f"{name!r} is no parameter of SVCB")


def _text(value: str) -> bytes:
    if len(value) > 1 and value.startswith('"') and value.endswith('"'):
        value = value[1:-1]
    return _ESCAPE.sub(
        lambda found: bytes((int(found[1]) & 0xFF,)) if len(found[1]) == 3 else found[1],
        value.encode("latin-1", "replace"),
    )


def _value(key: int, value: bytes) -> bytes:
    parts = value.decode("latin-1").split(",")
    match _KEYS[key] if key < len(_KEYS) else "":
        case "mandatory":
            return b"".join(number.to_bytes(2, "big") for number in sorted(_key(part) for part in parts))
        case "alpn":
            return b"".join(bytes((len(part),)) + part.encode("latin-1") for part in parts)
        case "no-default-alpn" | "ohttp" if value:
            raise ValueError(f"{_KEYS[key]} takes no value")
        case "port":
            return _number(value.decode("latin-1"), 2)
        case "ipv4hint":
            return b"".join(IPv4Address(part).packed for part in parts)
        case "ipv6hint":
            return b"".join(IPv6Address(part).packed for part in parts)
        case "ech":
            return _base64([value.decode("latin-1")])
        case _:
            return value
