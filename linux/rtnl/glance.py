"""What the kernel tells of one link without taking the lock that all changes of links share.

The old ioctls of netdevice(7) read under RCU; RTM_GETLINK waits its turn behind every link that is being made
or deleted, and builds 1.5 kB. Any socket of the namespace serves, the netlink socket at hand too.
"""

from __future__ import annotations

import struct
from errno import ENODEV
from fcntl import ioctl

from linux.rtnl import constants as c
from linux.rtnl.messages import mac_text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NamedTuple
else:
    from linux.records import NamedTuple

_SIOCGIFNAME, _SIOCGIFFLAGS, _SIOCGIFMTU, _SIOCGIFHWADDR, _SIOCGIFINDEX = (
    0x8910,
    0x8913,
    0x8921,
    0x8927,
    0x8933,
)
_IFREQ = struct.Struct("=16s24x")  # struct ifreq: name, union
_FLAGS = struct.Struct("=H")
_INT = struct.Struct("=i")
_UNION = 16
_MAC_AT, _MAC_BYTES = _UNION + 2, 6


class Glance(NamedTuple):
    """One link."""

    ifindex: int
    mac: str
    mtu: int
    flags: int

    @property
    def up(self) -> bool:
        return bool(self.flags & c.IFF_UP)

    @property
    def promisc(self) -> bool:
        return bool(self.flags & c.IFF_PROMISC)


def index_of(fd: int, name: str) -> int:
    """0 if there is no such link in the namespace of the socket fd."""
    try:
        return int(_INT.unpack_from(_ask(fd, _SIOCGIFINDEX, name), _UNION)[0])
    except OSError as error:
        if error.errno == ENODEV:
            return 0
        raise


def exists(fd: int, index: int) -> bool:
    """Is there a link of this index in the namespace of the socket fd? False from the moment its end begins."""
    request = bytearray(_IFREQ.size)
    _INT.pack_into(request, _UNION, index)
    try:
        ioctl(fd, _SIOCGIFNAME, request)
    except OSError as error:
        if error.errno == ENODEV:
            return False
        raise
    return True


def glance(fd: int, name: str) -> Glance | None:
    """The link of this name in the namespace of the socket fd."""
    index = index_of(fd, name)
    if not index:
        return None
    try:
        hardware = _ask(fd, _SIOCGIFHWADDR, name)
        mtu = _ask(fd, _SIOCGIFMTU, name)
        flags = _ask(fd, _SIOCGIFFLAGS, name)
    except OSError as error:
        if error.errno == ENODEV:
            return None
        raise
    return Glance(
        index,
        mac_text(hardware[_MAC_AT : _MAC_AT + _MAC_BYTES]),
        int(_INT.unpack_from(mtu, _UNION)[0]),
        int(_FLAGS.unpack_from(flags, _UNION)[0]),
    )


def _ask(fd: int, request: int, name: str) -> bytes:
    return ioctl(fd, request, _IFREQ.pack(name.encode()))
