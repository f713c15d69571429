"""HTTP/1.1 from the server's side, without a socket: bytes in, requests out; heads of responses as bytes.

Small and strict (RFC 9112): what is ambiguous is refused, not guessed. A general HTTP library costs more for each
request than the rest of a GET (aiohttp: 0.2 ms and 270 ms to import), and would have to be unhooked for the raw
relay of exec and port-forward.
"""

import re
from collections.abc import Iterable, Mapping
from http import HTTPStatus
from typing import NamedTuple

MAX_HEAD_BYTES = 64 << 10
MAX_HEADERS = 200
LISTED = "impersonate-"
_TOKEN = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_REASONS = {status.value: status.phrase.encode() for status in HTTPStatus}


class BadRequest(Exception):
    """The connection cannot go on; answer `status` and close."""

    def __init__(self, status: int, why: str) -> None:
        super().__init__(why)
        self.status = status


class Head(NamedTuple):
    """Request line and headers; names in lower case, repeated ones joined by a comma.

    Those of LISTED are joined by a line break instead: their values may have commas.
    """

    method: str
    target: str
    headers: Mapping[str, str]
    keep_alive: bool

    @property
    def upgrade(self) -> bool:
        return "upgrade" in self.headers and "upgrade" in self.headers.get("connection", "").lower()


class HttpRequest(NamedTuple):
    head: Head
    body: bytes


class RequestReader:
    """Feed it what arrives; next() gives a whole request as soon as there is one."""

    def __init__(self, max_body_bytes: int) -> None:
        self._buffer = bytearray()
        self._max_body_bytes = max_body_bytes
        self._head: Head | None = None
        self._length: int | None = None  # of the body; None: chunked
        self._chunks: list[bytes] = []
        self._chunked_bytes = 0
        self.wants_continue = False  # answer 100 and set to False

    def feed(self, data: bytes) -> None:
        self._buffer += data

    @property
    def idle(self) -> bool:
        """Between two requests."""
        return self._head is None and not self._buffer

    @property
    def buffered_bytes(self) -> int:
        """What arrived and is not part of a request yet."""
        return len(self._buffer)

    def take_rest(self) -> bytes:
        """What arrived behind an upgraded request's head."""
        rest = bytes(self._buffer)
        self._buffer.clear()
        return rest

    def next(self) -> HttpRequest | None:
        """None until more arrives; raises BadRequest."""
        if self._head is None and not self._read_head():
            return None
        assert self._head is not None
        body = self._read_chunks() if self._length is None else self._read_sized(self._length)
        if body is None:
            return None
        request = HttpRequest(self._head, body)
        self._head = None
        self.wants_continue = False
        return request

    def _read_head(self) -> bool:
        buffer = self._buffer
        while buffer[:2] == b"\r\n":  # robustness before a request line, RFC 9112 2.2
            del buffer[:2]
        end = buffer.find(b"\r\n\r\n")
        if end < 0:
            if len(buffer) > MAX_HEAD_BYTES:
                raise BadRequest(431, "the headers are too large")
            return False
        if end > MAX_HEAD_BYTES:
            raise BadRequest(431, "the headers are too large")
        head = parse_head(bytes(buffer[:end]))
        del buffer[: end + 4]
        self._head = head
        self._length = _body_length(head, self._max_body_bytes)
        self._chunks, self._chunked_bytes = [], 0
        self.wants_continue = head.headers.get("expect", "").lower() == "100-continue" and not buffer
        return True

    def _read_sized(self, length: int) -> bytes | None:
        if len(self._buffer) < length:
            return None
        body = bytes(self._buffer[:length])
        del self._buffer[:length]
        return body

    def _read_chunks(self) -> bytes | None:
        while True:
            line_end = self._buffer.find(b"\r\n")
            if line_end < 0:
                if len(self._buffer) > 4096:
                    raise BadRequest(400, "malformed chunk")
                return None
            size_text = bytes(self._buffer[:line_end]).partition(b";")[0].strip()
            if not re.fullmatch(rb"[0-9A-Fa-f]{1,8}", size_text):
                raise BadRequest(400, "malformed chunk size")
            size = int(size_text, 16)
            if self._chunked_bytes + size > self._max_body_bytes:
                raise BadRequest(413, "the body is too large")
            if size == 0:
                return self._read_trailers(line_end + 2)
            start = line_end + 2
            if len(self._buffer) < start + size + 2:
                return None
            if self._buffer[start + size : start + size + 2] != b"\r\n":
                raise BadRequest(400, "malformed chunk")
            self._chunks.append(bytes(self._buffer[start : start + size]))
            self._chunked_bytes += size
            del self._buffer[: start + size + 2]

    def _read_trailers(self, start: int) -> bytes | None:
        """Trailers are skipped."""
        if self._buffer[start : start + 2] == b"\r\n":
            end = start + 2
        else:
            found = self._buffer.find(b"\r\n\r\n", start)
            if found < 0:
                if len(self._buffer) - start > MAX_HEAD_BYTES:
                    raise BadRequest(431, "the trailers are too large")
                return None
            end = found + 4
        del self._buffer[:end]
        return b"".join(self._chunks)


