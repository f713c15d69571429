"""Master files (RFC 1035 5, RFC 2308 4): text to records. dnslib reads the types that have no form of their own here."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from ipaddress import IPv4Address, IPv6Address

from dns.wire import names, numbers
from dns.wire.records import Named, Record
from dns.zonefile import record_text

_WORD = re.compile(r'(?:[^\s()";]+=)?"(?:[^"\\]|\\.)*"|[()]|;[^\n]*|\n|(?:\\.|[^\s()";\\])+')
_TTL = re.compile(r"(?:\d+[smhdw]?)+\Z", re.IGNORECASE)
_TTL_PART = re.compile(r"(\d+)([smhdw]?)", re.IGNORECASE)
_UNIT_S = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}


MAX_INCLUDES = 7  # of files within files
MAX_GENERATED = 65_536
_GENERATE = re.compile(r"\$(?:\{(-?\d+)(?:,(\d+)(?:,([dox]))?)?\})?|\\\$")

# A file's text by the path that `$INCLUDE` names; raises OSError.
Include = Callable[[str], str]


class BadRecord(ValueError):
    """Text that is no record; says the line and what is wrong."""


def ttl_s(text: str) -> int:
    """`3600`, `1h30m`. Raises BadRecord."""
    if not _TTL.match(text):
        raise BadRecord(f"{text!r} is no TTL")
    return sum(int(count) * _UNIT_S[unit.lower()] for count, unit in _TTL_PART.findall(text))


def parse_record(text: str) -> Record:
    """One record on one line, its names absolute."""
    found = parse_zone(text, ".", default_ttl_s=3600)
    if len(found) != 1:
        raise BadRecord(f"{text!r} is not one record")
    return found[0]


def no_includes(path: str) -> str:
    raise BadRecord(f"$INCLUDE {path}: files cannot be included here")


def parse_zone(
    text: str,
    origin: str,
    *,
    default_ttl_s: int | None = None,
    include: Include = no_includes,
    depth: int = 0,
) -> list[Record]:
    """All records of a zone file; names without a final dot get the origin. Raises BadRecord with the line."""
    found: list[Record] = []
    owner, ttl = origin, default_ttl_s
    for number, at_start, words in _lines(text):
        try:
            match words[0].upper():
                case "$ORIGIN":
                    origin = _name(words[1], origin)
                case "$TTL":
                    ttl = ttl_s(words[1])
                case "$INCLUDE":
                    if depth == MAX_INCLUDES:
                        raise BadRecord("too many files include each other")
                    inner = _name(words[2], origin) if len(words) > 2 else origin
                    found += parse_zone(
                        include(words[1]), inner, default_ttl_s=ttl, include=include, depth=depth + 1
                    )
                case "$GENERATE":
                    for made in _generated(words[1], words[2:]):
                        record, ttl = _record(_name(made[0], origin), list(made[1:]), origin, ttl)
                        found.append(record)
                case directive if directive.startswith("$"):
                    raise BadRecord(f"{words[0]} is not supported")
                case _:
                    if at_start:
                        owner = _name(words.pop(0), origin)
                    record, ttl = _record(owner, words, origin, ttl)
                    found.append(record)
        except OSError as problem:
            raise BadRecord(f"line {number}: {words[1]}: {problem.strerror}") from problem
        except (IndexError, OverflowError, ValueError) as problem:
            text_ = str(problem)
            if not isinstance(problem, ValueError):
                text_ = "a word is missing" if isinstance(problem, IndexError) else "a number is too large"
            raise BadRecord(f"line {number}: {text_}") from problem
    return found


def _generated(span: str, words: list[str]) -> Iterator[list[str]]:
    """The records of `$GENERATE 1-10/2 host-$ A 192.0.2.$`; `${offset,width,base}` shapes the number."""
    bounds, _, step = span.partition("/")
    first, _, last = bounds.partition("-")
    counted = range(int(first), int(last) + 1, int(step or 1))
    if len(counted) > MAX_GENERATED or len(words) < 3:
        raise BadRecord("$GENERATE takes a range of at most 65536 numbers, an owner, a type and data")
    for number in counted:

        def shaped(found: re.Match[str], number: int = number) -> str:
            if found[0] == "\\$":
                return "$"
            return f"{number + int(found[1] or 0):0{int(found[2] or 0)}{found[3] or 'd'}}"

        yield [_GENERATE.sub(shaped, word) for word in words]


def _lines(text: str) -> list[tuple[int, bool, list[str]]]:
    """Line number, whether it begins with an owner, words; parentheses join lines."""
    found: list[tuple[int, bool, list[str]]] = []
    words: list[str] = []
    number, depth, first, at_start = 1, 0, 1, True
    line_start = 0
    for match in _WORD.finditer(text):
        word_ = match.group(0)
        if word_ == "\n":
            if words and not depth:
                found.append((first, at_start, words))
                words = []
            number += 1
            line_start = match.end()
        elif word_.startswith(";"):
            continue
        elif word_ == "(":
            depth += 1
        elif word_ == ")":
            depth -= 1
        else:
            if not words:
                first, at_start = number, match.start() == line_start
            words.append(word_)
    if words:
        found.append((first, at_start, words))
    return found


def _name(word: str, origin: str) -> str:
    if word == "@":
        return origin
    if names.is_absolute(word):
        names.encode(word)
        return word
    whole = f"{word}.{origin}" if origin != "." else word + "."
    names.encode(whole)
    return whole


def _record(
    owner: str, words: list[str], origin: str, default_ttl_s: int | None
) -> tuple[Record, int | None]:
    ttl, dns_class = None, numbers.IN
    while words and words[0].upper() not in numbers.TYPES and not words[0].upper().startswith("TYPE"):
        word = words.pop(0)
        if word.upper() in numbers.CLASSES:
            dns_class = numbers.CLASSES[word.upper()]
        elif ttl is None:
            ttl = ttl_s(word)
        else:
            raise BadRecord(f"{word!r} is neither class, TTL nor type")
    kind = numbers.type_number(words.pop(0))
    own = ttl if ttl is not None else default_ttl_s
    data = _data(kind, words, origin)
    if own is None:
        if kind != numbers.SOA:
            raise BadRecord("the first record needs a TTL, or write $TTL above it")
        assert isinstance(data, Named)
        own = int.from_bytes(data.suffix[16:20], "big")
    return Record(owner, kind, own, data, dns_class), own if default_ttl_s is None else default_ttl_s


def _data(kind: int, words: list[str], origin: str) -> bytes | Named:
    if words[:1] == ["\\#"]:
        data = bytes.fromhex("".join(words[2:]))
        if len(data) != int(words[1]):
            raise BadRecord(f"{words[1]} bytes are announced, {len(data)} are there")
        return data
    match kind:
        case numbers.A:
            return IPv4Address(_only(words)).packed
        case numbers.AAAA:
            return IPv6Address(_only(words)).packed
        case numbers.CNAME | numbers.NS | numbers.PTR | numbers.DNAME:
            return Named(b"", (_name(_only(words), origin),))
        case numbers.MX:
            return Named(int(words[0]).to_bytes(2, "big"), (_name(words[1], origin),))
        case numbers.SRV:
            numbers_ = b"".join(int(word).to_bytes(2, "big") for word in words[:3])
            return Named(numbers_, (_name(words[3], origin),))
        case numbers.SOA:
            timers = b"".join(
                value.to_bytes(4, "big") for value in (int(words[2]), *(ttl_s(word) for word in words[3:7]))
            )
            if len(timers) != 20:
                raise BadRecord("SOA takes two names and five numbers")
            return Named(b"", (_name(words[0], origin), _name(words[1], origin)), timers)
        case numbers.TXT | numbers.HINFO | 99:
            strings = [_string(word) for word in words]
            return b"".join(bytes((len(one),)) + one for one in strings)
        case _:
            own = record_text.data_of(kind, words, lambda name: _name(name, origin))
            return own if own is not None else _by_dnslib(kind, words, origin)


def _only(words: list[str]) -> str:
    if len(words) != 1:
        raise BadRecord(f"one word of data is expected, found {len(words)}")
    return words[0]


def _string(word: str) -> bytes:
    text = word[1:-1] if word.startswith('"') and word.endswith('"') and len(word) > 1 else word
    data = re.sub(r"\\(\d{3}|.)", lambda m: chr(int(m[1])) if len(m[1]) == 3 else m[1], text).encode(
        "latin-1", "replace"
    )
    if len(data) > 255:
        raise BadRecord("a string is longer than 255 bytes: write it in parts")
    return data


def _by_dnslib(kind: int, words: list[str], origin: str) -> bytes:
    """CAA, NAPTR, TLSA, SSHFP and the like."""
    import dnslib

    name = numbers.type_name(kind)
    try:
        (rr,) = dnslib.RR.fromZone(f"x. 1 IN {name} {' '.join(words)}", origin=origin)
        buffer = dnslib.DNSBuffer()
        rr.rdata.pack(buffer)
    except Exception as problem:
        raise BadRecord(f"{name}: {problem}") from problem
    return bytes(buffer.data)


__all__ = ["BadRecord", "parse_record", "parse_zone", "ttl_s"]
