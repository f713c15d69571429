"""What the kernel has of this mode: virtual servers, members of sets, addresses of the device."""

import re
from socket import AF_INET, AF_INET6

from kproxy.addresses import IPV4, IPV6
from kproxy.backends.ipvs import names as n
from kproxy.backends.ipvs.pieces import Entry
from kproxy.backends.ipvs.plan import State
from kproxy.backends.ipvs.servers_socket import Servers
from linux.ipset import run as ipset
from linux.rtnl import Rtnl

_AF = {IPV4: AF_INET, IPV6: AF_INET6}
_HOST_LENGTH = re.compile(r"/(32|128)\Z")


def read_state(servers: Servers, family: int) -> State:
    """Raises ServersError, IpsetFailed, NetlinkError."""
    saved = ipset.save()
    entries = {
        Entry(what, _HOST_LENGTH.sub("", text))
        for what in n.KINDS
        for text in saved.get(n.set_name(what, family), ())
    }
    return State(servers.read(), frozenset(entries), _addresses(family))


def _addresses(family: int) -> frozenset[str]:
    with Rtnl() as rtnl:
        device = rtnl.link(n.DEVICE)
        if device is None:
            return frozenset()
        found = rtnl.addresses(device.ifindex, _AF[family])
    return frozenset(a.ip for a in found if not a.ip.startswith("fe80:"))
