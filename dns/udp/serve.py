"""The loop that answers datagrams: one thread a socket, prepared answers first."""

from __future__ import annotations

import contextlib
import errno
import socket
import time
from collections.abc import Callable
from threading import Thread

from dns.answering.memo import Entry, address_of
from dns.answering.responder import Responder
from dns.udp.relay_socket import Passing, Relay
from dns.udp.socket import (
    HAS_MMSG,
    MAX_QUERY_BYTES,
    Batch,
    ancillary,
    client_address,
    destination,
)


class UdpServer:
    """Answers on one socket until `stop`."""

    def __init__(self, sock: socket.socket, responder: Responder, log: Callable[[str, str], None]) -> None:
        self._sock = sock
        self._responder = responder
        self._log = log
        self._stopping = False
        name = f"udp {sock.getsockname()[0]}:{sock.getsockname()[1]}"
        self._thread = Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """End the loop. Queries already in the socket's buffer are answered first."""
        self._stopping = True
        with contextlib.suppress(OSError):
            self._sock.shutdown(socket.SHUT_RD)  # wakes the thread, also on a socket without a peer
        if self._thread.ident is not None:  # not where the rest of a configuration could not be taken
            self._thread.join(2.0)
        self._sock.close()

    def _run(self) -> None:
        loop = self._batches if HAS_MMSG else self._singles
        while True:
            try:
                loop()
                return
            except OSError as problem:
                if problem.errno == errno.EBADF:
                    return
                if problem.errno not in {errno.EINTR, errno.EAGAIN, errno.ECONNREFUSED}:
                    self._log("error", f"udp: {problem.strerror}")
                    time.sleep(0.05)

    def _batches(self) -> None:
        """The hot loop. Memory views and bound methods are local: this is where the time goes."""
        batch = Batch(self._sock)
        responder = self._responder
        relay = Relay(self._sock, responder.tally, self._handed_back, control=batch.with_control)
        try:
            self._answer(batch, relay)
        finally:
            relay.close()

    def _answer(self, batch: Batch, relay: Relay) -> None:
        responder, memo = self._responder, self._responder.memo
        view, received, reply = batch.view, batch.received, batch.reply
        monotonic = time.monotonic
        find = memo.lasting.get
        short_answer = responder.short_answer
        dual = self._sock.family == socket.AF_INET6
        alive: list[Entry | bytes] = []  # what replies point into must live until they are sent
        keep = alive.append
        while True:
            if relay.waiting_count:
                if not relay.wait():
                    continue
                try:
                    count = batch.receive(wait=False)
                except BlockingIOError:
                    continue
            else:
                count = batch.receive()
            if self._stopping and not received[8 * (count - 1) + 7] & 0xFFFFFFFF:
                return  # a socket that was shut down gives empty datagrams once its buffer is drained
            now = monotonic()
            memo.tick(int(now))
            passing = memo.passing
            lanes = responder.router.lanes
            first = 0
            for slot in range(count):
                start = slot * MAX_QUERY_BYTES
                question = bytes(view[start + 2 : start + (received[8 * slot + 7] & 0xFFFFFFFF)])
                entry = find(question) or (passing.get(question) if passing else None)
                if entry is not None:
                    entry.hits += 1
                    if entry.single:
                        reply[4 * slot + 2] = entry.address
                        reply[4 * slot + 3] = entry.length
                    else:
                        turn = entry.hits % len(entry.lengths)
                        reply[4 * slot + 2] = entry.addresses[turn]
                        reply[4 * slot + 3] = entry.lengths[turn]
                    keep(entry)
                    continue
                head = bytes(view[start : start + 2])
                answer = short_answer(head, question, from_ipv6=dual and batch.is_ipv6(slot))
                if answer is not None:
                    pass
                elif lanes is not None and relay.ask(lanes, question, head, batch, slot, now):
                    answer = None
                else:
                    answer = self._slow(responder, batch, slot, head + question)
                if answer is None:
                    if slot > first:
                        batch.send(first, slot - first)
                    first = slot + 1
                    continue
                keep(answer)
                reply[4 * slot + 2] = address_of(answer) + 2
                reply[4 * slot + 3] = len(answer) - 2
            if count > first:
                batch.send(first, count - first)
            alive.clear()
            if relay.waiting_count:
                relay.flush()

    def _handed_back(self, passing: Passing, reply: bytes) -> None:
        """A relayed question that the handlers have to answer after all."""
        sender, sock = passing.sender, self._sock

        def send(answer: bytes) -> None:
            with contextlib.suppress(OSError):
                address = client_address(sender.name, sock.family)
                sock.sendmsg([answer], ancillary(sender.control), 0, address)

        packet = sender.packet_id + passing.asked.question
        where = destination(sender.control)
        asked = passing.server_index, reply
        answer = self._responder.respond(packet, sender.host, sender.port, send, where, reply=asked)
        if answer is not None:
            send(answer)

    def _slow(self, responder: Responder, batch: Batch, slot: int, packet: bytes) -> bytes | None:
        host, port = batch.client(slot)
        sock, control = self._sock, batch.control(slot)
        raw = batch.raw_name(slot)

        def send(answer: bytes) -> None:
            with contextlib.suppress(OSError):
                sock.sendmsg([answer], ancillary(control), 0, client_address(raw, sock.family))

        return responder.respond(packet, host, port, send, destination(control))

    def _singles(self) -> None:
        """The same with one datagram at a time, where the batch calls are missing."""
        responder, memo, sock = self._responder, self._responder.memo, self._sock
        while True:
            packet, controls, _, client = sock.recvmsg(MAX_QUERY_BYTES, 128)
            if self._stopping and not packet:
                return
            memo.tick(int(time.monotonic()))
            entry = memo.lasting.get(packet[2:]) or memo.passing.get(packet[2:])
            if entry is not None:
                entry.hits += 1
                answer: bytes | None = packet[:2] + entry.variants[entry.hits % len(entry.variants)][2:]
            else:

                def send(
                    late: bytes, controls: list[tuple[int, int, bytes]] = controls, client: object = client
                ) -> None:
                    with contextlib.suppress(OSError):
                        sock.sendmsg([late], controls, 0, client)  # type: ignore[arg-type]

                host = client[0].removeprefix("::ffff:")
                answer = responder.respond(packet, host, client[1], send)
            if answer is not None:
                with contextlib.suppress(OSError):
                    sock.sendmsg([answer], controls, 0, client)
