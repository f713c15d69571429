"""How full a network's pools are and what its pods have sent, as values and in Prometheus' text format. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

POD_LIMIT = 500
"""Pods that have series of their own; a node has 110, a scrape must not grow without bounds."""


class Pool(NamedTuple):
    """One range set of a network: an ADD takes one address of each."""

    network: str
    ranges: str
    in_use: int
    capacity: int


class PodTraffic(NamedTuple):
    """As the pod sees it."""

    network: str
    pod: str
    """namespace/name, or the container's ID where the runtime does not say."""
    interface: str
    received_bytes: int
    sent_bytes: int
    received_packets: int
    sent_packets: int
    dropped_packets: int
    """Both ways, at the host's end."""


class Usage(NamedTuple):
    addresses: tuple[tuple[str, int], ...] = ()
    """(network, addresses in use)."""
    pools: tuple[Pool, ...] = ()
    pods: tuple[PodTraffic, ...] = ()


_POOL_GAUGES = (
    ("kcni_pool_addresses", "Addresses that a range set can give out.", "capacity"),
    ("kcni_pool_addresses_in_use", "Addresses of a range set that are given out.", "in_use"),
)
_POD_COUNTERS = (
    ("kcni_pod_receive_bytes_total", "Bytes that a pod has received.", "received_bytes"),
    ("kcni_pod_transmit_bytes_total", "Bytes that a pod has sent.", "sent_bytes"),
    ("kcni_pod_receive_packets_total", "Packets that a pod has received.", "received_packets"),
    ("kcni_pod_transmit_packets_total", "Packets that a pod has sent.", "sent_packets"),
    (
        "kcni_pod_dropped_packets_total",
        "Packets dropped at the host's end of a pod's link.",
        "dropped_packets",
    ),
)


def shown(pods: Iterable[PodTraffic], limit: int = POD_LIMIT) -> tuple[list[PodTraffic], int]:
    """The busiest, in the order of their names, and the number of those that are left out."""
    found = sorted(pods, key=lambda item: item.received_bytes + item.sent_bytes, reverse=True)
    return sorted(found[:limit]), max(0, len(found) - limit)


def render(usage: Usage) -> Iterator[str]:
    """Lines."""
    yield from _family("kcni_addresses_in_use", "Addresses that host-local has given out.", "gauge")
    for network, count in usage.addresses:
        yield f'kcni_addresses_in_use{{network="{network}"}} {count}'
    for name, text, field in _POOL_GAUGES:
        yield from _family(name, text, "gauge")
        for pool in usage.pools:
            yield f'{name}{{network="{pool.network}",ranges="{pool.ranges}"}} {getattr(pool, field)}'
    pods, left_out = shown(usage.pods)
    for name, text, field in _POD_COUNTERS:
        yield from _family(name, text, "counter")
        for pod in pods:
            yield f"{name}{{{_labels(pod)}}} {getattr(pod, field)}"
    yield from _family("kcni_pods_left_out", "Pods without series of their own: the least busy.", "gauge")
    yield f"kcni_pods_left_out {left_out}"


def _labels(pod: PodTraffic) -> str:
    namespace, _, name = pod.pod.rpartition("/")
    values = {"network": pod.network, "namespace": namespace, "pod": name, "interface": pod.interface}
    return ",".join(f'{key}="{_escaped(value)}"' for key, value in values.items())


def _escaped(text: str) -> str:
    """Runtimes say the names of pods, and may say anything."""
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def _family(name: str, text: str, kind: str) -> tuple[str, str]:
    return f"# HELP {name} {text}", f"# TYPE {name} {kind}"
