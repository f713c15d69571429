"""SPDY/3.1 framing as kubectl's port-forward needs it (inside a WebSocket). Pure.

Written after the SPDY/3.1 draft, sections 2.2 to 2.6. Flow control: kubectl's library ignores windows, so do we.
"""

import zlib
from collections.abc import Mapping
from typing import NamedTuple

from nodeagent.server.spdy_dictionary import DICTIONARY

_VERSION = 0x8003
_SYN_STREAM, _SYN_REPLY, _RST_STREAM, _PING, _GOAWAY = 1, 2, 3, 6, 7
_FIN = 0x01
_CHUNK_BYTES = 1 << 16


class Opened(NamedTuple):
    """The client opened a stream; header names are in lower case."""

    stream: int
    headers: Mapping[str, str]
    last: bool  # the client will send nothing on it


class Received(NamedTuple):
    stream: int
    data: bytes
    last: bool


class Reset(NamedTuple):
    stream: int


class Pinged(NamedTuple):
    number: int


class GoneAway(NamedTuple):
    """No more streams will come."""


Event = Opened | Received | Reset | Pinged | GoneAway


class Peer:
    """One connection: `feed` bytes, get events; the other methods give bytes to send."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._inflate = zlib.decompressobj(zdict=DICTIONARY)
        self._deflate = zlib.compressobj(zdict=DICTIONARY)

    def feed(self, data: bytes) -> list[Event]:
        self._buffer += data
        events: list[Event] = []
        while len(self._buffer) >= 8:
            size = int.from_bytes(self._buffer[5:8], "big")
            if len(self._buffer) < 8 + size:
                break
            head, payload = bytes(self._buffer[:8]), bytes(self._buffer[8 : 8 + size])
            del self._buffer[: 8 + size]
            event = self._event(head, payload)
            if event is not None:
                events.append(event)
        return events

    def _event(self, head: bytes, payload: bytes) -> Event | None:
        first, last = int.from_bytes(head[:4], "big"), bool(head[4] & _FIN)
        if not first >> 31:
            return Received(first, payload, last)
        match first & 0xFFFF:
            case 1:  # SYN_STREAM
                stream = int.from_bytes(payload[:4], "big") & 0x7FFFFFFF
                return Opened(stream, _headers(self._inflate.decompress(payload[10:])), last)
            case 3:
                return Reset(int.from_bytes(payload[:4], "big") & 0x7FFFFFFF)
            case 6:
                return Pinged(int.from_bytes(payload[:4], "big"))
            case 7:
                return GoneAway()
            case _:
                return None

    def accept(self, stream: int) -> bytes:
        """SYN_REPLY without headers."""
        block = self._deflate.compress(bytes(4)) + self._deflate.flush(zlib.Z_SYNC_FLUSH)
        return _control(_SYN_REPLY, 0, stream.to_bytes(4, "big") + block)

    def data(self, stream: int, data: bytes, *, last: bool = False) -> bytes:
        flags = _FIN if last else 0
        return stream.to_bytes(4, "big") + bytes([flags]) + len(data).to_bytes(3, "big") + data

    def reset(self, stream: int) -> bytes:
        return _control(_RST_STREAM, 0, stream.to_bytes(4, "big") + (5).to_bytes(4, "big"))  # 5: CANCEL

    def pong(self, number: int) -> bytes:
        return _control(_PING, 0, number.to_bytes(4, "big"))


def _control(kind: int, flags: int, payload: bytes) -> bytes:
    head = _VERSION.to_bytes(2, "big") + kind.to_bytes(2, "big") + bytes([flags])
    return head + len(payload).to_bytes(3, "big") + payload


def _headers(block: bytes) -> dict[str, str]:
    """A name/value block: a count, then names and values, each with its length before it."""
    count, position = int.from_bytes(block[:4], "big"), 4
    texts = []
    for _ in range(2 * count):
        size = int.from_bytes(block[position : position + 4], "big")
        texts.append(block[position + 4 : position + 4 + size].decode("latin-1"))
        position += 4 + size
    return dict(zip((name.lower() for name in texts[::2]), texts[1::2], strict=True))
