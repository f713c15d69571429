"""A blocking netlink socket: requests, dumps, batches.

It stays bound to the network namespace it was opened in, whatever its thread does later.
Uses the C half of the socket module: the Python half costs a CNI plugin 5 ms at start.
"""

from __future__ import annotations

import os
from _socket import AF_NETLINK, SOCK_CLOEXEC, SOCK_RAW, SOL_SOCKET, socket
from errno import EEXIST, EINTR, ENOENT

from linux.netlink.codec import (
    NLM_F_ACK,
    NLM_F_DUMP,
    NLM_F_DUMP_INTR,
    NLM_F_REQUEST,
    NLMSG_DONE,
    NLMSG_ERROR,
    NLMSG_NOOP,
    Message,
    iter_messages,
    pack_message,
    parse_error,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from types import TracebackType
    from typing import Self

NETLINK_ROUTE = 0
NETLINK_NETFILTER = 12
NETLINK_GENERIC = 16

_SOL_NETLINK = 270
_ADD_MEMBERSHIP = 1
_CAP_ACK = 10
_EXT_ACK = 11
_GET_STRICT_CHK = 12
_SO_RCVBUF = 8
_SO_RCVBUFFORCE = 33

_DATAGRAM_BYTES = 1 << 16  # the kernel builds dump answers of at most 32 KiB
_BATCH_BYTES = 1 << 16
_BATCH_MESSAGES = 512
_DUMP_TRIES = 10


class NetlinkError(OSError):
    """The kernel refused a request: `errno` is set, the message has its own words where it gave any."""

    def __init__(self, errno: int, detail: str = "", offset: int | None = None) -> None:
        text = os.strerror(errno)
        super().__init__(errno, f"{text}: {detail}" if detail else text)
        self.detail = detail
        self.offset = offset

    @property
    def exists(self) -> bool:
        return self.errno == EEXIST

    @property
    def missing(self) -> bool:
        return self.errno == ENOENT


class Closing:
    """Closes itself at the end of its with-block."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        raise NotImplementedError


class NetlinkSocket(Closing):
    """One socket of one protocol, for one thread at a time."""

    def __init__(self, protocol: int, *, groups: Iterable[int] = (), rcvbuf_bytes: int = 4 << 20) -> None:
        self._socket = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, protocol)
        self._buffer = bytearray(_DATAGRAM_BYTES)
        self._view = memoryview(self._buffer)
        self._seq = 0
        try:
            self._configure(protocol, groups, rcvbuf_bytes)
        except BaseException:
            self._socket.close()
            raise

    def _configure(self, protocol: int, groups: Iterable[int], rcvbuf_bytes: int) -> None:
        for option in (_CAP_ACK, _EXT_ACK, *((_GET_STRICT_CHK,) if protocol == NETLINK_ROUTE else ())):
            try:
                self._socket.setsockopt(_SOL_NETLINK, option, 1)
            except OSError:
                continue  # kernels before 4.12 (and 4.20, strict checks): less detail, same meaning
        try:
            self._socket.setsockopt(SOL_SOCKET, _SO_RCVBUFFORCE, rcvbuf_bytes)
        except PermissionError:
            self._socket.setsockopt(SOL_SOCKET, _SO_RCVBUF, rcvbuf_bytes)
        self._socket.bind((0, 0))
        for group in groups:
            self._socket.setsockopt(_SOL_NETLINK, _ADD_MEMBERSHIP, group)

    def close(self) -> None:
        self._socket.close()

    def fileno(self) -> int:
        return self._socket.fileno()

    @property
    def port_id(self) -> int:
        """The kernel's name for this socket, found in what it notifies others of."""
        return int(self._socket.getsockname()[0])

    def next_seq(self) -> int:
        self._seq = (self._seq + 1) & 0x7FFFFFFF or 1
        return self._seq

    def request(self, msg_type: int, payload: bytes, flags: int = 0) -> list[Message]:
        """The answers to one acknowledged request, the acknowledgement excluded.

        With NLM_F_DUMP the whole dump, done again while the kernel says that it changed meanwhile.
        """
        if flags & NLM_F_DUMP == NLM_F_DUMP:
            return self._dump(msg_type, payload, flags)
        seq = self.next_seq()
        self.send_raw(pack_message(msg_type, flags | NLM_F_REQUEST | NLM_F_ACK, seq, payload))
        answers: list[Message] = []
        while True:
            for message in self._receive(seq):
                if message.type == NLMSG_ERROR:
                    _raise_if_refused(message)
                    return answers
                answers.append(message)

    def _dump(self, msg_type: int, payload: bytes, flags: int) -> list[Message]:
        for _ in range(_DUMP_TRIES):
            seq = self.next_seq()
            self.send_raw(pack_message(msg_type, flags | NLM_F_REQUEST, seq, payload))
            answers, consistent = self._collect_dump(seq)
            if consistent:
                return answers
        raise NetlinkError(EINTR, f"a dump changed while it was read, {_DUMP_TRIES} times")

    def _collect_dump(self, seq: int) -> tuple[list[Message], bool]:
        answers: list[Message] = []
        consistent = True
        while True:
            for message in self._receive(seq):
                consistent = consistent and not message.flags & NLM_F_DUMP_INTR
                if message.type in (NLMSG_ERROR, NLMSG_DONE):
                    _raise_if_refused(message)
                    return answers, consistent
                answers.append(message)

    def batch(self, messages: Sequence[tuple[int, int, bytes]]) -> list[NetlinkError | None]:
        """Do many (type, flags, payload) requests in few system calls; one result each, in order.

        A refused request does not stop those after it.
        """
        results: list[NetlinkError | None] = []
        packed: list[bytes] = []
        size_bytes, first_seq = 0, self._seq + 1
        for msg_type, flags, payload in messages:
            if self._seq >= 0x7FFFFFFF or len(packed) >= _BATCH_MESSAGES or size_bytes >= _BATCH_BYTES:
                results += self._send_batch(packed, first_seq)
                packed, size_bytes, first_seq = [], 0, self.next_seq()
                self._seq -= 1
            data = pack_message(msg_type, flags | NLM_F_REQUEST | NLM_F_ACK, self.next_seq(), payload)
            packed.append(data)
            size_bytes += len(data)
        return results + (self._send_batch(packed, first_seq) if packed else [])

    def _send_batch(self, packed: list[bytes], first_seq: int) -> list[NetlinkError | None]:
        self.send_raw(b"".join(packed))
        results: list[NetlinkError | None] = [None] * len(packed)
        waiting = len(packed)
        while waiting:
            for message in iter_messages(self.recv_raw()):
                place = message.seq - first_seq
                if message.type != NLMSG_ERROR or not 0 <= place < len(packed):
                    continue
                waiting -= 1
                error = parse_error(message)
                if error.errno:
                    results[place] = NetlinkError(error.errno, error.text, error.offset)
        return results

    def _receive(self, seq: int) -> list[Message]:
        """Messages of one datagram that answer request seq; what an interrupted request left is dropped."""
        return [m for m in iter_messages(self.recv_raw()) if m.seq == seq and m.type != NLMSG_NOOP]

    def send_raw(self, data: bytes) -> None:
        self._socket.sendall(data)

    def recv_raw(self) -> bytes:
        """One datagram. OSError ENOBUFS: the kernel dropped messages since the last one."""
        return bytes(self._view[: self._socket.recv_into(self._buffer)])

    def set_option(self, level: int, option: int, value: bytes) -> None:
        """setsockopt(2)."""
        self._socket.setsockopt(level, option, value)

    def set_timeout(self, timeout_s: float | None) -> None:
        """None waits for ever, 0 never waits (BlockingIOError)."""
        self._socket.settimeout(timeout_s)


def _raise_if_refused(message: Message) -> None:
    error = parse_error(message)
    if error.errno:
        raise NetlinkError(error.errno, error.text, error.offset)
