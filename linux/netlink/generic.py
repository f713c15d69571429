"""Generic netlink (include/uapi/linux/genetlink.h): families have names, and numbers that the kernel gives out."""

from __future__ import annotations

import struct

from linux.netlink.codec import attr_str, parse_attrs
from linux.netlink.socket import NETLINK_GENERIC, NetlinkSocket

HEADER_BYTES = 4
_CONTROLLER, _GET_FAMILY, _CONTROLLER_VERSION = 0x10, 3, 2
_FAMILY_ID, _FAMILY_NAME = 1, 2


def header(command: int, version: int = 1) -> bytes:
    """One genlmsghdr."""
    return struct.pack("=BBH", command, version, 0)


def open_family(name: str) -> tuple[NetlinkSocket, int]:
    """A socket and the family's number. NetlinkError ENOENT: the kernel has none and could load no module for it."""
    made = NetlinkSocket(NETLINK_GENERIC)
    try:
        request = header(_GET_FAMILY, _CONTROLLER_VERSION) + attr_str(_FAMILY_NAME, name)
        answer = made.request(_CONTROLLER, request)[0]
        number = parse_attrs(answer.payload, HEADER_BYTES)[_FAMILY_ID]
    except BaseException:
        made.close()
        raise
    return made, struct.unpack("=H", number)[0]
