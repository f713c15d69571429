"""Deleting veth pairs: together, and without waiting for what nobody can see any more.

RTM_DELLINK takes the pair out of all lists within a millisecond, then waits for the last reader of an old list
(RCU), 12 to 25 ms more, before it answers. A call goes on when its link has become invisible; the request ends
in a thread of its own, whatever becomes of the call. An executable ends when that thread has: what else it has
to do is done meanwhile. In the daemon calls wait in turn while a deletion begins, since it has the lock of all
links; theirs is the next one, a group of links (RTM_DELLINK with IFLA_GROUP), which takes the lock once.
"""

from __future__ import annotations

import os
from _thread import allocate_lock, start_new_thread

from cni.wait import poll
from linux.netlink.codec import attr_u32
from linux.rtnl import Rtnl, constants, requests
from linux.rtnl.glance import exists

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

_FIRST_GROUP = 0x70640000
_GROUPS = 0x10000
_TIMEOUT_S = 60.0  # then whoever waits is told by the request's own end, however late


class _Wish:
    """One link to delete. The lock is open when it is done, or when it is this caller's turn to do it for all."""

    def __init__(self, index: int) -> None:
        self.index = index
        self.error: OSError | None = None
        self.done = False
        self.turn = allocate_lock()
        self.turn.acquire()


class _Deletion:
    """A batch under way, in a thread of its own."""

    def __init__(self, rtnl: Rtnl, batch: list[_Wish], group: int) -> None:
        self._rtnl = rtnl
        self._batch = batch
        self._group = group
        self._ended = False
        self._lock = allocate_lock()
        self._lock.acquire()
        start_new_thread(self._run, ())

    def _run(self) -> None:
        try:
            _delete(self._rtnl, self._batch, self._group)
        finally:
            self._ended = True
            self._rtnl.close()
            self._lock.release()

    def wait(self, host: Rtnl) -> None:
        """Until the links are invisible, or the kernel has answered."""
        if not poll(lambda: self._is_over(host), _TIMEOUT_S):
            self._lock.acquire()

    def _is_over(self, host: Rtnl) -> bool:
        return self._ended or not any(exists(host.socket.fileno(), wish.index) for wish in self._batch)


class Removals:
    """Of one network namespace, where `connect` opens a socket."""

    def __init__(self, connect: Callable[[], Rtnl]) -> None:
        self._connect = connect
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
            _Deletion(self._connect(), batch, group).wait(host)
        except OSError as error:
            for wish in batch:
                wish.error = wish.error or error
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
    _removals.setdefault(inode, Removals(Rtnl)).delete(host, index)
