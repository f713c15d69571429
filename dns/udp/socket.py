"""Batches of datagrams by recvmmsg(2) and sendmmsg(2), without copying prepared answers.

The memory of both calls is laid out once; replies point into the answers' own bytes, behind the question's ID.
"""

from __future__ import annotations

import ctypes
import errno
import os
import socket
import struct
import sys

from dns.bound_socket import unbound

BATCH = 32
MAX_QUERY_BYTES = 4096
MSG_WAITFORONE = 0x10000
RECEIVE_BUFFER_BYTES = 4 << 20
_SO_RCVBUFFORCE = 33
_IP_PKTINFO, _IPV6_RECVPKTINFO, _IPV6_PKTINFO = 8, 49, 50

_NAME_BYTES = 28
_MAPPED = b"\0" * 10 + b"\xff\xff"  # in front of an IPv4 address in IPv6 form
_CONTROL_BYTES = 64
# struct mmsghdr on 64-bit Linux, in 8-byte words: name, namelen, iov, iovlen, control, controllen, flags, length.
_WORDS = 8
_NAME, _NAME_LENGTH, _IOV, _IOV_COUNT, _CONTROL, _CONTROL_LENGTH, _FLAGS, _LENGTH = range(_WORDS)

HAS_MMSG = struct.calcsize("P") == 8 and sys.byteorder == "little" and sys.platform == "linux"


def open_udp(host: str, port: int, *, reuse_port: bool = True) -> socket.socket:
    """A bound socket. An empty host means every address, IPv4 and IPv6 alike where the system has both."""
    sock, host = unbound(host, socket.SOCK_DGRAM)
    try:
        if reuse_port:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        _enlarge(sock)
        sock.bind((host, port))
        if is_wildcard(sock):
            _ask_destination(sock)
    except OSError:
        sock.close()
        raise
    return sock


def is_wildcard(sock: socket.socket) -> bool:
    return sock.getsockname()[0] in {"0.0.0.0", "::"}


def _enlarge(sock: socket.socket) -> None:
    """Room for bursts. Past the system's limit only with CAP_NET_ADMIN."""
    try:
        sock.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, RECEIVE_BUFFER_BYTES)
    except OSError:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER_BYTES)


def _ask_destination(sock: socket.socket) -> None:
    """Have the kernel say which address each query was sent to: the answer must come from there."""
    if sock.family == socket.AF_INET6:  # IPv4 packets are told about in IPv6 form
        sock.setsockopt(socket.IPPROTO_IPV6, _IPV6_RECVPKTINFO, 1)
    else:
        sock.setsockopt(socket.IPPROTO_IP, _IP_PKTINFO, 1)


