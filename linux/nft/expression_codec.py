"""Rules' instructions to and from netlink attributes: `decode(encode(x)) == x`."""

from __future__ import annotations

from linux.netlink.codec import (
    attr,
    attr_be32,
    attr_be64,
    attr_str,
    attr_u8,
    iter_attrs,
    nested,
    parse_attrs,
    text,
)
from linux.nft import constants as k
from linux.nft.expressions import (
    Bitwise,
    Compare,
    Counter,
    Ct,
    DynamicSet,
    Expression,
    Fib,
    Hash,
    Immediate,
    Lookup,
    Masquerade,
    Meta,
    MetaSet,
    Nat,
    Numgen,
    Opaque,
    Payload,
    Reject,
    SetById,
    Verdict,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any


def data_verdict(kind: int, verdict: Verdict) -> bytes:
    """An attribute of type `kind` that holds NFTA_DATA_VERDICT."""
    code = attr_be32(1, verdict.code & 0xFFFFFFFF)
    return nested(kind, nested(2, code + (attr_str(2, verdict.chain) if verdict.chain else b"")))


def parse_data(data: bytes) -> bytes | Verdict:
    parts = parse_attrs(data)
    if 1 in parts:
        return parts[1]
    verdict = parse_attrs(parts.get(2, b""))
    code = int.from_bytes(verdict.get(1, b"\0\0\0\0"), "big", signed=True)
    return Verdict(code, text(verdict[2]) if 2 in verdict else "")


def _value(kind: int, value: bytes) -> bytes:
    return nested(kind, attr(1, value))


def _optional(kind: int, value: int | None) -> bytes:
    return b"" if value is None else attr_be32(kind, value)


def _encode_verdict(e: Verdict) -> bytes:
    return attr_be32(1, k.VERDICT_REGISTER) + data_verdict(2, e)


def _encode_payload(e: Payload) -> bytes:
    return attr_be32(1, e.register) + attr_be32(2, e.base) + attr_be32(3, e.offset) + attr_be32(4, e.length)


def _encode_ct(e: Ct) -> bytes:
    direction = b"" if e.direction is None else attr_u8(3, e.direction)
    return attr_be32(1, e.register) + attr_be32(2, e.key) + direction


def _encode_bitwise(e: Bitwise) -> bytes:
    registers = attr_be32(1, e.source) + attr_be32(2, e.target)
    # NFTA_BITWISE_OP is left out: its default is this operation, and kernels before 5.6 do not know it.
    return registers + attr_be32(3, len(e.mask)) + _value(4, e.mask) + _value(5, e.xor)


def _encode_lookup(e: Lookup) -> bytes:
    if isinstance(e.set, str):
        name = attr_str(1, e.set)
    else:
        assert isinstance(e.set, SetById), "a transaction adds the anonymous set first"
        name = attr_str(1, e.set.name) + attr_be32(4, e.set.id)
    return name + attr_be32(2, e.register) + _optional(3, e.target) + (attr_be32(5, 1) if e.invert else b"")


def _encode_nat(e: Nat) -> bytes:
    return (
        attr_be32(1, e.kind)
        + attr_be32(2, e.family)
        + _optional(3, e.address_register)
        + _optional(5, e.port_register)
        + (attr_be32(7, e.flags) if e.flags else b"")
    )


def _encode_reject(e: Reject) -> bytes:
    return attr_be32(1, e.kind) + (b"" if e.kind == k.REJECT_TCP_RESET else attr_u8(2, e.code))


def _encode_dynset(e: DynamicSet) -> bytes:
    return (
        attr_str(1, e.set)
        + attr_be32(3, e.operation)
        + attr_be32(4, e.key_register)
        + _optional(5, e.data_register)
        + (attr_be64(6, e.timeout_ms) if e.timeout_ms else b"")
    )


def _encode_hash(e: Hash) -> bytes:
    return (
        attr_be32(1, e.source)
        + attr_be32(2, e.register)
        + attr_be32(3, e.length)
        + attr_be32(4, e.modulus)
        + attr_be32(5, e.seed)
        + attr_be32(6, e.offset)
        + attr_be32(7, k.HASH_JENKINS)
    )


_ENCODERS: dict[type, tuple[str, Callable[[Any], bytes]]] = {
    Verdict: ("immediate", _encode_verdict),
    Payload: ("payload", _encode_payload),
    Meta: ("meta", lambda e: attr_be32(1, e.register) + attr_be32(2, e.key)),
    MetaSet: ("meta", lambda e: attr_be32(3, e.register) + attr_be32(2, e.key)),
    Ct: ("ct", _encode_ct),
    Fib: ("fib", lambda e: attr_be32(1, e.register) + attr_be32(2, e.result) + attr_be32(3, e.flags)),
    Compare: ("cmp", lambda e: attr_be32(1, e.register) + attr_be32(2, e.operator) + _value(3, e.data)),
    Bitwise: ("bitwise", _encode_bitwise),
    Lookup: ("lookup", _encode_lookup),
    Immediate: ("immediate", lambda e: attr_be32(1, e.register) + _value(2, e.data)),
    Numgen: (
        "numgen",
        lambda e: (
            attr_be32(1, e.register) + attr_be32(2, e.modulus) + attr_be32(3, e.kind) + attr_be32(4, e.offset)
        ),
    ),
    Hash: ("hash", _encode_hash),
    Nat: ("nat", _encode_nat),
    Masquerade: ("masq", lambda e: attr_be32(1, e.flags) if e.flags else b""),
    Reject: ("reject", _encode_reject),
    Counter: ("counter", lambda e: attr_be64(1, e.bytes) + attr_be64(2, e.packets)),
    DynamicSet: ("dynset", _encode_dynset),
}


def encode(expression: Expression) -> bytes:
    """The inside of one NFTA_LIST_ELEM: name and data."""
    if isinstance(expression, Opaque):
        return attr_str(1, expression.name) + nested(2, expression.data)
    name, encoder = _ENCODERS[type(expression)]
    return attr_str(1, name) + nested(2, encoder(expression))


class _Fields:
    """Attributes of an expression, read as the big-endian numbers that they are."""

    def __init__(self, data: bytes) -> None:
        self.raw = parse_attrs(data)

    def number(self, kind: int, default: int = 0) -> int:
        return int.from_bytes(self.raw[kind], "big") if kind in self.raw else default

    def optional(self, kind: int) -> int | None:
        return int.from_bytes(self.raw[kind], "big") if kind in self.raw else None

    def value(self, kind: int) -> bytes:
        value = parse_data(self.raw.get(kind, b""))
        return value if isinstance(value, bytes) else b""


def _decode_immediate(f: _Fields) -> Expression:
    data = parse_data(f.raw.get(2, b""))
    return Immediate(data, f.number(1)) if isinstance(data, bytes) else data


def _decode_meta(f: _Fields) -> Expression:
    if 3 in f.raw:
        return MetaSet(f.number(2), f.number(3))
    return Meta(f.number(2), f.number(1))


def _decode_lookup(f: _Fields) -> Expression:
    return Lookup(text(f.raw[1]), f.number(2), f.optional(3), bool(f.number(5) & 1))


def _decode_nat(f: _Fields) -> Expression:
    flags = f.number(7) & ~k.NAT_RANGE_IMPLIED
    return Nat(f.number(1), f.number(2), f.optional(3), f.optional(5), flags)


def _decode_dynset(f: _Fields) -> Expression:
    return DynamicSet(f.number(3), text(f.raw[1]), f.number(4), f.optional(5), f.number(6))


_DECODERS: dict[str, Callable[[_Fields], Expression]] = {
    "immediate": _decode_immediate,
    "payload": lambda f: Payload(f.number(2), f.number(3), f.number(4), f.number(1)),
    "meta": _decode_meta,
    "ct": lambda f: Ct(f.number(2), f.optional(3), f.number(1)),
    "fib": lambda f: Fib(f.number(3), f.number(2), f.number(1)),
    "cmp": lambda f: Compare(f.number(2), f.value(3), f.number(1)),
    "bitwise": lambda f: Bitwise(f.value(4), f.value(5), f.number(1), f.number(2)),
    "lookup": _decode_lookup,
    "numgen": lambda f: Numgen(f.number(2), f.number(3), f.number(4), f.number(1)),
    "hash": lambda f: Hash(f.number(4), f.number(5), f.number(1), f.number(3), f.number(6), f.number(2)),
    "nat": _decode_nat,
    "masq": lambda f: Masquerade(f.number(1)),
    "reject": lambda f: Reject(f.number(1), f.number(2)),
    "counter": lambda f: Counter(f.number(2), f.number(1)),
    "dynset": _decode_dynset,
}
_ONLY_WITH: dict[str, frozenset[int]] = {
    # A form that carries more than our values say is kept as it is, so that a comparison sees the difference.
    "bitwise": frozenset({1, 2, 3, 4, 5, 6}),
    "meta": frozenset({1, 2, 3}),
    "ct": frozenset({1, 2, 3}),
    "lookup": frozenset({1, 2, 3, 5}),
    "dynset": frozenset({1, 3, 4, 5, 6, 9}),
    "payload": frozenset({1, 2, 3, 4}),
    "masq": frozenset({1}),
}


def decode(element: bytes) -> Expression:
    """One expression from the inside of its NFTA_LIST_ELEM."""
    parts = parse_attrs(element)
    name, data = text(parts.get(1, b"")), parts.get(2, b"")
    decoder = _DECODERS.get(name)
    fields = _Fields(data)
    if decoder is None or not fields.raw.keys() <= _ONLY_WITH.get(name, fields.raw.keys()):
        return Opaque(name, data)
    if name == "bitwise" and fields.number(6):
        return Opaque(name, data)
    return decoder(fields)


def decode_list(data: bytes) -> tuple[Expression, ...]:
    return tuple(decode(element) for _, element in iter_attrs(data))
