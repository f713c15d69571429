"""Deleting veth pairs together: whoever asks while a deletion runs has theirs in the next one.

Each deletion waits for the kernel's RCU grace periods, 10 to 25 ms, holding the lock that all other
changes of links need; a group of links (RTM_DELLINK with IFLA_GROUP) waits once. One call alone, as in
an executable, deletes at once.
"""

from __future__ import annotations

import os
from _thread import allocate_lock

from linux.netlink.codec import attr_u32
from linux.rtnl import constants, requests

TYPE_CHECKING = False
if TYPE_CHECKING:
    from linux.rtnl import Rtnl

_FIRST_GROUP = 0x70640000
_GROUPS = 0x10000


class _Wish:
    """One link to delete. The lock is open when it is done, or when it is this caller's turn to do it for all."""

    def __init__(self, index: int) -> None:
        self.index = index
        self.error: OSError | None = None
        self.done = False
        self.turn = allocate_lock()
        self.turn.acquire()


class Removals:
    """Of one network namespace."""

    def __init__(self) -> None:
        self._lock = allocate_lock()
        self._waiting: list[_Wish] = []
        self._busy = False
        self._count = 0

    def delete(self, host: Rtnl, index: int) -> None:
        """Returns when the link is gone; it may have been gone already."""
        wish = _Wish(index)
        with self._lock:
            self._waiting.append(wish)
            mine = not self._busy
            self._busy = True
        if not mine:
            wish.turn.acquire()
        if not wish.done:
            self._delete_all(host)
        if wish.error is not None:
            raise wish.error

    def _delete_all(self, host: Rtnl) -> None:
        with self._lock:
            batch, self._waiting = self._waiting, []
            self._count += 1
            group = _FIRST_GROUP + self._count % _GROUPS
        try:
            _delete(host, batch, group)
        finally:
            for wish in batch:
                wish.done = True
                wish.turn.release()
            with self._lock:
                self._busy = bool(self._waiting)
                if self._waiting:
                    self._waiting[0].turn.release()


def _delete(host: Rtnl, batch: list[_Wish], group: int) -> None:
    """All that can be marked as one group in one go; what is left over, or refused, one by one."""
    left = _delete_group(host, batch, group) if len(batch) > 1 else batch
    for wish in left:
        try:
            host.delete_link(wish.index)
        except OSError as error:
            wish.error = error


def _delete_group(host: Rtnl, batch: list[_Wish], group: int) -> list[_Wish]:
    marks = [(constants.RTM_NEWLINK, 0, requests.link_changes(wish.index, group=group)) for wish in batch]
    try:
        refused = host.socket.batch(marks)  # those that are gone already, for instance
        everyone = requests.link_header() + attr_u32(constants.IFLA_GROUP, group)
        host.socket.request(constants.RTM_DELLINK, everyone)
    except OSError:
        return batch
    return [wish for wish, error in zip(batch, refused, strict=True) if error is not None]


_removals: dict[int, Removals] = {}


def delete_link(host: Rtnl, index: int) -> None:
    """Of the calling thread's namespace, which is host's."""
    inode = os.stat("/proc/thread-self/ns/net").st_ino
    _removals.setdefault(inode, Removals()).delete(host, index)
