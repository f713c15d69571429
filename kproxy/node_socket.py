"""The node as its kernel describes it: addresses, and whether bridged packets pass the packet filter."""

import socket
from errno import EAGAIN, ENOBUFS

from kproxy.addresses import IPV4, IPV6, canonical_ip
from linux import sysctl
from linux.netlink.socket import NETLINK_ROUTE, NetlinkSocket
from linux.rtnl import Rtnl

_GROUP_IPV4_ADDRESSES = 5
_GROUP_IPV6_ADDRESSES = 9
_SCOPE_LINK = 253  # RT_SCOPE_LINK: every veth has one, no client comes to it
_IPVS_DEVICE = "kube-ipvs0"
_BRIDGE_KEYS = {IPV4: "net/bridge/bridge-nf-call-iptables", IPV6: "net/bridge/bridge-nf-call-ip6tables"}


def local_addresses() -> tuple[str, ...]:
    """All but link-local ones, sorted; those of services (IPVS' device) are not the node's."""
    with Rtnl() as rtnl:
        device = rtnl.link(_IPVS_DEVICE)
        services = 0 if device is None else device.ifindex
        found = {
            canonical_ip(a.ip) for a in rtnl.addresses() if a.scope < _SCOPE_LINK and a.ifindex != services
        }
    return tuple(sorted(ip for ip in found if ip is not None))


def bridge_filtered() -> frozenset[int]:
    """Families whose packets between two ports of a bridge pass netfilter (br_netfilter)."""
    return frozenset(family for family, key in _BRIDGE_KEYS.items() if sysctl.read(key) == "1")


def ipv6_available() -> bool:
    """As kube-proxy asks: the kernel has it and it is not switched off."""
    return socket.has_ipv6 and sysctl.read("net/ipv6/conf/all/disable_ipv6") == "0"


class AddressWatch:
    """Readable when an address came or went."""

    def __init__(self) -> None:
        self._socket = NetlinkSocket(NETLINK_ROUTE, groups=(_GROUP_IPV4_ADDRESSES, _GROUP_IPV6_ADDRESSES))
        self._socket.set_timeout(0)

    def fileno(self) -> int:
        return self._socket.fileno()

    def drain(self) -> None:
        """Read what there is; what it says does not matter, the addresses are listed again."""
        while True:
            try:
                self._socket.recv_raw()
            except OSError as error:
                if error.errno == EAGAIN:
                    return
                if error.errno != ENOBUFS:
                    raise

    def close(self) -> None:
        self._socket.close()
