"""`multisocket N`: N processes that answer on the same addresses, and one that looks after them.

Each worker has its own sockets (SO_REUSEPORT: the kernel shares the clients out), watches and memory. The first also
serves HTTP, and adds the others' counts to its own when metrics are read. One that dies is started again.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import socket
import struct
import time
from collections.abc import Callable

import msgspec

from dns import disk
from dns.build import parse
from dns.corefile.tokens import CorefileError
from dns.metrics import Registry, Row
from linux.logging_kv import get_logger

_LENGTH = struct.Struct("=I")
_PR_SET_PDEATHSIG = 1
ANSWER_WITHIN_S = 0.5
# A worker that cannot live is not started again more often than this.
RESTART_EVERY_S = 1.0

_logger = get_logger("kdns")
_rows = msgspec.json.Decoder(list[Row])


class Seat:
    """One worker's place: its number, and how it talks about metrics."""

    def __init__(self, number: int, links: tuple[socket.socket, ...]) -> None:
        self.number = number
        self._links = links  # the first worker: one to each other; the others: one to the first

    @property
    def is_first(self) -> bool:
        return self.number == 0

    def fileno(self) -> int:
        return self._links[0].fileno()

    def others(self) -> list[list[Row]]:
        """What the other workers counted. One that does not answer in time is left out."""
        found = []
        for link in self._links:
            link.settimeout(ANSWER_WITHIN_S)
            with contextlib.suppress(OSError, msgspec.DecodeError):
                _drain(link)
                link.sendall(b"?")
                found.append(_rows.decode(_receive(link)))
        return found

    def answer(self, registry: Registry) -> None:
        """The first worker asked: tell it."""
        link = self._links[0]
        link.settimeout(ANSWER_WITHIN_S)
        with contextlib.suppress(OSError):
            if link.recv(64):
                data = msgspec.json.encode(registry.rows())
                link.sendall(_LENGTH.pack(len(data)) + data)


def _drain(link: socket.socket) -> None:
    """Throw away what came too late."""
    link.setblocking(False)
    with contextlib.suppress(BlockingIOError):
        while link.recv(1 << 16):
            pass
    link.settimeout(ANSWER_WITHIN_S)


def _receive(link: socket.socket) -> bytes:
    data = b""
    while len(data) < _LENGTH.size or len(data) < _LENGTH.size + _LENGTH.unpack_from(data)[0]:
        if not (part := link.recv(1 << 16)):
            raise ConnectionResetError("the worker is gone")
        data += part
    return data[_LENGTH.size :]


def worker_count(corefile: str) -> int:
    """How many processes a Corefile asks for; 1 where it cannot be read, which is said when it is."""
    if corefile == "stdin":
        return 1
    try:
        importer = disk.importer(os.path.dirname(corefile) or ".")
        parsed = parse(disk.read_text(corefile), environment=os.environ, importer=importer)
    except (CorefileError, OSError):
        return 1
    return max(one.options("multisocket") or 1 for one in parsed)


def run(count: int, work: Callable[[Seat], int]) -> int:
    """Have `count` processes do `work` until SIGTERM or SIGINT; the first one's exit status when it gives up."""
    pairs = [socket.socketpair() for _ in range(count - 1)]
    seats = [
        Seat(0, tuple(one for one, _ in pairs)),
        *(Seat(i + 1, (pairs[i][1],)) for i in range(count - 1)),
    ]
    pids: dict[int, Seat] = {}
    ending: list[int] = []

    def pass_on(number: int, _frame: object) -> None:
        if number != signal.SIGUSR1:
            ending.append(number)
        for pid in list(pids):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)

    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1):
        signal.signal(number, pass_on)
    for seat in seats:
        pids[_start(seat, work)] = seat
    status = 0
    while pids:
        pid, raw = os.wait()
        seat = pids.pop(pid)
        code = os.waitstatus_to_exitcode(raw)
        if ending:
            continue
        if code > 0:  # it said why; the others have the same configuration
            status = status or code
            pass_on(signal.SIGTERM, None)
            continue
        _logger.error("a worker ended, it starts again", worker=seat.number, status=code)
        time.sleep(RESTART_EVERY_S)
        if not ending:
            pids[_start(seat, work)] = seat
    return status


def _start(seat: Seat, work: Callable[[Seat], int]) -> int:
    parent = os.getpid()
    if pid := os.fork():
        return pid
    status = 1
    try:
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1):
            signal.signal(number, signal.SIG_DFL)
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() == parent:
            status = work(seat)
    finally:
        os._exit(status)
