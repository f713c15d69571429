"""Removes stale entries of connection tracking, in a thread beside the syncs; several changes that wait become one pass."""

import asyncio
import time
from collections.abc import Callable
from functools import partial

from kproxy import conntrack, node_socket
from kproxy.addresses import IPV6
from kproxy.conntrack import Stale
from kproxy.forwarding import ForwardingTable
from kproxy.intake import Changes
from kproxy.metrics.catalogue import ProxyMetrics
from linux.conntrack.socket import Conntrack
from linux.conntrack.wire import UDP, Filter
from linux.logging_kv import get_logger

_log = get_logger("kproxy.conntrack")
_FAMILY_NAMES = {4: "IPv4", 6: "IPv6"}


def clean(stale: tuple[Stale, ...], family: int) -> int:
    """How many entries went."""
    local = frozenset(node_socket.local_addresses())
    with Conntrack() as table:
        chosen = [
            entry
            for only in conntrack.filters(stale)
            for entry in conntrack.choose(table.entries(ipv6=family == IPV6, only=only), stale, local)
        ]
        return table.delete(chosen)


def set_right(tables: ForwardingTable, family: int) -> int:
    """Let go of connections that began while our rules were gone; how many."""
    local = frozenset(node_socket.local_addresses())
    with Conntrack() as table:
        found = table.entries(ipv6=family == IPV6, only=conntrack.UNANSWERED)
        return table.delete(conntrack.untranslated(found, tables, local))


def release(tables: ForwardingTable, family: int) -> int:
    """Let go of datagrams that the userspace mode relayed; how many."""
    local = frozenset(node_socket.local_addresses())
    with Conntrack() as table:
        found = table.entries(ipv6=family == IPV6, only=Filter(UDP))
        return table.delete(conntrack.relayed(found, tables, local))


class Cleaner:
    """Fed with the changes of every sync that succeeded."""

    def __init__(self, metrics: ProxyMetrics) -> None:
        self._metrics = metrics
        self._due: dict[int, list[Stale]] = {}
        self._repaired: dict[int, ForwardingTable] = {}
        self._relayed: dict[int, ForwardingTable] = {}
        self._wake = asyncio.Event()

    def repaired(self, family: int, table: ForwardingTable) -> None:
        """Our rules were not there for a moment, or not yet."""
        self._repaired[family] = dict(table)
        self._wake.set()

    def relayed(self, family: int, table: ForwardingTable) -> None:
        """Rules translate what was relayed before."""
        self._relayed[family] = dict(table)
        self._wake.set()

    def note(self, changes: Changes) -> None:
        for family, changed in changes.known.items():
            stale = conntrack.stale_of(changed)
            if stale:
                self._due.setdefault(family, []).extend(stale)
                self._wake.set()

    async def run(self) -> None:
        """Until cancelled; the loop does not wait for the kernel."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            due, self._due = self._due, {}
            repaired, self._repaired = self._repaired, {}
            for family, table in repaired.items():
                await self._work(family, partial(set_right, table, family))
            relayed, self._relayed = self._relayed, {}
            for family, table in relayed.items():
                await self._work(family, partial(release, table, family))
            for family, stale in due.items():
                await self._work(family, partial(clean, tuple(stale), family))

    async def _work(self, family: int, act: Callable[[], int]) -> None:
        label = _FAMILY_NAMES[family]
        started_s = time.perf_counter()
        try:
            count = await asyncio.to_thread(act)
        except OSError as error:
            _log.error("connection tracking could not be cleaned up", family=label, error=str(error))
            return
        self._metrics.conntrack_duration.observe(time.perf_counter() - started_s, label)
        if count:
            self._metrics.conntrack_deleted.add(count, label)
            _log.info("stale connections removed", family=label, count=count)
