"""The quick way to ask a server over UDP: sent from whichever thread has the question, answered by callback.

No task, no future and no timer per question: one sweep looks after all that take too long. What needs more than one
attempt goes the long way (`dns.upstream.socket`).
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Callable
from random import SystemRandom

from dns.upstream.targets import Target

SWEEP_EVERY_S = 0.1
RECEIVE_BUFFER_BYTES = 4 << 20
READS_AT_A_TIME = 64
MAX_IN_FLIGHT = 4096  # of one socket

# The reply, or None when there is none; in the event loop's thread.
Done = Callable[[bytes | None], None]


class QuickAsker:
    """One server's quick sockets. `open` and `close` in the event loop, `ask` in any thread."""

    def __init__(self, target: Target, *, expire_s: float, read_timeout_s: float) -> None:
        self.target = target
        self._expire_s = expire_s
        self._read_timeout_s = read_timeout_s
        self.asked_count = 0
        self.opened_count = 0
        self._current: _QuickSocket | None = None
        self._old: list[_QuickSocket] = []
        self._loop: asyncio.AbstractEventLoop | None = None
        self._rng = SystemRandom()

    @property
    def in_flight_count(self) -> int:
        current = self._current
        return (len(current.waiting) if current is not None else 0) + sum(
            len(one.waiting) for one in self._old
        )

    def ask(self, packet: bytes, done: Done) -> bool:
        """Send packet under an ID of its own; False when the long way must be gone instead."""
        current, loop = self._current, self._loop
        if current is None or loop is None or len(current.waiting) >= MAX_IN_FLIGHT:
            return False
        packet_id = self._rng.getrandbits(16).to_bytes(2, "big")
        while packet_id in current.waiting:
            packet_id = self._rng.getrandbits(16).to_bytes(2, "big")
        current.waiting[packet_id] = (done, loop.time() + self._read_timeout_s)
        try:
            current.sock.send(packet_id + packet[2:])
        except OSError:
            current.waiting.pop(packet_id, None)
            return False
        self.asked_count += 1
        return True

    async def run(self) -> None:
        """Keep a socket open, a new one every `expire_s`; until cancelled."""
        self._loop = asyncio.get_running_loop()
        try:
            while True:
                self._renew()
                await asyncio.sleep(SWEEP_EVERY_S)
                now = self._loop.time()
                for one in (*self._old, *((self._current,) if self._current is not None else ())):
                    one.sweep(now)
        finally:
            for one in (*self._old, *((self._current,) if self._current is not None else ())):
                one.close(self._loop)
            self._current = None

    def _renew(self) -> None:
        loop = self._loop
        assert loop is not None
        now = loop.time()
        current = self._current
        if current is None or now - current.opened_at_s > self._expire_s:
            try:
                self._current = _QuickSocket(self.target, loop)
                self.opened_count += 1
            except OSError:
                self._current = None  # the long way says what is wrong
            if current is not None:
                self._old.append(current)
        for one in [one for one in self._old if not one.waiting]:
            self._old.remove(one)
            one.close(loop)


class _QuickSocket:
    """A connected socket: the kernel drops what other hosts send to it."""

    def __init__(self, target: Target, loop: asyncio.AbstractEventLoop) -> None:
        family = socket.AF_INET6 if ":" in target.host else socket.AF_INET
        self.sock = socket.socket(family, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC)
        self.waiting: dict[bytes, tuple[Done, float]] = {}
        self.opened_at_s = loop.time()
        try:
            with contextlib.suppress(OSError):
                self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER_BYTES)
            self.sock.connect((target.host, target.port))
        except OSError:
            self.sock.close()
            raise
        loop.add_reader(self.sock.fileno(), self._readable)

    def _readable(self) -> None:
        receive, waiting = self.sock.recv, self.waiting
        try:
            for _ in range(READS_AT_A_TIME):
                data = receive(65_535)
                found = waiting.pop(data[:2], None) if len(data) >= 12 and data[2] & 0x80 else None
                if found is not None:
                    found[0](data)
        except BlockingIOError:
            return
        except OSError:  # refused: nobody listens there
            self._fail_all()

    def _fail_all(self) -> None:
        while self.waiting:
            with contextlib.suppress(KeyError):
                self.waiting.popitem()[1][0](None)

    def sweep(self, now: float) -> None:
        """Give up on what has waited too long."""
        for packet_id in [one for one, (_, deadline) in list(self.waiting.items()) if deadline < now]:
            found = self.waiting.pop(packet_id, None)
            if found is not None:
                found[0](None)

    def close(self, loop: asyncio.AbstractEventLoop) -> None:
        loop.remove_reader(self.sock.fileno())
        self.sock.close()
        self._fail_all()