class Batch:
    """The buffers of one socket's loop. Slot i of the replies answers slot i of what was received."""

    def __init__(self, sock: socket.socket) -> None:
        self._fd = sock.fileno()
        self._family = sock.family
        self.with_control = is_wildcard(sock)
        self.packets = ctypes.create_string_buffer(BATCH * MAX_QUERY_BYTES)
        self._names = ctypes.create_string_buffer(BATCH * _NAME_BYTES)
        self._controls = ctypes.create_string_buffer(BATCH * _CONTROL_BYTES)
        self._in_iov = ctypes.create_string_buffer(BATCH * 16)
        self._out_iov = ctypes.create_string_buffer(BATCH * 32)
        self._in = ctypes.create_string_buffer(BATCH * _WORDS * 8)
        self._out = ctypes.create_string_buffer(BATCH * _WORDS * 8)
        self.view = memoryview(self.packets).cast("B")
        self._name_view = memoryview(self._names).cast("B")
        self._control_view = memoryview(self._controls).cast("B")
        self.received = memoryview(self._in).cast("B").cast("Q")
        self.sent = memoryview(self._out).cast("B").cast("Q")
        self.reply = memoryview(self._out_iov).cast("B").cast("Q")
        self._lay_out()
        libc = ctypes.CDLL(None, use_errno=True)
        self._recvmmsg = libc.recvmmsg
        self._recvmmsg.argtypes = (
            ctypes.c_int,
            ctypes.c_void_p,
            ctypes.c_uint,
            ctypes.c_int,
            ctypes.c_void_p,
        )
        self._sendmmsg = libc.sendmmsg
        self._sendmmsg.argtypes = (ctypes.c_int, ctypes.c_void_p, ctypes.c_uint, ctypes.c_int)
        self._in_address = ctypes.addressof(self._in)
        self._out_address = ctypes.addressof(self._out)

    def _lay_out(self) -> None:
        packets, names = ctypes.addressof(self.packets), ctypes.addressof(self._names)
        controls = ctypes.addressof(self._controls)
        in_iov, out_iov = ctypes.addressof(self._in_iov), ctypes.addressof(self._out_iov)
        in_iovs = memoryview(self._in_iov).cast("B").cast("Q")
        for slot in range(BATCH):
            in_iovs[2 * slot] = packets + slot * MAX_QUERY_BYTES
            in_iovs[2 * slot + 1] = MAX_QUERY_BYTES
            # The reply's first two bytes are the question's own ID.
            self.reply[4 * slot] = packets + slot * MAX_QUERY_BYTES
            self.reply[4 * slot + 1] = 2
            for headers, iov, count in (
                (self.received, in_iov + 16 * slot, 1),
                (self.sent, out_iov + 32 * slot, 2),
            ):
                base = slot * _WORDS
                headers[base + _NAME] = names + slot * _NAME_BYTES
                headers[base + _NAME_LENGTH] = _NAME_BYTES if self._family == socket.AF_INET6 else 16
                headers[base + _IOV] = iov
                headers[base + _IOV_COUNT] = count
                headers[base + _CONTROL] = controls + slot * _CONTROL_BYTES if self.with_control else 0
                headers[base + _CONTROL_LENGTH] = _CONTROL_BYTES if self.with_control else 0

    def receive(self, *, wait: bool = True) -> int:
        """How many packets came; waits for the first. 0 when the socket was shut down. Raises OSError."""
        if self.with_control:
            for slot in range(BATCH):
                self.received[slot * _WORDS + _CONTROL_LENGTH] = _CONTROL_BYTES
        count: int = self._recvmmsg(
            self._fd, self._in_address, BATCH, MSG_WAITFORONE if wait else socket.MSG_DONTWAIT, None
        )
        if count < 0:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number))
        return count

    def send(self, first: int, count: int) -> None:
        """Send the replies of these slots. One that the kernel refuses is passed over."""
        if self.with_control:
            for slot in range(first, first + count):
                self._from_destination(slot)
        while count > 0:
            done: int = self._sendmmsg(self._fd, self._out_address + first * _WORDS * 8, count, 0)
            if done < 0:
                if ctypes.get_errno() == errno.EINTR:
                    continue
                done = 1
            first += done
            count -= done

    def _from_destination(self, slot: int) -> None:
        """Answer from the address asked, by whatever interface routing says."""
        length = self.received[slot * _WORDS + _CONTROL_LENGTH]
        self.sent[slot * _WORDS + _CONTROL_LENGTH] = length
        if length:
            clear_interface(self._control_view[slot * _CONTROL_BYTES :][:length])

    def client(self, slot: int) -> tuple[str, int]:
        """Address and port of the sender."""
        raw = bytes(self._name_view[slot * _NAME_BYTES : (slot + 1) * _NAME_BYTES])
        port = int.from_bytes(raw[2:4], "big")
        if self._family == socket.AF_INET:
            return socket.inet_ntop(socket.AF_INET, raw[4:8]), port
        if raw[8:20] == _MAPPED:
            return socket.inet_ntop(socket.AF_INET, raw[20:24]), port
        return socket.inet_ntop(socket.AF_INET6, raw[8:24]), port

    def is_ipv6(self, slot: int) -> bool:
        """Whether the sender on an IPv6 socket is no IPv4 address in IPv6 form."""
        start = slot * _NAME_BYTES
        return self._name_view[start + 8 : start + 20] != _MAPPED

    def raw_name(self, slot: int) -> bytes:
        return bytes(self._name_view[slot * _NAME_BYTES : (slot + 1) * _NAME_BYTES])

    def control(self, slot: int) -> bytes:
        if not self.with_control:
            return b""
        start = slot * _CONTROL_BYTES
        return bytes(self._control_view[start : start + self.received[slot * _WORDS + _CONTROL_LENGTH]])


def clear_interface(control: memoryview) -> None:
    """Set the interface index of a pktinfo message to 0, so that it does not bind the answer to an interface."""
    level, kind = struct.unpack_from("=ii", control, 8)
    if (level, kind) == (socket.IPPROTO_IP, _IP_PKTINFO):
        control[16:20] = b"\0\0\0\0"
    elif (level, kind) == (socket.IPPROTO_IPV6, _IPV6_PKTINFO):
        control[32:36] = b"\0\0\0\0"


def ancillary(control: bytes) -> list[tuple[int, int, bytes]]:
    """A received control message as sendmsg takes it."""
    if len(control) < 16:
        return []
    data = bytearray(control)
    clear_interface(memoryview(data))
    length, level, kind = struct.unpack_from("=Qii", data)
    return [(level, kind, bytes(data[16:length]))]


def destination(control: bytes) -> str:
    """The address a query was sent to, of its control message; "" when it does not say."""
    if len(control) < 16:
        return ""
    level, kind = struct.unpack_from("=ii", control, 8)
    if (level, kind) == (socket.IPPROTO_IP, _IP_PKTINFO):
        return socket.inet_ntop(socket.AF_INET, control[24:28])
    if (level, kind) == (socket.IPPROTO_IPV6, _IPV6_PKTINFO):
        return socket.inet_ntop(socket.AF_INET6, control[16:32]).removeprefix("::ffff:")
    return ""


def client_address(raw: bytes, family: int) -> tuple[str, int] | tuple[str, int, int, int]:
    """A sockaddr as Python's sendto takes it."""
    port = int.from_bytes(raw[2:4], "big")
    if family == socket.AF_INET:
        return socket.inet_ntop(socket.AF_INET, raw[4:8]), port
    flow, scope = int.from_bytes(raw[4:8], "big"), int.from_bytes(raw[24:28], sys.byteorder)
    return socket.inet_ntop(socket.AF_INET6, raw[8:24]), port, flow, scope
