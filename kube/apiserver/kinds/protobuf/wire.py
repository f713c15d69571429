"""The protobuf wire format: tags, varints, lengths. Every read is bounded by the buffer."""

from collections.abc import Iterator
from typing import NamedTuple

VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5


class DecodeError(ValueError):
    """The body is not what its envelope says it is."""


class Field(NamedTuple):
    """One field as it lies on the wire; `number` for the fixed and varint types, else `data`."""

    tag: int
    wire: int
    number: int
    data: bytes


def varint(data: bytes, at: int) -> tuple[int, int]:
    """The unsigned value at an offset, and the offset behind it."""
    value = shift = 0
    while True:
        if at >= len(data) or shift > 63:
            raise DecodeError("a varint is cut short or too long")
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value & 0xFFFFFFFFFFFFFFFF, at
        shift += 7


def signed(value: int) -> int:
    """An int32 or int64 as protobuf writes it: two's complement of 64 bits."""
    return value - (1 << 64) if value >= 1 << 63 else value


def fields(data: bytes) -> Iterator[Field]:
    at, end = 0, len(data)
    while at < end:
        key, at = varint(data, at)
        wire = key & 7
        if wire == BYTES:
            length, at = varint(data, at)
            if length > end - at:
                raise DecodeError("a length goes beyond the end of its message")
            yield Field(key >> 3, wire, 0, data[at : at + length])
            at += length
        elif wire == VARINT:
            number, at = varint(data, at)
            yield Field(key >> 3, wire, number, b"")
        elif wire in (FIXED64, FIXED32):
            size = 8 if wire == FIXED64 else 4
            if at + size > end:
                raise DecodeError("a number is cut short")
            yield Field(key >> 3, wire, int.from_bytes(data[at : at + size], "little"), data[at : at + size])
            at += size
        else:
            raise DecodeError(f"wire type {wire} is not used here")
