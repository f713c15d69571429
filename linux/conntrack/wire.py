"""Entries of the connection tracking table as values, and their netlink form (nfnetlink_conntrack.h)."""

from __future__ import annotations

import struct
from socket import AF_INET, AF_INET6, inet_ntop, inet_pton

from linux.netlink.codec import attr, attr_be16, attr_be32, attr_u8, attr_u32, nested, parse_attrs

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NamedTuple
else:
    from linux.records import NamedTuple

SUBSYSTEM = 1
CT_NEW, CT_GET, CT_DELETE = 0, 1, 2
TCP, UDP, SCTP = 6, 17, 132
STATUS_SEEN_REPLY = 0x2
STATUS_ASSURED = 0x4
STATUS_SOURCE_NAT = 0x10
STATUS_DESTINATION_NAT = 0x20

_HEADER_BYTES = 4
TCP_ENDED = frozenset({6, 7, 8})  # LAST_ACK, TIME_WAIT, CLOSE (nf_conntrack_tcp.h)

_TUPLE_ORIGINAL, _TUPLE_REPLY, _STATUS, _PROTOCOL_INFO, _ID, _ZONE, _FILTER, _STATUS_MASK = (
    1,
    2,
    3,
    4,
    12,
    18,
    25,
    26,
)
_FILTER_IP_DST, _FILTER_PROTOCOL, _FILTER_DST_PORT = 1 << 1, 1 << 3, 1 << 5


class Tuple(NamedTuple):
    """One direction of a connection; ports 0 where the protocol has none."""

    source: str
    destination: str
    protocol: int
    source_port: int = 0
    destination_port: int = 0


class Entry(NamedTuple):
    """`reply` is what answers look like: its source is the endpoint that a translation chose.

    `tcp_state` is connection tracking's (nf_conntrack_tcp.h), 0 for other protocols.
    """

    original: Tuple
    reply: Tuple
    status: int = 0
    id: int = 0
    zone: int = 0
    tcp_state: int = 0

    @property
    def has_ended(self) -> bool:
        """Kept only for what may still be on its way."""
        return self.tcp_state in TCP_ENDED


class Filter(NamedTuple):
    """What the kernel leaves out of a dump (5.8); None: anything. The caller checks again.

    `without_status`: bits of which an entry has none (5.14).
    """

    protocol: int | None = None
    destination: str | None = None
    destination_port: int | None = None
    without_status: int = 0


def header(family: int) -> bytes:
    return struct.pack(">BBH", family, 0, 0)


def message_type(kind: int) -> int:
    return SUBSYSTEM << 8 | kind


def _address(kind4: int, kind6: int, ip: str) -> bytes:
    return attr(kind6, inet_pton(AF_INET6, ip)) if ":" in ip else attr(kind4, inet_pton(AF_INET, ip))


def encode_tuple(kind: int, item: Tuple) -> bytes:
    addresses = _address(1, 3, item.source) + _address(2, 4, item.destination)
    ports = attr_be16(2, item.source_port) + attr_be16(3, item.destination_port)
    return nested(kind, nested(1, addresses), nested(2, attr_u8(1, item.protocol), ports))


def encode_filter(wanted: Filter) -> bytes:
    """The attributes of a dump request."""
    status = b""
    if wanted.without_status:
        status = attr_be32(_STATUS, 0) + attr_be32(_STATUS_MASK, wanted.without_status)
    if wanted._replace(without_status=0) == Filter():
        return status
    flags, address, ports = 0, b"", b""
    if wanted.destination is not None:
        flags |= _FILTER_IP_DST
        address = nested(1, _address(2, 4, wanted.destination))
    if wanted.protocol is not None:
        flags |= _FILTER_PROTOCOL
        ports += attr_u8(1, wanted.protocol)
    if wanted.destination_port is not None:
        flags |= _FILTER_DST_PORT
        ports += attr_be16(3, wanted.destination_port)
    chosen = nested(_FILTER, attr_u32(1, flags), attr_u32(2, 0))
    return nested(_TUPLE_ORIGINAL, address, nested(2, ports) if ports else b"") + chosen + status


def encode_reference(entry: Entry) -> bytes:
    """Attributes that name exactly this entry; a later one between the same ends has another id."""
    zone = attr_be16(_ZONE, entry.zone) if entry.zone else b""
    identity = attr_be32(_ID, entry.id) if entry.id else b""
    return encode_tuple(_TUPLE_ORIGINAL, entry.original) + zone + identity


def _parse_tuple(data: bytes) -> Tuple:
    parts = parse_attrs(data)
    addresses, ports = parse_attrs(parts.get(1, b"")), parse_attrs(parts.get(2, b""))
    if 3 in addresses:
        source, destination = (inet_ntop(AF_INET6, addresses[kind]) for kind in (3, 4))
    else:
        source, destination = (inet_ntop(AF_INET, addresses.get(kind, bytes(4))) for kind in (1, 2))
    return Tuple(
        source,
        destination,
        ports.get(1, b"\0")[0],
        int.from_bytes(ports.get(2, b"\0"), "big"),
        int.from_bytes(ports.get(3, b"\0"), "big"),
    )


def parse_entry(payload: bytes) -> Entry:
    parts = parse_attrs(payload, _HEADER_BYTES)
    return Entry(
        _parse_tuple(parts.get(_TUPLE_ORIGINAL, b"")),
        _parse_tuple(parts.get(_TUPLE_REPLY, b"")),
        int.from_bytes(parts.get(_STATUS, b"\0"), "big"),
        int.from_bytes(parts.get(_ID, b"\0"), "big"),
        int.from_bytes(parts.get(_ZONE, b"\0"), "big"),
        parse_attrs(parse_attrs(parts.get(_PROTOCOL_INFO, b"")).get(1, b"")).get(1, b"\0")[0],
    )


def encode_entry(entry: Entry, *, timeout_s: int) -> bytes:
    """Attributes that make an entry (tests make stale ones with it)."""
    return (
        encode_tuple(_TUPLE_ORIGINAL, entry.original)
        + encode_tuple(_TUPLE_REPLY, entry.reply)
        + (attr_be32(_STATUS, entry.status) if entry.status else b"")
        + attr_be32(7, timeout_s)
    )
