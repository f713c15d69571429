"""Netlink's wire format (RFC 3549, include/uapi/linux/netlink.h), pure.

Numbers are in host order except where the name says be.
"""

from __future__ import annotations

import struct

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import NamedTuple
else:
    from linux.records import NamedTuple

NLMSG_NOOP = 1
NLMSG_ERROR = 2
NLMSG_DONE = 3

NLM_F_REQUEST = 0x1
NLM_F_MULTI = 0x2
NLM_F_ACK = 0x4
NLM_F_ECHO = 0x8
NLM_F_DUMP_INTR = 0x10
NLM_F_ROOT = 0x100
NLM_F_MATCH = 0x200
NLM_F_DUMP = NLM_F_ROOT | NLM_F_MATCH
NLM_F_REPLACE = 0x100
NLM_F_EXCL = 0x200
NLM_F_CREATE = 0x400
NLM_F_APPEND = 0x800
NLM_F_CAPPED = 0x100  # in an error: the request is quoted without its payload
NLM_F_ACK_TLVS = 0x200  # in an error: attributes follow

NLA_F_NESTED = 0x8000
NLA_F_NET_BYTEORDER = 0x4000
NLA_TYPE_MASK = 0x3FFF

HEADER = struct.Struct("=IHHII")  # length, type, flags, sequence, port
ATTR = struct.Struct("=HH")  # length, type
_S32 = struct.Struct("=i")
_PADDING = (b"", b"\0\0\0", b"\0\0", b"\0")


class Message(NamedTuple):
    """One netlink message; payload is what follows the 16-byte header."""

    type: int
    flags: int
    seq: int
    payload: bytes


class KernelError(NamedTuple):
    """What an NLMSG_ERROR or NLMSG_DONE says; errno 0 is an acknowledgement."""

    errno: int
    text: str
    offset: int | None
    """Where in the request the offending attribute starts, counted from its header."""


def pack_message(msg_type: int, flags: int, seq: int, payload: bytes) -> bytes:
    """One nlmsghdr and its payload, padded to 4 bytes; port 0 is the kernel."""
    length = 16 + len(payload)
    return HEADER.pack(length, msg_type, flags, seq, 0) + payload + _PADDING[length & 3]


def attr(kind: int, payload: bytes) -> bytes:
    """One nlattr, padded to 4 bytes."""
    length = 4 + len(payload)
    return ATTR.pack(length, kind) + payload + _PADDING[length & 3]


_attr_u8 = struct.Struct("=HHB3x").pack
_attr_u16 = struct.Struct("=HHH2x").pack
_attr_u32 = struct.Struct("=HHI").pack
_attr_u64 = struct.Struct("=HHQ").pack


def attr_u8(kind: int, value: int) -> bytes:
    return _attr_u8(5, kind, value)


def attr_u16(kind: int, value: int) -> bytes:
    return _attr_u16(6, kind, value)


def attr_u32(kind: int, value: int) -> bytes:
    return _attr_u32(8, kind, value)


def attr_u64(kind: int, value: int) -> bytes:
    return _attr_u64(12, kind, value)


def attr_be16(kind: int, value: int) -> bytes:
    return ATTR.pack(6, kind) + value.to_bytes(2, "big") + b"\0\0"


def attr_be32(kind: int, value: int) -> bytes:
    return ATTR.pack(8, kind) + value.to_bytes(4, "big")


def attr_be64(kind: int, value: int) -> bytes:
    return ATTR.pack(12, kind) + value.to_bytes(8, "big")


def attr_str(kind: int, value: str) -> bytes:
    """Text with its NUL."""
    return attr(kind, value.encode() + b"\0")


def nested(kind: int, *parts: bytes) -> bytes:
    return attr(kind | NLA_F_NESTED, b"".join(parts))


def iter_attrs(data: bytes | memoryview, offset: int = 0) -> Iterator[tuple[int, bytes]]:
    """(type, payload) in order; a malformed rest ends the iteration, as the kernel's own parser does."""
    end = len(data)
    while offset + 4 <= end:
        length, kind = ATTR.unpack_from(data, offset)
        if length < 4 or offset + length > end:
            return
        yield kind & NLA_TYPE_MASK, bytes(data[offset + 4 : offset + length])
        offset += (length + 3) & ~3


def parse_attrs(data: bytes | memoryview, offset: int = 0) -> dict[int, bytes]:
    """Attributes by type, the flags masked off; the last of a repeated type wins.

    The same walk as iter_attrs, written out: a link has some eighty attributes.
    """
    if not isinstance(data, bytes):
        data = bytes(data)
    found: dict[int, bytes] = {}
    unpack, end = ATTR.unpack_from, len(data)
    while offset + 4 <= end:
        length, kind = unpack(data, offset)
        stop = offset + length
        if length < 4 or stop > end:
            break
        found[kind & NLA_TYPE_MASK] = data[offset + 4 : stop]
        offset += (length + 3) & ~3
    return found


def iter_messages(data: bytes) -> Iterator[Message]:
    """The messages of one datagram."""
    offset, end = 0, len(data)
    while offset + 16 <= end:
        length, kind, flags, seq, _port = HEADER.unpack_from(data, offset)
        if length < 16 or offset + length > end:
            return
        yield Message(kind, flags, seq, data[offset + 16 : offset + length])
        offset += (length + 3) & ~3


def text(payload: bytes) -> str:
    """Text of an attribute, without its NUL."""
    return payload.rstrip(b"\0").decode(errors="replace")


def parse_error(message: Message) -> KernelError:
    """Meaning of NLMSG_ERROR and of NLMSG_DONE, with the extended acknowledgement's text."""
    payload = message.payload
    number = -_S32.unpack_from(payload)[0] if len(payload) >= 4 else 0
    if not message.flags & NLM_F_ACK_TLVS:
        return KernelError(number, "", None)
    start = 4
    if message.type == NLMSG_ERROR:
        quoted = 16 if message.flags & NLM_F_CAPPED else HEADER.unpack_from(payload, 4)[0]
        start = 4 + ((quoted + 3) & ~3)
    attrs = parse_attrs(payload, start)
    offset = attrs.get(2)
    return KernelError(
        number,
        text(attrs[1]) if 1 in attrs else "",
        None if offset is None else int.from_bytes(offset, "little"),
    )
