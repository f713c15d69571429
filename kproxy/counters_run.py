"""Asks the kernel regularly how many connections each service got, beside the syncs."""

import asyncio
from collections.abc import Mapping

from kproxy.backends.registry import Backend
from kproxy.counters import Totals
from kproxy.drive import Proxy
from linux.logging_kv import get_logger

_log = get_logger("kproxy.counters")
_EVERY_S = 30.0


async def count_connections(proxy: Proxy, backends: Mapping[int, Backend], every_s: float = _EVERY_S) -> None:
    """Until cancelled. Both families add up: a service's name says none."""
    totals = {family: Totals() for family in backends}
    await proxy.synced_once.wait()
    while True:
        shown: dict[str, int] = {}
        for family, backend in backends.items():
            try:
                counted = await asyncio.to_thread(backend.connections)
            except OSError as error:
                _log.debug("no counters", error=str(error))
                continue
            totals[family].take(counted)
            for service, total in totals[family].shown().items():
                shown[service] = shown.get(service, 0) + total
        proxy.metrics.connections.clear()
        for service, total in shown.items():
            proxy.metrics.connections.set(total, service)
        await asyncio.sleep(every_s)
