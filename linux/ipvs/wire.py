"""Virtual and real servers as values, and their netlink form (include/uapi/linux/ip_vs.h). Pure."""

from __future__ import annotations

import struct
from socket import AF_INET, AF_INET6, inet_ntop, inet_pton

from linux.netlink.codec import attr, attr_be16, attr_str, attr_u16, attr_u32, nested, parse_attrs
from linux.netlink.generic import HEADER_BYTES, header

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NamedTuple
else:
    from linux.records import NamedTuple

FAMILY_NAME = "IPVS"
NEW_SERVICE, SET_SERVICE, DELETE_SERVICE, GET_SERVICE = 1, 2, 3, 4
NEW_DEST, SET_DEST, DELETE_DEST, GET_DEST, SET_CONFIG = 5, 6, 7, 8, 12

PERSISTENT = 0x1
SOURCE_PORT = 0x10  # of the schedulers sh and mh: the client's port counts, too

_SERVICE, _DEST, _TIMEOUT_TCP, _TIMEOUT_TCP_FIN, _TIMEOUT_UDP = 1, 2, 4, 5, 6
_AF, _PROTOCOL, _ADDRESS, _PORT, _FWMARK, _SCHEDULER, _FLAGS, _TIMEOUT, _NETMASK = range(1, 10)
_D_ADDRESS, _D_PORT, _D_METHOD, _D_WEIGHT, _D_UPPER, _D_LOWER, _D_ACTIVE, _D_INACTIVE = range(1, 9)
_D_FAMILY = 11
_MASQUERADING = 0  # IP_VS_CONN_F_MASQ
_OUR_FLAGS = PERSISTENT | SOURCE_PORT  # the kernel adds its own
_ONE_ADDRESS: dict[int, int] = {AF_INET: 0xFFFFFFFF, AF_INET6: 128}  # of IPv4 a mask, of IPv6 a length
_IP_BYTES: dict[int, int] = {AF_INET: 4, AF_INET6: 16}


class ServiceKey(NamedTuple):
    """Where one virtual server is reached; `protocol` is IANA's number."""

    ip: str
    protocol: int
    port: int


class Service(NamedTuple):
    """`timeout_s` counts with PERSISTENT: how long a client stays with its real server."""

    key: ServiceKey
    scheduler: str
    flags: int = 0
    timeout_s: int = 0


class Destination(NamedTuple):
    """A real server, reached by masquerading. Connections: those open, and those that are closing or new."""

    ip: str
    port: int
    weight: int
    active: int = 0
    inactive: int = 0


def family_of(ip: str) -> int:
    return AF_INET6 if ":" in ip else AF_INET


def service_request(command: int, key: ServiceKey) -> bytes:
    """Of a command that names a virtual server: its removal, or the dump of its real servers."""
    return header(command) + nested(_SERVICE, *_key(key))


def service_payload(command: int, service: Service) -> bytes:
    """NEW_SERVICE, SET_SERVICE."""
    return header(command) + nested(
        _SERVICE,
        *_key(service.key),
        attr_str(_SCHEDULER, service.scheduler),
        attr(_FLAGS, struct.pack("=II", service.flags, _OUR_FLAGS)),
        attr_u32(_TIMEOUT, service.timeout_s),
        attr_u32(_NETMASK, _ONE_ADDRESS[family_of(service.key.ip)]),
    )


def destination_payload(command: int, key: ServiceKey, destination: Destination) -> bytes:
    """NEW_DEST, SET_DEST, DELETE_DEST."""
    return (
        header(command)
        + nested(_SERVICE, *_key(key))
        + nested(
            _DEST,
            attr(_D_ADDRESS, _union(destination.ip)),
            attr_be16(_D_PORT, destination.port),
            attr_u32(_D_METHOD, _MASQUERADING),
            attr_u32(_D_WEIGHT, destination.weight),
            attr_u32(_D_UPPER, 0),
            attr_u32(_D_LOWER, 0),
        )
    )


def services_request() -> bytes:
    return header(GET_SERVICE)


def timeouts_payload(tcp_s: int, tcp_fin_s: int, udp_s: int) -> bytes:
    """0 leaves one as it is."""
    named = ((_TIMEOUT_TCP, tcp_s), (_TIMEOUT_TCP_FIN, tcp_fin_s), (_TIMEOUT_UDP, udp_s))
    return header(SET_CONFIG) + b"".join(attr_u32(kind, seconds) for kind, seconds in named)


def parse_service(payload: bytes) -> Service | None:
    """None: one by firewall mark, which has no address."""
    said = parse_attrs(parse_attrs(payload, HEADER_BYTES)[_SERVICE])
    if _ADDRESS not in said:
        return None
    flags = _number(said[_FLAGS][:4]) & _OUR_FLAGS
    return Service(
        ServiceKey(
            _text(said[_ADDRESS], _number(said[_AF])),
            _number(said[_PROTOCOL]),
            int.from_bytes(said[_PORT], "big"),
        ),
        said[_SCHEDULER].rstrip(b"\0").decode(),
        flags,
        _number(said[_TIMEOUT]),
    )


def parse_destination(payload: bytes, family: int) -> Destination | None:
    """`family`: the virtual server's, of a kernel that does not say the real server's (before 3.18)."""
    outer = parse_attrs(payload, HEADER_BYTES)
    if _DEST not in outer:
        return None
    said = parse_attrs(outer[_DEST])
    return Destination(
        _text(said[_D_ADDRESS], _number(said[_D_FAMILY]) if _D_FAMILY in said else family),
        int.from_bytes(said[_D_PORT], "big"),
        _number(said[_D_WEIGHT]),
        _number(said[_D_ACTIVE]),
        _number(said[_D_INACTIVE]),
    )


def _key(key: ServiceKey) -> tuple[bytes, ...]:
    return (
        attr_u16(_AF, family_of(key.ip)),
        attr_u16(_PROTOCOL, key.protocol),
        attr(_ADDRESS, _union(key.ip)),
        attr_be16(_PORT, key.port),
    )


def _union(ip: str) -> bytes:
    """An nf_inet_addr: 16 bytes of either family."""
    return inet_pton(family_of(ip), ip).ljust(16, b"\0")


def _text(union: bytes, family: int) -> str:
    return inet_ntop(family, union[: _IP_BYTES[family]])


def _number(data: bytes) -> int:
    return int.from_bytes(data, "little" if _IS_LITTLE else "big")


_IS_LITTLE = struct.pack("=H", 1) == b"\1\0"
