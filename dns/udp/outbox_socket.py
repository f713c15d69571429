"""Datagrams sent and received many at a time, each with an ID of its own in front of bytes that lie elsewhere."""

from __future__ import annotations

import ctypes
import errno
import os
import socket

from dns.udp.socket import BATCH, clear_interface

MAX_REPLY_BYTES = 4096
_WORDS = 8
_NAME, _NAME_LENGTH, _IOV, _IOV_COUNT, _CONTROL, _CONTROL_LENGTH, _FLAGS, _LENGTH = range(_WORDS)
_NAME_BYTES, _CONTROL_BYTES = 28, 64


class Outbox:
    """What will be sent with the next `flush`. `named`: each to its own address; else the socket is connected."""

    def __init__(self, sock: socket.socket, *, named: bool = False, control: bool = False) -> None:
        self.count = 0
        self._fd = sock.fileno()
        self._with_control = control
        self._ids = ctypes.create_string_buffer(BATCH * 2)
        self._names = ctypes.create_string_buffer(BATCH * _NAME_BYTES)
        self._controls = ctypes.create_string_buffer(BATCH * _CONTROL_BYTES)
        self._iov = ctypes.create_string_buffer(BATCH * 32)
        self._headers = ctypes.create_string_buffer(BATCH * _WORDS * 8)
        self._id_view = memoryview(self._ids).cast("B")
        self._name_view = memoryview(self._names).cast("B")
        self._control_view = memoryview(self._controls).cast("B")
        self._iovs = memoryview(self._iov).cast("B").cast("Q")
        self._words = memoryview(self._headers).cast("B").cast("Q")
        self._keep: list[bytes] = []  # what the kernel reads from lives until it is sent
        ids, names = ctypes.addressof(self._ids), ctypes.addressof(self._names)
        iov, controls = ctypes.addressof(self._iov), ctypes.addressof(self._controls)
        for slot in range(BATCH):
            self._iovs[4 * slot] = ids + 2 * slot
            self._iovs[4 * slot + 1] = 2
            base = slot * _WORDS
            self._words[base + _NAME] = names + slot * _NAME_BYTES if named else 0
            self._words[base + _IOV] = iov + 32 * slot
            self._words[base + _IOV_COUNT] = 2
            self._words[base + _CONTROL] = controls + slot * _CONTROL_BYTES if control else 0
        libc = ctypes.CDLL(None, use_errno=True)
        self._sendmmsg = libc.sendmmsg
        self._sendmmsg.argtypes = (ctypes.c_int, ctypes.c_void_p, ctypes.c_uint, ctypes.c_int)
        self._address = ctypes.addressof(self._headers)

    def add(
        self,
        packet_id: bytes,
        address: int,
        length: int,
        owner: bytes,
        name: bytes = b"",
        control: bytes = b"",
    ) -> bool:
        """Put a datagram in; `owner` holds the bytes at `address`. True when the box is full: `flush` it."""
        slot = self.count
        self._id_view[2 * slot : 2 * slot + 2] = packet_id
        self._iovs[4 * slot + 2] = address
        self._iovs[4 * slot + 3] = length
        self._keep.append(owner)
        if name:
            start = slot * _NAME_BYTES
            self._name_view[start : start + len(name)] = name
            self._words[slot * _WORDS + _NAME_LENGTH] = len(name)
        if self._with_control:
            start = slot * _CONTROL_BYTES
            self._control_view[start : start + len(control)] = control
            self._words[slot * _WORDS + _CONTROL_LENGTH] = len(control)
            if control:
                clear_interface(self._control_view[start : start + len(control)])
        self.count = slot + 1
        return self.count == BATCH

    def flush(self) -> bool:
        """Send all. True when the other side refused one, which then is lost as others on their way may be."""
        first, count, refused = 0, self.count, False
        while count > 0:
            done: int = self._sendmmsg(self._fd, self._address + first * _WORDS * 8, count, 0)
            if done < 0:
                number = ctypes.get_errno()
                if number == errno.EINTR:
                    continue
                refused = refused or number == errno.ECONNREFUSED
                done = 1
            first += done
            count -= done
        self.count = 0
        self._keep.clear()
        return refused


class Inbox:
    """Room for the datagrams of one reading."""

    def __init__(self) -> None:
        self._packets = ctypes.create_string_buffer(BATCH * MAX_REPLY_BYTES)
        self._iov = ctypes.create_string_buffer(BATCH * 16)
        self._headers = ctypes.create_string_buffer(BATCH * _WORDS * 8)
        self._view = memoryview(self._packets).cast("B")
        self._words = memoryview(self._headers).cast("B").cast("Q")
        iovs = memoryview(self._iov).cast("B").cast("Q")
        for slot in range(BATCH):
            iovs[2 * slot] = ctypes.addressof(self._packets) + slot * MAX_REPLY_BYTES
            iovs[2 * slot + 1] = MAX_REPLY_BYTES
            self._words[slot * _WORDS + _IOV] = ctypes.addressof(self._iov) + 16 * slot
            self._words[slot * _WORDS + _IOV_COUNT] = 1
        libc = ctypes.CDLL(None, use_errno=True)
        self._recvmmsg = libc.recvmmsg
        self._recvmmsg.argtypes = (
            ctypes.c_int,
            ctypes.c_void_p,
            ctypes.c_uint,
            ctypes.c_int,
            ctypes.c_void_p,
        )
        self._address = ctypes.addressof(self._headers)

    def receive(self, fd: int) -> int:
        """How many came; does not wait. Raises OSError."""
        count: int = self._recvmmsg(fd, self._address, BATCH, socket.MSG_DONTWAIT, None)
        if count < 0:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number))
        return count

    def packet(self, slot: int) -> bytes:
        start = slot * MAX_REPLY_BYTES
        return bytes(self._view[start : start + (self._words[slot * _WORDS + _LENGTH] & 0xFFFFFFFF)])
