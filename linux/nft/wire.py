"""Tables, chains, rules, sets and elements to netlink payloads and back (behind the 4-byte nfgenmsg)."""

from __future__ import annotations

import struct

from linux.netlink.codec import (
    ATTR,
    attr,
    attr_be32,
    attr_be64,
    attr_str,
    iter_attrs,
    nested,
    parse_attrs,
    text,
)
from linux.nft import constants as k
from linux.nft import expression_codec, userdata
from linux.nft.expressions import Counter, Lookup, Verdict
from linux.nft.values import AnonymousSet, Chain, Element, Generation, Hook, Rule, Set, Table

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

HEADER_BYTES = 4
_NFGENMSG = struct.Struct(">BBH")
_LIST_ELEMENT = 1
_ELEMENTS_BYTES_MAX = 60_000  # a nested attribute's length has 16 bits
_COUNTER = attr_str(1, "counter") + nested(2, attr_be64(1, 0), attr_be64(2, 0))


def header(family: int, resource: int = 0) -> bytes:
    """The nfgenmsg in front of every payload."""
    return _NFGENMSG.pack(family, 0, resource)


def message_type(kind: int) -> int:
    return k.SUBSYSTEM << 8 | kind


def table_payload(table: Table) -> bytes:
    flags = attr_be32(2, table.flags) if table.flags else b""
    return header(table.family) + attr_str(1, table.name) + flags


def parse_table(payload: bytes) -> Table:
    parts = parse_attrs(payload, HEADER_BYTES)
    return Table(payload[0], text(parts[1]), _number(parts, 2), _number(parts, 7))


def chain_payload(table: Table, chain: Chain) -> bytes:
    start = header(table.family) + attr_str(1, table.name) + attr_str(3, chain.name)
    if chain.hook is None:
        return start
    hook = nested(4, attr_be32(1, chain.hook.number), attr_be32(2, chain.hook.priority & 0xFFFFFFFF))
    return start + hook + attr_be32(5, chain.hook.policy) + attr_str(7, chain.hook.type)


def parse_chain(payload: bytes) -> tuple[str, Chain, int]:
    """Its table's name, the chain without its rules, its handle."""
    parts = parse_attrs(payload, HEADER_BYTES)
    hook = None
    if 4 in parts:
        place = parse_attrs(parts[4])
        priority = int.from_bytes(place.get(2, b"\0\0\0\0"), "big", signed=True)
        hook = Hook(text(parts.get(7, b"")), _number(place, 1), priority, _number(parts, 5, k.VERDICT_ACCEPT))
    return text(parts[1]), Chain(text(parts[3]), hook), _number(parts, 2)


def rule_payload(table: Table, chain: str, rule: Rule) -> bytes:
    """Anonymous sets must have been named before (see batch)."""
    body = b"".join(nested(_LIST_ELEMENT, expression_codec.encode(e)) for e in rule.expressions)
    note = userdata.of_comment(rule.comment)
    return (
        header(table.family)
        + attr_str(1, table.name)
        + attr_str(2, chain)
        + nested(4, body)
        + (attr(7, note) if note else b"")
    )


def parse_rule(payload: bytes, anonymous: Mapping[str, AnonymousSet]) -> tuple[str, str, Rule]:
    """Names of its table and chain, and the rule; names of anonymous sets are replaced by what they hold."""
    parts = parse_attrs(payload, HEADER_BYTES)
    found = tuple(
        e._replace(set=anonymous[e.set])
        if isinstance(e, Lookup) and isinstance(e.set, str) and e.set in anonymous
        else e
        for e in expression_codec.decode_list(parts.get(4, b""))
    )
    rule = Rule(found, userdata.comment_of(parts.get(7, b"")), _number(parts, 3))
    return text(parts[1]), text(parts[2]), rule


def rule_reference(table: Table, chain: str) -> bytes:
    """All rules of a chain, for deletion."""
    return header(table.family) + attr_str(1, table.name) + attr_str(2, chain)


def set_payload(table: Table, item: Set, set_id: int) -> bytes:
    description = b"".join(
        (
            attr_be32(1, item.size) if item.size else b"",
            nested(2, *(nested(_LIST_ELEMENT, attr_be32(1, width)) for width in item.field_bytes))
            if item.field_bytes
            else b"",
        )
    )
    data = b""
    if item.data_type is not None:
        data = attr_be32(6, item.data_type) + attr_be32(7, item.data_bytes)
    return b"".join(
        (
            header(table.family),
            attr_str(1, table.name),
            attr_str(2, item.name),
            attr_be32(3, item.flags),
            attr_be32(4, item.key_type),
            attr_be32(5, item.key_bytes),
            data,
            nested(9, description) if description else b"",
            attr_be32(10, set_id),
            attr_be64(11, item.timeout_ms) if item.timeout_ms else b"",
            attr(13, item.userdata) if item.userdata else b"",
            nested(17, _COUNTER) if item.counters else b"",
        )
    )


def parse_set(payload: bytes) -> tuple[str, Set]:
    """Its table's name and the set."""
    parts = parse_attrs(payload, HEADER_BYTES)
    description = parse_attrs(parts.get(9, b""))
    widths = tuple(_number(parse_attrs(part), 1) for _, part in iter_attrs(description.get(2, b"")))
    return text(parts[1]), Set(
        text(parts[2]),
        _number(parts, 4),
        _number(parts, 5),
        _number(parts, 3),
        _number(parts, 6) if 6 in parts else None,
        _number(parts, 7),
        widths,
        _number(description, 1),
        _number(parts, 11),
        17 in parts and isinstance(expression_codec.decode(parts[17]), Counter),
        parts.get(13, b""),
    )


