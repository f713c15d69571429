"""D-Bus messages as bytes: method calls with text arguments, and their answers. Pure.

D-Bus Specification 0.41, "Message Protocol". Little-endian; all positions count from the message's start.
"""

from __future__ import annotations

from struct import Struct, error

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NamedTuple
else:
    from linux.records import NamedTuple

_METHOD_CALL, METHOD_RETURN, ERROR = 1, 2, 3
_PATH, _INTERFACE, _MEMBER, _ERROR_NAME, _REPLY_SERIAL, _DESTINATION, _SIGNATURE = 1, 2, 3, 4, 5, 6, 8
_FIXED = Struct("<cBBBIII")  # order, type, flags, version, body bytes, serial, header field bytes
_LENGTH = Struct("<I")
FIXED_BYTES = _FIXED.size
_HEADER_ALIGNMENT = 8


class Header(NamedTuple):
    """The first 16 bytes: what follows them."""

    kind: int
    fields_bytes: int
    body_bytes: int

    @property
    def rest_bytes(self) -> int:
        """From the fixed part to the end of the message."""
        return self.fields_bytes + -self.fields_bytes % _HEADER_ALIGNMENT + self.body_bytes


class Answer(NamedTuple):
    kind: int
    reply_to: int
    error: str
    """Name of the error, "" if it is none."""
    text: str
    """The first argument where it is text."""
    truth: bool
    """The first argument where it is a boolean."""


class BadMessage(OSError):
    """Not what a message bus would send."""


def _padded(data: bytes, alignment: int) -> bytes:
    return data + bytes(-len(data) % alignment)


def _text(value: str) -> bytes:
    data = value.encode()
    return _LENGTH.pack(len(data)) + data + b"\0"


def _field(code: int, signature: bytes, value: bytes) -> bytes:
    """One (code, variant) of the header."""
    return bytes((code, len(signature))) + signature + b"\0" + value


def method_call(serial: int, destination: str, path: str, interface: str, member: str, *texts: str) -> bytes:
    """A call whose arguments are all text."""
    body = b""
    for text in texts:
        body = _padded(body, 4) + _text(text)
    described = [
        _field(_PATH, b"o", _text(path)),
        _field(_DESTINATION, b"s", _text(destination)),
        _field(_INTERFACE, b"s", _text(interface)),
        _field(_MEMBER, b"s", _text(member)),
    ]
    if texts:
        described.append(_field(_SIGNATURE, b"g", bytes((len(texts),)) + b"s" * len(texts) + b"\0"))
    fields = b""
    for field in described:
        fields = _padded(fields, _HEADER_ALIGNMENT) + field  # between them, not after the last
    fixed = _FIXED.pack(b"l", _METHOD_CALL, 0, 1, len(body), serial, len(fields))
    return fixed + _padded(fields, _HEADER_ALIGNMENT) + body


def read_header(data: bytes) -> Header:
    order, kind, _, _, body_bytes, _, fields_bytes = _FIXED.unpack(data)
    if order != b"l":
        raise BadMessage(f"byte order {order!r}: the bus answers in its caller's, which is little-endian")
    return Header(kind, fields_bytes, body_bytes)


def read_answer(header: Header, rest: bytes) -> Answer:
    """Of a whole message without its fixed part."""
    try:
        found = _read_fields(rest[: header.fields_bytes])
        body = rest[len(rest) - header.body_bytes :]
        signature = found.get(_SIGNATURE, b"").decode()
        text = _read_text(body, 0)[0].decode() if signature.startswith("s") else ""
        truth = signature.startswith("b") and _LENGTH.unpack_from(body)[0] != 0
        reply_to = _LENGTH.unpack(found[_REPLY_SERIAL])[0] if _REPLY_SERIAL in found else 0
        return Answer(header.kind, reply_to, found.get(_ERROR_NAME, b"").decode(), text, truth)
    except (IndexError, ValueError, error) as problem:
        raise BadMessage(str(problem)) from problem


def _read_text(data: bytes, offset: int) -> tuple[bytes, int]:
    if offset + 4 > len(data):
        raise BadMessage("a text without its length")
    length = _LENGTH.unpack_from(data, offset)[0]
    return data[offset + 4 : offset + 4 + length], offset + 5 + length


def _read_fields(data: bytes) -> dict[int, bytes]:
    """Values by code: text as it is, numbers as four bytes; the header starts at a multiple of eight."""
    found: dict[int, bytes] = {}
    offset = 0
    while offset < len(data):
        code, signature = data[offset], data[offset + 2 : offset + 3]
        offset += 4
        if signature in (b"s", b"o"):
            found[code], offset = _read_text(data, offset)
        elif signature == b"g":
            length = data[offset]
            found[code] = data[offset + 1 : offset + 1 + length]
            offset += 2 + length
        elif signature == b"u":
            found[code] = data[offset : offset + 4]
            offset += 4
        else:
            raise BadMessage(f"header field {code} of type {signature!r}")
        offset += -offset % _HEADER_ALIGNMENT
    return found
