"""Forgetting UDP flows, which would else go on to where they went before (ctnetlink, kernel 5.8)."""

from __future__ import annotations

from errno import ENOENT

from linux.netlink.codec import attr, attr_be16, attr_u8, attr_u32, nested
from linux.netlink.socket import NETLINK_NETFILTER, NetlinkError, NetlinkSocket

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from cni.spec.addresses import IP

_DELETE = 1 << 8 | 2  # NFNL_SUBSYS_CTNETLINK, IPCTNL_MSG_CT_DELETE
_TUPLE_ORIG, _TUPLE_REPLY, _FILTER = 1, 2, 25
_TUPLE_IP, _TUPLE_PROTO = 1, 2
_PROTO_NUM, _PROTO_DST_PORT = 1, 3
_ORIG_FLAGS, _REPLY_FLAGS = 1, 2
_BY_SOURCE, _BY_PROTOCOL, _BY_DESTINATION_PORT = 1 << 0, 1 << 3, 1 << 5
_UDP = 17


def forget_udp(host_ports: Iterable[int], containers: Iterable[IP], families: Iterable[int]) -> None:
    """Flows addressed to these ports, and flows answered by these containers."""
    with NetlinkSocket(NETLINK_NETFILTER) as netlink:
        for bits in families:
            for port in host_ports:
                protocol = nested(_TUPLE_PROTO, attr_u8(_PROTO_NUM, _UDP), attr_be16(_PROTO_DST_PORT, port))
                _delete(netlink, bits, nested(_TUPLE_ORIG, protocol), _BY_PROTOCOL | _BY_DESTINATION_PORT, 0)
        for ip in containers:
            source = nested(_TUPLE_IP, attr(1 if ip.bits == 32 else 3, ip.packed))
            protocol = nested(_TUPLE_PROTO, attr_u8(_PROTO_NUM, _UDP))
            _delete(netlink, ip.bits, nested(_TUPLE_REPLY, source, protocol), 0, _BY_SOURCE | _BY_PROTOCOL)


def _delete(netlink: NetlinkSocket, bits: int, match: bytes, by_original: int, by_reply: int) -> None:
    """One request; the kernel compares only what the flags name."""
    header = bytes((2 if bits == 32 else 10, 0, 0, 0))
    by = nested(_FILTER, attr_u32(_ORIG_FLAGS, by_original), attr_u32(_REPLY_FLAGS, by_reply))
    try:
        netlink.request(_DELETE, header + match + by)
    except NetlinkError as error:
        if error.errno != ENOENT:
            raise
