"""Asks the kernel regularly how many connections each service and endpoint got, beside the syncs."""

import asyncio
from collections.abc import Iterable, Mapping
from itertools import accumulate

from kproxy.backends.registry import Backend, BackendError, Counting, CountingPackets
from kproxy.drive import Proxy
from kproxy.forwarding import ForwardingTable, ServicePortName
from kproxy.metrics.counters import (
    ENDPOINTS_SHOWN_MAX,
    SERVICES_SHOWN_MAX,
    Count,
    PacketCount,
    PacketTotals,
    Totals,
)
from kproxy.metrics.exposition import Metric
from kproxy.policy import reachable
from linux.logging_kv import get_logger

_log = get_logger("kproxy.counters")
_EVERY_S = 30.0


async def count_connections(proxy: Proxy, backends: Mapping[int, Backend], every_s: float = _EVERY_S) -> None:
    """Until cancelled. Both families add up: a service's name says none."""
    services, endpoints = Totals(), Totals()
    await proxy.synced_once.wait()
    while True:
        counting = {family: backend for family, backend in backends.items() if isinstance(backend, Counting)}
        try:
            services.take(await _service_counts(counting))
            busiest = {service: total for (service, _), total in services.busiest(SERVICES_SHOWN_MAX).items()}
            endpoints.take(await _endpoint_counts(counting, proxy.intake.tables, busiest))
        except OSError as error:
            _log.debug("no counters", error=str(error))
        else:
            _show(proxy.metrics.connections, (((service,), total) for service, total in busiest.items()))
            _show(proxy.metrics.endpoint_connections, endpoints.busiest(ENDPOINTS_SHOWN_MAX).items())
        await asyncio.sleep(every_s)


async def _service_counts(counting: Mapping[int, Counting]) -> list[Count]:
    return [
        count._replace(place=(f"{family} {count.place[0]}", count.place[1]))
        for family, backend in counting.items()
        for count in await asyncio.to_thread(backend.service_counts)
    ]


async def _endpoint_counts(
    counting: Mapping[int, Counting],
    tables: Mapping[int, ForwardingTable],
    busiest: Mapping[str, int],
) -> list[Count]:
    found = []
    for family, backend in counting.items():
        counts = await asyncio.to_thread(backend.endpoint_counts, asked(tables[family], busiest))
        found += [count._replace(place=(f"{family} {count.place[0]}", count.place[1])) for count in counts]
    return found


def asked(table: ForwardingTable, totals: Mapping[str, int]) -> tuple[ServicePortName, ...]:
    """The busiest services first, as many as have ENDPOINTS_SHOWN_MAX endpoints together: each is one question."""
    names = sorted((name for name in table if str(name) in totals), key=lambda name: -totals[str(name)])
    sizes = accumulate(len(reachable(table[name])) for name in names)
    return tuple(name for name, size in zip(names, sizes, strict=True) if size <= ENDPOINTS_SHOWN_MAX)


def _show(metric: Metric, values: Iterable[tuple[tuple[str, ...], int]]) -> None:
    metric.clear()
    for labels, total in values:
        metric.set(total, *labels)


async def count_packets(proxy: Proxy, backends: Mapping[int, Backend], every_s: float = _EVERY_S) -> None:
    """What iptables mode counts as kube-proxy does, of both families."""
    totals = PacketTotals()
    shown = proxy.metrics.packets
    await proxy.synced_once.wait()
    while counting := [b for b in backends.values() if isinstance(b, CountingPackets)]:
        found: list[PacketCount] = []
        try:
            for backend in counting:
                found += await asyncio.to_thread(backend.packet_counts)
        except (OSError, BackendError) as error:
            _log.debug("no counters", error=str(error))
        else:
            for what, total in totals.take(found).items():
                shown[what].set(total)
        await asyncio.sleep(every_s)
