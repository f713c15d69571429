"""Counters over netlink (include/uapi/linux/netfilter/nfnetlink_acct.h), of the network namespace at hand."""

from __future__ import annotations

from errno import EBUSY, EEXIST

from linux.netlink.codec import NLM_F_CREATE, NLM_F_EXCL, attr_str, parse_attrs
from linux.netlink.socket import NETLINK_NETFILTER, Closing, NetlinkError, NetlinkSocket

_SUBSYSTEM = 7
_NEW, _GET = _SUBSYSTEM << 8, _SUBSYSTEM << 8 | 1
_NAME, _PACKETS = 1, 2
_HEADER = b"\0\0\0\0"  # nfgenmsg: counters have no family


class Counters(Closing):
    """One socket. Every method raises NetlinkError where the kernel has no such counters (EINVAL, EOPNOTSUPP)."""

    def __init__(self) -> None:
        self._socket = NetlinkSocket(NETLINK_NETFILTER)

    def close(self) -> None:
        self._socket.close()

    def ensure(self, name: str) -> None:
        """One that is there goes on counting. At most 31 characters."""
        try:
            self._socket.request(_NEW, _HEADER + attr_str(_NAME, name), NLM_F_CREATE | NLM_F_EXCL)
        except NetlinkError as error:
            if error.errno not in (EEXIST, EBUSY):
                raise

    def packets(self, name: str) -> int | None:
        """None: there is no counter of that name."""
        try:
            answers = self._socket.request(_GET, _HEADER + attr_str(_NAME, name))
        except NetlinkError as error:
            if error.missing:
                return None
            raise
        return int.from_bytes(parse_attrs(answers[0].payload, len(_HEADER))[_PACKETS], "big")
