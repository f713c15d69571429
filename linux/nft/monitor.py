"""Who else changes our tables: notifications of NFNLGRP_NFTABLES."""

from __future__ import annotations

import struct
from _socket import SOL_SOCKET
from errno import EAGAIN, ENOBUFS

from linux.netlink.codec import HEADER, parse_attrs, text
from linux.netlink.socket import NETLINK_NETFILTER, NetlinkSocket
from linux.nft import constants as k
from linux.nft import wire
from linux.nft.socket import set_option

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NamedTuple
else:
    from linux.records import NamedTuple

_SOL_NETLINK = 270
_ADD_MEMBERSHIP = 1
_SO_ATTACH_FILTER = 26
_LOAD_WORD, _JUMP_EQUAL, _RETURN = 0x20, 0x15, 0x06
_PORT_OFFSET = 12  # of nlmsghdr.nlmsg_pid


class Change(NamedTuple):
    """Somebody else's commit; `tables` are the (family, name) that it touched, `lost` that some were not heard."""

    tables: frozenset[tuple[int, str]]
    process_id: int = 0
    process_name: str = ""
    lost: bool = False


class Monitor:
    """Hears of every commit in the namespace except those of the sockets named."""

    def __init__(self, ignored_ports: tuple[int, ...]) -> None:
        self._socket = NetlinkSocket(NETLINK_NETFILTER)
        self._ignored = frozenset(ignored_ports)
        if len(ignored_ports) == 1:
            self._filter_in_kernel(ignored_ports[0])
        set_option(self._socket, _SOL_NETLINK, _ADD_MEMBERSHIP, k.GROUP)
        self._socket.set_timeout(0)

    def _filter_in_kernel(self, port: int) -> None:
        """Own notifications of a full load would overrun the socket: drop them before they are queued."""
        import ctypes

        # A classic filter reads in network order, nlmsg_pid is in host order.
        swapped = struct.unpack(">I", struct.pack("=I", port))[0]
        program = b"".join(
            struct.pack("=HBBI", *step)
            for step in (
                (_LOAD_WORD, 0, 0, _PORT_OFFSET),
                (_JUMP_EQUAL, 0, 1, swapped),
                (_RETURN, 0, 0, 0),
                (_RETURN, 0, 0, 0xFFFFFFFF),
            )
        )
        buffer = ctypes.create_string_buffer(program, len(program))
        header = struct.pack("HxxxxxxP", len(program) // 8, ctypes.addressof(buffer))
        set_option(self._socket, SOL_SOCKET, _SO_ATTACH_FILTER, header)

    def close(self) -> None:
        self._socket.close()

    def fileno(self) -> int:
        """Readable when there is a change to read."""
        return self._socket.fileno()

    def read(self) -> Change | None:
        """Everything heard until now, as one; None when it was nothing."""
        tables: set[tuple[int, str]] = set()
        process_id, process_name, lost, heard = 0, "", False, False
        while True:
            try:
                data = self._socket.recv_raw()
            except OSError as error:
                if error.errno == EAGAIN:
                    break
                if error.errno != ENOBUFS:
                    raise
                lost = heard = True
                continue
            for kind, family, name, payload in self._foreign(data):
                heard = True
                if kind == k.NEWGEN:
                    generation = wire.parse_generation(payload)
                    process_id, process_name = generation.process_id, generation.process_name
                else:
                    tables.add((family, name))
        return Change(frozenset(tables), process_id, process_name, lost) if heard else None

    def _foreign(self, data: bytes) -> list[tuple[int, int, str, bytes]]:
        found = []
        offset = 0
        while offset + 16 <= len(data):
            length, kind, _, _, port = HEADER.unpack_from(data, offset)
            if length < 16:
                break
            if port not in self._ignored and kind >> 8 == k.SUBSYSTEM:
                payload = bytes(data[offset + 16 : offset + length])
                name = (
                    text(parse_attrs(payload, wire.HEADER_BYTES).get(1, b""))
                    if kind & 0xFF != k.NEWGEN
                    else ""
                )
                found.append((kind & 0xFF, payload[0], name, payload))
            offset += (length + 3) & ~3
        return found