def anonymous_set(item: AnonymousSet, name: str) -> Set:
    flags = k.SET_ANONYMOUS | k.SET_CONSTANT
    return Set(
        name,
        userdata.type_of(item.key),
        userdata.width_bytes(item.key),
        flags,
        size=len(item.elements),
        userdata=userdata.of_set(item.key),
    )


def named_reference(table: Table, name: str, attribute: int) -> bytes:
    """A table's chain (attribute 3) or set (attribute 2) by its name."""
    return header(table.family) + attr_str(1, table.name) + attr_str(attribute, name)


_verdict_cache: dict[Verdict, bytes] = {}
_comment_cache: dict[str, bytes] = {}
_CACHE_ENTRIES_MAX = 200_000


def _data(data: bytes | Verdict) -> bytes:
    if isinstance(data, bytes):
        return nested(2, attr(1, data))
    encoded = _verdict_cache.get(data)
    if encoded is None:
        encoded = _verdict_cache[data] = expression_codec.data_verdict(2, data)
    return encoded


def _comment(comment: str) -> bytes:
    encoded = _comment_cache.get(comment)
    if encoded is None:
        if len(_comment_cache) > _CACHE_ENTRIES_MAX:
            _comment_cache.clear()
        encoded = _comment_cache[comment] = attr(6, userdata.of_comment(comment))
    return encoded


_PAD = (b"", b"\0\0\0", b"\0\0", b"\0")


def encode_element(element: Element) -> bytes:
    """One NFTA_LIST_ELEM. The hot path of a full load: three attributes, written by hand."""
    key = element.key
    size = len(key)
    parts = [b"", ATTR.pack(8 + size, 0x8001), ATTR.pack(4 + size, 1), key, _PAD[size & 3]]
    data = element.data
    if data is not None:
        if isinstance(data, bytes) and not len(data) & 3:
            size = len(data)
            parts += (ATTR.pack(8 + size, 0x8002), ATTR.pack(4 + size, 1), data)
        else:
            parts.append(_data(data))
    if element.comment:
        parts.append(_comment(element.comment))
    if element.end or element.flags or element.timeout_ms:
        parts.append(_rare_parts(element))
    body = b"".join(parts)
    return ATTR.pack(4 + len(body), 0x8001) + body


def _rare_parts(element: Element) -> bytes:
    return b"".join(
        (
            attr_be32(3, element.flags) if element.flags else b"",
            attr_be64(4, element.timeout_ms) if element.timeout_ms else b"",
            attr_be64(5, element.expires_ms) if element.expires_ms else b"",
            nested(10, attr(1, element.end)) if element.end else b"",
        )
    )


def encode_key(key: bytes, end: bytes = b"") -> bytes:
    """One NFTA_LIST_ELEM that only names an element."""
    size = len(key)
    body = ATTR.pack(8 + size, 0x8001) + ATTR.pack(4 + size, 1) + key + _PAD[size & 3]
    if end:
        body += nested(10, attr(1, end))
    return ATTR.pack(4 + len(body), 0x8001) + body


def elements_payloads(table: Table, name: str, encoded: Iterable[bytes], set_id: int = 0) -> Iterator[bytes]:
    """As many payloads as it takes: a list of elements is one attribute, of at most 64 KiB."""
    start = header(table.family) + attr_str(1, table.name) + attr_str(2, name)
    if set_id:
        start += attr_be32(4, set_id)
    chunk: list[bytes] = []
    size = 0
    for item in encoded:
        if size + len(item) > _ELEMENTS_BYTES_MAX:
            yield start + ATTR.pack(4 + size, 0x8003) + b"".join(chunk)
            chunk, size = [], 0
        chunk.append(item)
        size += len(item)
    if chunk:
        yield start + ATTR.pack(4 + size, 0x8003) + b"".join(chunk)


def parse_elements(payload: bytes) -> tuple[str, str, list[Element]]:
    """Names of the table and of the set, and the elements of one message."""
    parts = parse_attrs(payload, HEADER_BYTES)
    found = [parse_element(item) for _, item in iter_attrs(parts.get(3, b""))]
    return text(parts[1]), text(parts[2]), found


def parse_element(item: bytes) -> Element:
    parts = parse_attrs(item)
    key = expression_codec.parse_data(parts.get(1, b""))
    end = expression_codec.parse_data(parts[10]) if 10 in parts else b""
    packets = None
    if 7 in parts:
        counter = expression_codec.decode(parts[7])
        packets = counter.packets if isinstance(counter, Counter) else None
    return Element(
        key if isinstance(key, bytes) else b"",
        expression_codec.parse_data(parts[2]) if 2 in parts else None,
        userdata.comment_of(parts[6]) if 6 in parts else "",
        end if isinstance(end, bytes) else b"",
        _number(parts, 4),
        _number(parts, 5),
        _number(parts, 3),
        packets,
    )


def parse_generation(payload: bytes) -> Generation:
    parts = parse_attrs(payload, HEADER_BYTES)
    return Generation(_number(parts, 1), _number(parts, 2), text(parts.get(3, b"")))


def _number(parts: dict[int, bytes], kind: int, default: int = 0) -> int:
    return int.from_bytes(parts[kind], "big") if kind in parts else default
