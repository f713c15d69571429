"""The kernel's news that somebody may have touched the overlay: tells when to look, not what has changed."""

import struct
from collections.abc import Iterable
from errno import EAGAIN, ENOBUFS

from linux.netlink.codec import Message, attr_str, iter_messages
from linux.netlink.socket import NETLINK_ROUTE, NetlinkSocket
from linux.nft.monitor import Monitor
from linux.rtnl import constants as c
from linux.rtnl.messages import IFADDR, IFINFO, NDMSG, RTMSG
from nodeagent.overlay.masquerade_plan import TABLE
from nodeagent.overlay.plan import DEVICE, ROUTE_PROTOCOL

_GROUPS = (
    c.RTNLGRP_LINK,
    c.RTNLGRP_NEIGH,
    c.RTNLGRP_IPV4_IFADDR,
    c.RTNLGRP_IPV6_IFADDR,
    c.RTNLGRP_IPV4_ROUTE,
    c.RTNLGRP_IPV6_ROUTE,
)
_DEVICE_NAME = attr_str(c.IFLA_IFNAME, DEVICE)


class RouteNews:
    """Readable when links, addresses, routes or neighbours changed."""

    def __init__(self) -> None:
        self._socket = NetlinkSocket(NETLINK_ROUTE, groups=_GROUPS)
        self._socket.set_timeout(0)
        self.underlay = self.device = 0  # indexes of the links to hear about

    def fileno(self) -> int:
        return self._socket.fileno()

    def close(self) -> None:
        self._socket.close()

    def concern_us(self) -> bool:
        """Read everything there is; whether any of it may be damage to the overlay, or a change beneath it."""
        concerned = False
        while True:
            try:
                data = self._socket.recv_raw()
            except OSError as error:
                if error.errno == EAGAIN:
                    return concerned
                if error.errno != ENOBUFS:
                    raise
                concerned = True  # news were lost
                continue
            concerned = self._any(iter_messages(data)) or concerned

    def _any(self, messages: Iterable[Message]) -> bool:
        found = [self._is_damage(message) for message in messages]
        return any(found)

    def _is_damage(self, message: Message) -> bool:
        kind, payload = message.type, message.payload
        try:
            if kind in (c.RTM_NEWLINK, c.RTM_DELLINK):
                index = IFINFO.unpack_from(payload)[2]
                return bool(index == self.underlay) or _DEVICE_NAME in bytes(payload)
            if kind in (c.RTM_NEWADDR, c.RTM_DELADDR):
                return not self.underlay or IFADDR.unpack_from(payload)[4] in (self.underlay, self.device)
            if kind == c.RTM_DELNEIGH:
                return bool(NDMSG.unpack_from(payload)[1] == self.device)
            return kind == c.RTM_DELROUTE and bool(RTMSG.unpack_from(payload)[5] == ROUTE_PROTOCOL)
        except struct.error:
            return True


class FilterNews:
    """Readable when a table of the packet filter was changed by somebody else."""

    def __init__(self, own_port: int) -> None:
        self._monitor = Monitor((own_port,))

    def fileno(self) -> int:
        return self._monitor.fileno()

    def close(self) -> None:
        self._monitor.close()

    def concern_us(self) -> bool:
        change = self._monitor.read()
        return change is not None and (change.lost or any(name == TABLE for _family, name in change.tables))
