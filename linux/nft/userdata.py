"""What nft leaves in the kernel for itself so that a listing reads as it was written (libnftnl's udata).

A sequence of (type: u8, length: u8, value). Checked byte for byte against nft 1.0.6.
"""

from __future__ import annotations

import struct

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NamedTuple
else:
    from linux.records import NamedTuple

_RULE_COMMENT = 0
_ELEMENT_COMMENT = 0
_SET_KEY_BYTE_ORDER = 0
_SET_DATA_BYTE_ORDER = 1
_SET_KEY_TYPEOF = 3
_SET_DATA_TYPEOF = 4
_SET_DATA_INTERVAL = 6
_SET_COMMENT = 7
_TYPEOF_KIND = 0
_TYPEOF_DETAIL = 1
_KIND_VERDICT = 1
_KIND_PAYLOAD = 7
_KIND_META = 9
_KIND_CONCAT = 13
_KIND_NUMGEN = 23
_ORDER_NONE, _ORDER_HOST, _ORDER_NETWORK = 0, 1, 2

COMMENT_BYTES_MAX = 127


class Field(NamedTuple):
    """One part of a set's key or data: nft's type number, its width, and the expression it stands for."""

    type: int
    size_bytes: int
    network_order: bool
    typeof: bytes

    @property
    def padded_bytes(self) -> int:
        """Width inside a concatenation, where every part starts on a 4-byte register."""
        return (self.size_bytes + 3) & ~3


def _item(kind: int, value: bytes) -> bytes:
    return bytes((kind, len(value))) + value


def _u32(kind: int, value: int) -> bytes:
    return _item(kind, struct.pack("=I", value))


def _typeof(kind: int, detail: bytes) -> bytes:
    return _u32(_TYPEOF_KIND, kind) + _item(_TYPEOF_DETAIL, detail)


def _payload(header: int, field: int) -> bytes:
    return _typeof(_KIND_PAYLOAD, _u32(0, header) + _u32(1, field))


# Numbers of nft's proto_desc_id, of its payload templates and of its data types.
_TRANSPORT, _IP, _IP6 = 11, 12, 13
IP_SOURCE = Field(7, 4, True, _payload(_IP, 11))
IP_DESTINATION = Field(7, 4, True, _payload(_IP, 12))
IP6_SOURCE = Field(8, 16, True, _payload(_IP6, 8))
IP6_DESTINATION = Field(8, 16, True, _payload(_IP6, 9))
L4_PROTOCOL = Field(12, 1, False, _typeof(_KIND_META, _u32(0, 16)))
SOURCE_PORT = Field(13, 2, True, _payload(_TRANSPORT, 1))
DESTINATION_PORT = Field(13, 2, True, _payload(_TRANSPORT, 2))


def random_number(modulus: int) -> Field:
    """`numgen random mod modulus`."""
    return Field(4, 4, False, _typeof(_KIND_NUMGEN, _u32(0, 1) + _u32(1, modulus) + _u32(2, 0)))


def type_of(fields: tuple[Field, ...]) -> int:
    """The data type number as nft composes it: 6 bits a part."""
    number = 0
    for field in fields:
        number = number << 6 | field.type
    return number


def width_bytes(fields: tuple[Field, ...]) -> int:
    if len(fields) == 1:
        return fields[0].size_bytes
    return sum(field.padded_bytes for field in fields)


def _order(fields: tuple[Field, ...]) -> int:
    if len(fields) != 1:
        return _ORDER_NONE
    return _ORDER_NETWORK if fields[0].network_order else _ORDER_HOST


def _describe(fields: tuple[Field, ...]) -> bytes:
    if len(fields) == 1:
        return fields[0].typeof
    return _typeof(_KIND_CONCAT, b"".join(_item(i, field.typeof) for i, field in enumerate(fields)))


def of_set(
    key: tuple[Field, ...],
    data: tuple[Field, ...] | None = None,
    *,
    verdicts: bool = False,
    comment: str = "",
) -> bytes:
    """What nft stores for `typeof KEY [: DATA | : verdict]`."""
    parts = [_u32(_SET_KEY_BYTE_ORDER, _order(key))]
    is_map = verdicts or data is not None
    if is_map:
        parts.append(_u32(_SET_DATA_BYTE_ORDER, _order(data) if data else _ORDER_NONE))
    parts.append(_item(_SET_KEY_TYPEOF, _describe(key)))
    if verdicts:
        parts.append(_item(_SET_DATA_TYPEOF, _u32(_TYPEOF_KIND, _KIND_VERDICT) + _item(_TYPEOF_DETAIL, b"")))
    elif data:
        parts.append(_item(_SET_DATA_TYPEOF, _describe(data)))
    if is_map:
        parts.append(_u32(_SET_DATA_INTERVAL, 0))
    if comment:
        parts.append(_item(_SET_COMMENT, _comment_text(comment)))
    return b"".join(parts)


def _comment_text(comment: str) -> bytes:
    return comment.encode()[:COMMENT_BYTES_MAX] + b"\0"


def of_comment(comment: str) -> bytes:
    """A rule's or an element's userdata; nft takes at most 128 bytes with the NUL."""
    return _item(_ELEMENT_COMMENT, _comment_text(comment)) if comment else b""


def comment_of(userdata: bytes) -> str:
    """The comment in a rule's or an element's userdata."""
    offset = 0
    while offset + 2 <= len(userdata):
        kind, length = userdata[offset], userdata[offset + 1]
        if kind == _RULE_COMMENT:
            return userdata[offset + 2 : offset + 2 + length].rstrip(b"\0").decode(errors="replace")
        offset += 2 + length
    return ""
