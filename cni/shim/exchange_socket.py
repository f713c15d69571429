"""What shim.c does, in Python, for hosts without a compiler: hand the call to the daemon, its answer back.

No socket: the caller does the call itself. A socket that is silent for a second: DEL is queued on disk and
succeeds, STATUS is 50, anything else 11. Light imports, as all that a plugin executable loads.
"""

from __future__ import annotations

import errno
import os
from _socket import AF_UNIX, SOCK_CLOEXEC, SOCK_STREAM, socket
from time import monotonic, sleep, time_ns

from cni.daemon import places, wire

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

SILENCE_S = 1.0
PATIENCE_S = 115.0
_RETRY_S = 0.02
_PASSED = ("CNI_", "TRACEPARENT", "TRACESTATE", "BAGGAGE", "PATH")
_NOT_OURS = ("/proc/self/", "/proc/thread-self/")  # the daemon's /proc/self is another
_ABSENT = (errno.ENOENT, errno.ENOTDIR, errno.EACCES, errno.EPERM)
_GONE = wire.Answer(-1)


class _Silent(Exception):
    """Somebody should be there, and says nothing."""


def ask(launcher: str, env: Mapping[str, str], stdin: bytes) -> wire.Answer | None:
    """The daemon's answer, or what its silence means; None: do it yourself."""
    if env.get("CNI_NETNS", "").startswith(_NOT_OURS):
        return None
    passed = {key: value for key, value in env.items() if key.startswith(_PASSED)}
    request = wire.encode_request(wire.Request(launcher, passed, stdin))
    command = env.get("CNI_COMMAND", "")
    try:
        connection = _reach(request)
    except _Silent:
        if command == "DEL":
            return _queued(request)
        advice = f"start it, or remove {places.SOCKET}"
        return _failed(50 if command == "STATUS" else 11, f"the CNI daemon does not answer: {advice}")
    if connection is None:
        return None
    answer = _answer(connection)
    if answer is _GONE:
        if command == "DEL":
            return _queued(request)
        return _failed(11, "the CNI daemon ended during the call: try again")
    return None if answer.code == wire.DO_IT_YOURSELF else answer


def _failed(code: int, message: str) -> wire.Answer:
    return wire.Answer(1, f'{{"cniVersion":"1.1.0","code":{code},"msg":"{message}"}}\n')


def _reach(request: bytes) -> socket | None:
    """Connected, sent, and heard that somebody is there. None without a socket; raises _Silent."""
    give_up_s = monotonic() + SILENCE_S
    while True:
        try:
            return _reach_once(request, max(give_up_s - monotonic(), 0.01))
        except _Silent:
            if monotonic() + _RETRY_S >= give_up_s:
                raise
            sleep(_RETRY_S)


def _reach_once(request: bytes, timeout_s: float) -> socket | None:
    connection = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC)
    connection.settimeout(timeout_s)
    try:
        connection.connect(places.SOCKET)
        connection.sendall(request)
        if connection.recv(1) == wire.HERE:
            return connection
    except OSError as error:
        connection.close()
        if error.errno in _ABSENT:
            return None
        raise _Silent from error
    connection.close()
    raise _Silent


def _answer(connection: socket) -> wire.Answer:
    connection.settimeout(PATIENCE_S)
    try:
        return wire.read_answer(_reader(connection))
    except (OSError, wire.BadRequest):
        return _GONE
    finally:
        connection.close()


def _reader(connection: socket) -> Callable[[int], bytes]:
    def read(size: int) -> bytes:
        parts = []
        while size and (part := connection.recv(size)):
            parts.append(part)
            size -= len(part)
        return b"".join(parts)

    return read


def _queued(request: bytes) -> wire.Answer:
    """Under the lock that the daemon holds from its replay until it listens; it may have come meanwhile."""
    from fcntl import LOCK_SH, flock

    unwritable = _failed(11, "the CNI daemon does not answer and its queue cannot be written")
    try:
        os.makedirs(places.QUEUE, mode=0o700, exist_ok=True)
        lock = os.open(f"{places.QUEUE}/lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        flock(lock, LOCK_SH)
    except OSError:
        return unwritable
    try:
        connection = _reach(request)
    except _Silent:
        connection = None
    if connection is not None:
        answer = _answer(connection)
        return _failed(11, "the CNI daemon ended during the call: try again") if answer is _GONE else answer
    if len(os.listdir(places.QUEUE)) >= places.QUEUE_LIMIT:
        return _failed(11, "the CNI daemon does not answer and its queue is full: start it")
    try:
        _store(request)
    except OSError:
        return unwritable
    return wire.Answer(0)


def _store(request: bytes) -> None:
    """Whole or not at all; names sort by arrival."""
    seconds, nanoseconds = divmod(time_ns(), 1_000_000_000)
    path = f"{places.QUEUE}/{seconds:012d}{nanoseconds:09d}-{os.getpid()}"
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        while request:
            request = request[os.write(fd, request) :]
        os.fsync(fd)
    finally:
        os.close(fd)
    os.rename(path, f"{path}.del")
