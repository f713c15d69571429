"""Waits for the kernel's news that somebody may have broken something, and for the time to look anyway."""

from __future__ import annotations

import os
import select
import threading
import time
from collections.abc import Callable, Mapping
from errno import ENOBUFS

from cni.daemon.news import interesting, is_damage
from linux.logging_kv import get_logger
from linux.netlink import filter as news_filter
from linux.netlink.codec import iter_messages
from linux.netlink.socket import NETLINK_NETFILTER, NETLINK_ROUTE, NetlinkSocket
from linux.rtnl import constants as c

logger = get_logger("cni.daemon.events")
_NFT_GROUP = 7
_NFT_DELETIONS = frozenset((10 << 8) | kind for kind in (2, 5, 8, 11))  # table, chain, rule, set
_ROUTE_GROUPS = (c.RTNLGRP_LINK, c.RTNLGRP_IPV4_IFADDR, c.RTNLGRP_IPV6_IFADDR, 24, 25)
_SOON_S = 0.2  # somebody was at work on what was to be looked at
_SETTLE_S = 0.1  # a flush is many events; one look afterwards
_SETTLE_MAX_S = 0.5  # all is to be whole within a second
_REST = (
    5.0  # times as long as a look took: who rewrites rules all the time must not keep a processor busy here
)
RECONCILE_PERIOD_S = 10.0


class Watch:
    """Calls `heal` soon after damage, and both every ten seconds, in a thread of its own.

    `heal` returns True to be called again soon.
    """

    def __init__(self, heal: Callable[[], bool], reconcile: Callable[[], object]) -> None:
        self._heal = heal
        self._reconcile = reconcile
        self._stopping = threading.Event()
        self._wake, self._waker = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        self._route = NetlinkSocket(NETLINK_ROUTE, groups=_ROUTE_GROUPS)
        self._mtus: Mapping[int, int] = {}
        news_filter.attach(self._route.set_option, interesting(()))
        self._nft = NetlinkSocket(NETLINK_NETFILTER, groups=(_NFT_GROUP,))
        self._thread = threading.Thread(target=self._run, name="cni-watch", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        os.write(self._waker, b"x")
        self._thread.join()
        os.close(self._wake)
        os.close(self._waker)
        self._route.close()
        self._nft.close()

    def _run(self) -> None:
        due = time.monotonic()
        again, settle_s = False, _SETTLE_S
        while not self._stopping.is_set():
            if time.monotonic() >= due:
                again = self._guarded(self._heal) is True
                self._guarded(self._reconcile)
                due = time.monotonic() + RECONCILE_PERIOD_S
            if self._damage(_SOON_S if again else due - time.monotonic()) or again:
                self._stopping.wait(settle_s)
                self._drain()
                began_s = time.monotonic()
                again = self._guarded(self._heal) is True
                settle_s = min(max(_SETTLE_S, _REST * (time.monotonic() - began_s)), _SETTLE_MAX_S)

    def follow(self, mtus: Mapping[int, int]) -> None:
        """Another MTU of one of these interfaces than the one said here is news too; for `heal` to call."""
        if mtus.keys() != self._mtus.keys():
            news_filter.attach(self._route.set_option, interesting(mtus))
        self._mtus = mtus

    def _guarded(self, step: Callable[[], object]) -> object:
        try:
            return step()
        except Exception:
            logger.exception("a look at the host failed")
            return None

    def _damage(self, timeout_s: float) -> bool:
        descriptors = {item.fileno(): item for item in (self._route, self._nft)}
        ready, _, _ = select.select([*descriptors, self._wake], [], [], max(timeout_s, 0))
        damaged = [self._read(descriptors[fd]) for fd in ready if fd in descriptors]  # each has to be read
        return any(damaged)

    def _drain(self) -> None:
        while self._damage(0):
            continue

    def _read(self, item: NetlinkSocket) -> bool:
        try:
            messages = list(iter_messages(item.recv_raw()))
        except OSError as error:
            return error.errno == ENOBUFS  # news were lost: look at everything
        if item is self._nft:
            return any(message.type in _NFT_DELETIONS for message in messages)
        return any(is_damage(message.type, message, self._mtus) for message in messages)
