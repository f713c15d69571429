"""WebSocket framing for a server (RFC 6455). Pure: bytes in, messages out."""

import base64
import hashlib
from typing import NamedTuple

_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10
_CONTINUATION = 0
_MESSAGE_MAX_BYTES = 8 << 20
_CONTROL_MAX_BYTES = 125


class ProtocolError(Exception):
    """The peer does not follow RFC 6455; the connection has to be closed."""


class Message(NamedTuple):
    kind: int
    data: bytes


def accept_key(key: str) -> str:
    """Sec-WebSocket-Accept for a Sec-WebSocket-Key."""
    return base64.b64encode(hashlib.sha1(key.encode() + _GUID).digest()).decode()  # noqa: S324  as the RFC says


def frame(kind: int, data: bytes) -> bytes:
    """One unmasked, final frame, as servers send."""
    head = bytes([0x80 | kind])
    if len(data) < 126:
        return head + bytes([len(data)]) + data
    if len(data) < 1 << 16:
        return head + b"\x7e" + len(data).to_bytes(2, "big") + data
    return head + b"\x7f" + len(data).to_bytes(8, "big") + data


class Receiver:
    """Collects what a client sends; `feed` returns the messages that are complete now."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._parts: list[bytes] = []
        self._kind = 0

    def feed(self, data: bytes) -> list[Message]:
        """Raises ProtocolError."""
        self._buffer += data
        messages: list[Message] = []
        while (found := self._frame()) is not None:
            final, kind, payload = found
            if kind >= CLOSE:
                messages.append(Message(kind, payload))
            elif message := self._joined(final, kind, payload):
                messages.append(message)
        return messages

    def _joined(self, final: bool, kind: int, payload: bytes) -> Message | None:
        if (kind == _CONTINUATION) != bool(self._kind):
            raise ProtocolError("fragments out of order")
        self._kind = kind or self._kind
        self._parts.append(payload)
        if sum(map(len, self._parts)) > _MESSAGE_MAX_BYTES:
            raise ProtocolError("message too long")
        if not final:
            return None
        message = Message(self._kind, b"".join(self._parts))
        self._parts, self._kind = [], 0
        return message

    def _frame(self) -> tuple[bool, int, bytes] | None:
        buffer = self._buffer
        if len(buffer) < 2:
            return None
        final, kind, masked, size = (
            bool(buffer[0] & 0x80),
            buffer[0] & 0x0F,
            buffer[1] & 0x80,
            buffer[1] & 0x7F,
        )
        if buffer[0] & 0x70 or not masked:
            raise ProtocolError("client frames are masked and use no extension here")
        start = 2
        if size > 125:
            width = 2 if size == 126 else 8
            if len(buffer) < 2 + width:
                return None
            size, start = int.from_bytes(buffer[2 : 2 + width], "big"), 2 + width
        if size > (_CONTROL_MAX_BYTES if kind >= CLOSE else _MESSAGE_MAX_BYTES):
            raise ProtocolError("frame too long")
        end = start + 4 + size
        if len(buffer) < end:
            return None
        payload = unmask(bytes(buffer[start + 4 : end]), bytes(buffer[start : start + 4]))
        del buffer[:end]
        return final, kind, payload


def unmask(data: bytes, key: bytes) -> bytes:
    """XOR with the repeated key, as one big number: no loop over bytes."""
    if not data:
        return data
    repeated = (key * (len(data) // 4 + 1))[: len(data)]
    value = int.from_bytes(data, "big") ^ int.from_bytes(repeated, "big")
    return value.to_bytes(len(data), "big")
