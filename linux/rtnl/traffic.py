"""What links have carried: IFLA_STATS64, which other listings leave out because it is half of a link's message."""

from __future__ import annotations

import struct

from linux.netlink.codec import NLM_F_DUMP, attr_str, nested, parse_attrs
from linux.rtnl import constants as c
from linux.rtnl import requests
from linux.rtnl.messages import IFINFO

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NamedTuple

    from linux.netlink.socket import NetlinkSocket
else:
    from linux.records import NamedTuple

# The first members of struct rtnl_link_stats64: packets, bytes, errors, dropped; received and sent in turn.
_STATS64 = struct.Struct("=8Q")


class Traffic(NamedTuple):
    """Since the link was made, as its own end sees it."""

    received_packets: int = 0
    sent_packets: int = 0
    received_bytes: int = 0
    sent_bytes: int = 0
    received_errors: int = 0
    sent_errors: int = 0
    received_dropped: int = 0
    sent_dropped: int = 0


def traffic_by_index(socket: NetlinkSocket, *, kind: str) -> dict[int, Traffic]:
    """Of all links of a kind ("veth"), by interface index."""
    payload = requests.link_header() + nested(c.IFLA_LINKINFO, attr_str(c.IFLA_INFO_KIND, kind))
    found = {}
    for message in socket.request(c.RTM_GETLINK, payload, NLM_F_DUMP):
        stats = parse_attrs(message.payload, IFINFO.size).get(c.IFLA_STATS64)
        if stats is not None:
            found[IFINFO.unpack_from(message.payload)[2]] = Traffic(*_STATS64.unpack_from(stats))
    return found
