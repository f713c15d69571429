"""Questions on their way to other servers and back, in the thread that reads them: batches both ways, no task, no
lock, no record. Whoever gets no plain answer is handed back to the handlers.
"""

from __future__ import annotations

import contextlib
import errno
import os
import select
import socket
import time
from collections.abc import Callable
from typing import NamedTuple

from dns.answering.memo import address_of
from dns.answering.relay import Lane, Lanes
from dns.answering.tally import Tally
from dns.udp.outbox_socket import Inbox, Outbox
from dns.udp.socket import RECEIVE_BUFFER_BYTES, Batch
from dns.upstream.targets import Target
from dns.wire.passage import Asked, read

SWEEP_EVERY_S = 0.1
MAX_IN_FLIGHT = 4096  # of one socket
_IDS_AT_A_TIME = 256


class Sender(NamedTuple):
    """Where an answer goes."""

    packet_id: bytes
    name: bytes  # the sockaddr as it came
    control: bytes
    host: str
    port: int


class Passing(NamedTuple):
    """One question on its way."""

    asked: Asked
    lane: Lane
    server_index: int
    sender: Sender
    began_s: float


# (question, reply, server): the handlers' turn. b"" when there was no reply.
HandBack = Callable[[Passing, bytes], None]


class Wire:
    """The sockets to one server: the one in use, and the one before it until its answers are in."""

    def __init__(self, target: Target, expire_s: float) -> None:
        self.server = target.text
        self.waiting: dict[int, Passing] = {}
        self.asked_count = 0
        self.opened_count = 0
        self.sock: socket.socket | None = None
        self.outbox: Outbox | None = None
        self._target = target
        self._expire_s = expire_s
        self._opened_at_s = 0.0

    def is_ready(self, now: float) -> bool:
        return self.sock is not None and (now - self._opened_at_s < self._expire_s or bool(self.waiting))

    def open(self, now: float) -> socket.socket:
        """A new source port. Raises OSError."""
        family = socket.AF_INET6 if ":" in self._target.host else socket.AF_INET
        sock = socket.socket(family, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC)
        try:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER_BYTES)
            sock.connect((self._target.host, self._target.port))
        except OSError:
            sock.close()
            raise
        self.sock, self.outbox, self._opened_at_s = sock, Outbox(sock), now
        self.opened_count += 1
        return sock


