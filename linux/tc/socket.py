"""TrafficControl: asks and changes one network namespace."""

from __future__ import annotations

from errno import EEXIST, EINVAL, ENOENT

from linux.netlink.codec import NLM_F_CREATE, NLM_F_DUMP, NLM_F_EXCL, NLM_F_REPLACE
from linux.netlink.socket import NetlinkError
from linux.rtnl import constants as c
from linux.tc import messages
from linux.tc.messages import Qdisc, TokenBucket

TYPE_CHECKING = False
if TYPE_CHECKING:
    from linux.netlink.socket import NetlinkSocket


class TrafficControl:
    """Over the socket of an Rtnl, which stays its owner."""

    def __init__(self, socket: NetlinkSocket) -> None:
        self._socket = socket

    def set_token_bucket(self, index: int, bucket: TokenBucket) -> None:
        """As the root qdisc, whatever was there before."""
        payload = messages.token_bucket(index, bucket)
        self._socket.request(c.RTM_NEWQDISC, payload, NLM_F_CREATE | NLM_F_REPLACE)

    def redirect_ingress(self, index: int, target: int) -> None:
        """Everything that arrives on index leaves by target."""
        try:
            self._socket.request(c.RTM_NEWQDISC, messages.ingress(index), NLM_F_CREATE | NLM_F_EXCL)
        except NetlinkError as error:
            if error.errno != EEXIST:
                raise
        self._socket.request(c.RTM_NEWTFILTER, messages.redirect(index, target), NLM_F_CREATE | NLM_F_EXCL)

    def delete_root(self, index: int) -> bool:
        return self._delete(messages.header(index, 0, messages.ROOT))

    def delete_ingress(self, index: int) -> bool:
        return self._delete(messages.header(index, messages.INGRESS_HANDLE, messages.INGRESS))

    def _delete(self, payload: bytes) -> bool:
        try:
            self._socket.request(c.RTM_DELQDISC, payload)
        except NetlinkError as error:
            if error.errno in (ENOENT, EINVAL):  # none there, or the device's own, which cannot go
                return False
            raise
        return True

    def qdiscs(self, index: int) -> list[Qdisc]:
        answers = self._socket.request(c.RTM_GETQDISC, messages.header(index), NLM_F_DUMP)
        return [q for q in map(messages.parse_qdisc, answers) if q.ifindex == index]