def parse_head(data: bytes) -> Head:
    """Raises BadRequest."""
    lines = data.split(b"\r\n")
    parts = lines[0].split(b" ")
    if len(parts) != 3 or not _TOKEN.fullmatch(parts[0]) or not parts[1]:
        raise BadRequest(400, "malformed request line")
    method, target, version = parts
    if version not in (b"HTTP/1.1", b"HTTP/1.0"):
        raise BadRequest(505, "only HTTP/1.1 is served")
    if len(lines) > MAX_HEADERS:
        raise BadRequest(431, "too many headers")
    headers: dict[str, str] = {}
    for line in lines[1:]:
        name, colon, value = line.partition(b":")
        if not colon or not _TOKEN.fullmatch(name):
            raise BadRequest(400, "malformed header")
        key, text = name.decode("ascii").lower(), value.strip(b" \t").decode("latin-1")
        if "\r" in text or "\n" in text or "\0" in text:
            raise BadRequest(400, "malformed header")
        if key in headers:
            if key in ("host", "content-length", "transfer-encoding"):
                raise BadRequest(400, f"more than one {key} header")
            between = "\n" if key.startswith(LISTED) else ", "
            headers[key] = f"{headers[key]}{between}{text}"
        else:
            headers[key] = text
    options = headers.get("connection", "").lower()
    keep_alive = "close" not in options if version == b"HTTP/1.1" else "keep-alive" in options
    try:
        target_text = target.decode("ascii")
    except UnicodeDecodeError:
        raise BadRequest(400, "malformed request line") from None
    if not target_text.startswith("/"):
        raise BadRequest(400, "the request target must be a path")
    return Head(method.decode("ascii"), target_text, headers, keep_alive)


def _body_length(head: Head, max_bytes: int) -> int | None:
    coding, length = head.headers.get("transfer-encoding"), head.headers.get("content-length")
    if coding is not None:
        if coding.lower() != "chunked" or length is not None:
            raise BadRequest(400, "unsupported transfer encoding")
        return None
    if length is None or head.upgrade:
        return 0
    if not length.isascii() or not length.isdigit():
        raise BadRequest(400, "malformed content-length")
    if int(length) > max_bytes:
        raise BadRequest(413, f"the body is larger than {max_bytes} bytes")
    return int(length)


def response_head(
    status: int, content_type: str, headers: Iterable[tuple[str, str]], length: int | None
) -> bytes:
    """Up to the empty line; `length` None means chunked."""
    extra = "".join(f"{name}: {value}\r\n" for name, value in headers)
    size = b"Transfer-Encoding: chunked\r\n" if length is None else b"Content-Length: %d\r\n" % length
    if status == HTTPStatus.NOT_MODIFIED:
        size = b""
    return b"HTTP/1.1 %d %b\r\nContent-Type: %b\r\n%b%b\r\n" % (
        status,
        _REASONS.get(status, b""),
        content_type.encode("latin-1"),
        extra.encode("latin-1", "replace"),
        size,
    )


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


LAST_CHUNK = b"0\r\n\r\n"
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"

# What stays on one hop (RFC 9110 7.6.1), and what is the caller's secret.
_OWN = frozenset(
    {
        "connection",
        "keep-alive",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "host",
        "content-length",
        "authorization",
        "expect",
    }
)


def forwarded_head(
    head: Head, target: str, host: str, body_bytes: int, extra: Iterable[tuple[str, str]]
) -> bytes:
    """The request as it goes to the next server: one request a connection, or the same upgrade."""
    lines = [f"{head.method} {target} HTTP/1.1", f"Host: {host}"]
    for name, value in head.headers.items():
        if name not in _OWN:
            lines += [f"{name}: {part}" for part in value.split("\n")]
    lines += [f"{name}: {value}" for name, value in extra]
    if head.upgrade:
        lines += ["Connection: Upgrade", f"Upgrade: {head.headers['upgrade']}"]
    else:
        lines.append("Connection: close")
        if body_bytes or head.method in ("POST", "PUT", "PATCH"):
            lines.append(f"Content-Length: {body_bytes}")
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")