class Relay:
    """All that one listening socket has on its way."""

    def __init__(self, listening: socket.socket, tally: Tally, hand_back: HandBack, *, control: bool) -> None:
        self.waiting_count = 0
        self._listening = listening.fileno()
        self._tally = tally
        self._hand_back = hand_back
        self._answers = Outbox(listening, named=True, control=control)
        self._inbox = Inbox()
        self._poll = select.poll()
        self._poll.register(self._listening, select.POLLIN)
        self._wires: dict[tuple[int, int], Wire] = {}  # by lane and server
        self._lanes: Lanes | None = None
        self._by_fd: dict[int, Wire] = {}
        self._ids: list[int] = []
        self._next_sweep_s = 0.0

    def ask(
        self, lanes: Lanes, question: bytes, packet_id: bytes, batch: Batch, slot: int, now: float
    ) -> bool:
        """Have the question sent with the next `flush`; False when it is none for a lane."""
        asked = read(question)
        lane = lanes.lane(asked) if asked is not None else None
        if asked is None or lane is None:
            return False
        index = lane.take(asked)
        if index is None:
            return False
        if lanes is not self._lanes:
            self._take_lanes(lanes)
        wire = self._wires.get((id(lane), index)) or self._wire(lane, index)
        if (not wire.is_ready(now) and not self._renew(wire, now)) or len(wire.waiting) >= MAX_IN_FLIGHT:
            return False
        own_id = self._next_id()
        while own_id in wire.waiting:
            own_id = self._next_id()
        sender = Sender(packet_id, batch.raw_name(slot), batch.control(slot), *batch.client(slot))
        wire.waiting[own_id] = Passing(asked, lane, index, sender, now)
        wire.asked_count += 1
        self.waiting_count += 1
        assert wire.outbox is not None
        sent = lane.question_of(question)
        if wire.outbox.add(own_id.to_bytes(2, "little"), address_of(sent), len(sent), sent):
            self._send(wire)
        return True

    def flush(self) -> None:
        for wire in self._wires.values():
            if wire.outbox is not None and wire.outbox.count:
                self._send(wire)

    def _send(self, wire: Wire) -> None:
        assert wire.outbox is not None
        if wire.outbox.flush():  # refused: nobody listens there
            self._fail(wire, list(wire.waiting))

    def wait(self) -> bool:
        """Until there is something to read; answers that came are sent on. Whether clients asked something."""
        ready = self._poll.poll(SWEEP_EVERY_S * 1000)
        asked = False
        for fd, _ in ready:
            if fd == self._listening:
                asked = True
            elif (wire := self._by_fd.get(fd)) is not None:
                self._receive(wire)
        now = time.monotonic()
        if now >= self._next_sweep_s:
            self._next_sweep_s = now + SWEEP_EVERY_S
            self._sweep(now)
        return asked

    def _receive(self, wire: Wire) -> None:
        inbox = self._inbox
        assert wire.sock is not None
        try:
            count = inbox.receive(wire.sock.fileno())
        except OSError as problem:
            if problem.errno not in {errno.EAGAIN, errno.EINTR}:
                self._fail(wire, list(wire.waiting))
            return
        now = time.monotonic()
        answers, waiting, add_tally = self._answers, wire.waiting, self._tally.add
        for slot in range(count):
            reply = inbox.packet(slot)
            if len(reply) < 12 or not reply[2] & 0x80:
                continue
            passing = waiting.pop(reply[0] | reply[1] << 8, None)
            if passing is None:
                continue
            self.waiting_count -= 1
            asked, lane, index, sender, began_s = passing
            body = lane.bring(reply, asked)
            if body is None:
                self._hand_back(passing, reply)
                continue
            if answers.add(sender.packet_id, address_of(body), len(body), body, sender.name, sender.control):
                answers.flush()
            add_tally(lane.observers(asked, sender.host, index), len(body) + 2, now - began_s)
        answers.flush()

    def _sweep(self, now: float) -> None:
        """Give up on what has waited too long."""
        for wire in list(self._wires.values()):
            late = [
                packet_id
                for packet_id, one in wire.waiting.items()
                if now - one.began_s > one.lane.forward.options.read_timeout_s
            ]
            if late:
                self._fail(wire, late)

    def _fail(self, wire: Wire, packet_ids: list[int]) -> None:
        suspected = False
        for packet_id in packet_ids:
            passing = wire.waiting.pop(packet_id, None)
            if passing is None:
                continue
            self.waiting_count -= 1
            if not suspected:
                passing.lane.forward.suspect_soon(passing.server_index)
                suspected = True
            self._hand_back(passing, b"")

    def _wire(self, lane: Lane, index: int) -> Wire:
        forward = lane.forward
        wire = self._wires[id(lane), index] = Wire(forward.targets[index], forward.options.expire_s)
        forward.relayed.append(wire)
        return wire

    def _renew(self, wire: Wire, now: float) -> bool:
        self._close(wire)
        try:
            sock = wire.open(now)
        except OSError:
            return False  # the handlers say what is wrong
        self._by_fd[sock.fileno()] = wire
        self._poll.register(sock.fileno(), select.POLLIN)
        return True

    def _close(self, wire: Wire) -> None:
        if wire.sock is not None:
            self._by_fd.pop(wire.sock.fileno(), None)
            with contextlib.suppress(KeyError):
                self._poll.unregister(wire.sock.fileno())
            wire.sock.close()
            wire.sock = None

    def _take_lanes(self, lanes: Lanes) -> None:
        """Another configuration: what is on its way under the old one goes through the handlers of the new."""
        old, self._wires, self._lanes = self._wires, {}, lanes
        for wire in old.values():
            self._fail(wire, list(wire.waiting))
            self._close(wire)

    def _next_id(self) -> int:
        if not self._ids:
            self._ids = list(memoryview(os.urandom(2 * _IDS_AT_A_TIME)).cast("H"))
        return self._ids.pop()

    def close(self) -> None:
        for wire in self._wires.values():
            self._close(wire)
        self._wires.clear()


__all__ = ["Passing", "Relay", "Sender"]
