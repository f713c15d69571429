"""A proxied response on its way back: redirects and pages lead through the proxy, all else passes untouched. Pure."""

import zlib
from collections.abc import Sequence

from kube.apiserver.relay.pages import Origin, page_through_proxy, through_proxy

_HEAD_BYTES = 64 << 10  # a longer head passes as it is
PAGE_BYTES = 8 << 20  # a longer page passes as it is


class ResponseRewriter:
    """Feed it what the server sends; it gives back what the client gets. finish() when the server has closed."""

    def __init__(self, origin: Origin, *, head_only: bool = False) -> None:
        self._origin = origin
        self._head_only = head_only  # the answer to HEAD
        self._held = bytearray()
        self._head: list[bytes] | None = None  # of a page whose body is awaited
        self._plain = False  # from here on bytes pass

    def feed(self, data: bytes) -> bytes:
        if self._plain:
            return data
        self._held += data
        if self._head is None:
            return self._read_head()
        return self._read_page()

    def finish(self) -> bytes:
        """What is still held back."""
        if self._plain or self._head is None:
            return self._release(b"")
        return self._page(ended=True)

    def _release(self, before: bytes) -> bytes:
        self._plain = True
        held = before + bytes(self._held)
        self._held.clear()
        return held

    def _read_head(self) -> bytes:
        end = self._held.find(b"\r\n\r\n")
        if end < 0:
            return self._release(b"") if len(self._held) > _HEAD_BYTES else b""
        lines = bytes(self._held[:end]).split(b"\r\n")
        words = lines[0].split(b" ")
        if len(words) < 2 or not words[0].startswith(b"HTTP/"):
            return self._release(b"")
        del self._held[: end + 4]
        head = b"\r\n".join(lines) + b"\r\n\r\n"
        if words[1].startswith(b"1") and words[1] != b"101":
            return head + self._read_head()
        location = _header(lines, b"location")
        if location:
            moved = through_proxy(location.decode("latin-1"), self._origin).encode("latin-1")
            return self._release(_join(_without(lines, (b"location",)), (b"Location: " + moved,)))
        kind = _header(lines, b"content-type").split(b";")[0].strip().lower()
        coding = _header(lines, b"content-encoding").lower()
        bodiless = self._head_only or words[1] in (b"101", b"204", b"304")
        if kind != b"text/html" or coding not in (b"", b"gzip") or bodiless:
            return self._release(head)
        self._head = lines
        return self._read_page()

    def _read_page(self) -> bytes:
        assert self._head is not None
        if len(self._held) > PAGE_BYTES:
            return self._release(_join(self._head, ()))
        length = _header(self._head, b"content-length")
        if length.isdigit() and len(self._held) >= int(length):
            return self._page(ended=False)
        chunked = b"chunked" in _header(self._head, b"transfer-encoding").lower()
        if chunked and self._held.endswith(b"0\r\n\r\n"):
            return self._page(ended=False)
        return b""

    def _page(self, *, ended: bool) -> bytes:
        """The rewritten page with its head, or nothing yet when a chunk only looked like the last one."""
        assert self._head is not None
        body: bytes | None = bytes(self._held)
        if b"chunked" in _header(self._head, b"transfer-encoding").lower():
            body = _unchunked(bytes(self._held))
        if body is not None and _header(self._head, b"content-encoding"):
            body = _inflated(body)
        if body is None:
            return self._release(_join(self._head, ())) if ended else b""
        # Latin-1 keeps every byte, and what matters for links is ASCII in any encoding of the web.
        page = page_through_proxy(body.decode("latin-1"), self._origin).encode("latin-1", "xmlcharrefreplace")
        self._held.clear()
        own = (b"content-length", b"transfer-encoding", b"content-encoding", b"trailer")
        return self._release(_join(_without(self._head, own), (b"Content-Length: %d" % len(page),))) + page


def _header(lines: Sequence[bytes], name: bytes) -> bytes:
    for line in lines[1:]:
        key, _, value = line.partition(b":")
        if key.lower() == name:
            return value.strip()
    return b""


def _without(lines: Sequence[bytes], names: Sequence[bytes]) -> list[bytes]:
    return [lines[0], *(line for line in lines[1:] if line.partition(b":")[0].lower() not in names)]


def _join(lines: Sequence[bytes], more: Sequence[bytes]) -> bytes:
    return b"\r\n".join((*lines, *more)) + b"\r\n\r\n"


def _unchunked(data: bytes) -> bytes | None:
    """None when the last chunk is not there yet, or the framing is not HTTP's."""
    chunks: list[bytes] = []
    at = 0
    while True:
        end = data.find(b"\r\n", at)
        if end < 0:
            return None
        try:
            size = int(data[at:end].partition(b";")[0], 16)
        except ValueError:
            return None
        if size == 0:
            return b"".join(chunks)
        if len(data) < end + 2 + size:
            return None
        chunks.append(data[end + 2 : end + 2 + size])
        at = end + 2 + size + 2


def _inflated(data: bytes) -> bytes | None:
    decoder = zlib.decompressobj(wbits=31)
    try:
        plain = decoder.decompress(data, PAGE_BYTES)
    except zlib.error:
        return None
    return plain if decoder.eof else None
