"""Default routes alone: of a router's many thousands the others are not even parsed."""

from __future__ import annotations

from errno import ENOENT, EOPNOTSUPP

from linux.netlink.codec import NLM_F_DUMP, attr_u32
from linux.netlink.socket import NetlinkError
from linux.rtnl import constants as c
from linux.rtnl import messages

TYPE_CHECKING = False
if TYPE_CHECKING:
    from linux.netlink.socket import NetlinkSocket
    from linux.rtnl.messages import Route

_DST_LENGTH_AT = 1  # in struct rtmsg


def default_routes(socket: NetlinkSocket) -> list[Route]:
    """Of the main table, both families."""
    found = []
    for family in (c.AF_INET, c.AF_INET6):
        payload = messages.RTMSG.pack(family, 0, 0, 0, 0, 0, 0, 0, 0) + attr_u32(c.RTA_TABLE, c.RT_TABLE_MAIN)
        try:
            answers = socket.request(c.RTM_GETROUTE, payload, NLM_F_DUMP)
        except NetlinkError as error:
            if error.errno in (ENOENT, EOPNOTSUPP):  # no such table yet, or no IPv6 in this kernel
                continue
            raise
        found += [
            messages.parse_route(m)
            for m in answers
            if m.type == c.RTM_NEWROUTE and not m.payload[_DST_LENGTH_AT]
        ]
    return [route for route in found if route.table == c.RT_TABLE_MAIN]
