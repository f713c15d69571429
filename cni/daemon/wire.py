"""What the executables and the daemon say to each other over the Unix socket, pure.

Request: 8 hex digits and that many bytes of NUL-joined texts (the executable's path, then KEY=VALUE
of its environment), 8 hex digits and standard input. Answer: `A` at once, which says that somebody is
there; then a digit (exit status, or 9: do it yourself), 8 hex digits and standard output, 8 hex digits
and standard error. cni/shim/shim.c speaks the same.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import NamedTuple
else:
    from linux.records import NamedTuple  # the executables read this file too

HERE = b"A"
DO_IT_YOURSELF = 9
_MAX_BYTES = 16 << 20
_LENGTH_BYTES = 8


class BadRequest(ValueError):
    """Not what an executable of ours would send."""


class Request(NamedTuple):
    launcher: str
    env: Mapping[str, str]
    stdin: bytes


class Answer(NamedTuple):
    code: int
    stdout: str = ""
    stderr: str = ""


def encode_request(request: Request) -> bytes:
    texts = [request.launcher, *(f"{key}={value}" for key, value in request.env.items())]
    header = "\0".join(texts).encode("utf-8", "surrogateescape")
    return _sized(header) + _sized(request.stdin)


def encode_answer(answer: Answer) -> bytes:
    output = (answer.stdout, answer.stderr)
    return b"%d" % answer.code + b"".join(_sized(text.encode("utf-8", "surrogateescape")) for text in output)


def _sized(data: bytes) -> bytes:
    return b"%08x" % len(data) + data


def read_request(read: Callable[[int], bytes]) -> Request:
    """`read(n)` gives exactly n bytes, or fewer at the end."""
    header = _read_sized(read).decode("utf-8", "surrogateescape").split("\0")
    env = dict(text.partition("=")[::2] for text in header[1:] if "=" in text)
    return Request(header[0], env, _read_sized(read))


def read_answer(read: Callable[[int], bytes]) -> Answer:
    digit = read(1)
    if not digit.isdigit():
        raise BadRequest("the answer ended early")
    texts = [_read_sized(read).decode("utf-8", "surrogateescape") for _ in range(2)]
    return Answer(int(digit), *texts)


def _read_sized(read: Callable[[int], bytes]) -> bytes:
    length = read(_LENGTH_BYTES)
    try:
        size = int(length, 16)
    except ValueError as error:
        raise BadRequest(f"no length: {length!r}") from error
    if len(length) != _LENGTH_BYTES or not 0 <= size <= _MAX_BYTES:
        raise BadRequest(f"impossible length {length!r}")
    data = read(size)
    if len(data) != size:
        raise BadRequest(f"ended after {len(data)} of {size} bytes")
    return data
