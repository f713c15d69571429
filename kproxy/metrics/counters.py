"""Connections by service and endpoint, from counters that start anew whenever their element does. Pure."""

from collections.abc import Iterable, Mapping
from enum import Enum
from typing import NamedTuple

SERVICES_SHOWN_MAX = 1000
ENDPOINTS_SHOWN_MAX = 1000
"""With a series of their own in the metrics; a scrape must stay small in a cluster of 10,000 services."""


class Count(NamedTuple):
    """What one of the kernel's counters says. `place` is the counter's own: two never share one."""

    place: tuple[str, bytes]
    service: str
    packets: int
    endpoint: str = ""


class CountedPackets(Enum):
    """What a backend did to them."""

    INVALID_DROPPED = "dropped because connection tracking did not know them"
    LOCALHOST_ACCEPTED = "first packets of connections to node ports on 127.0.0.0/8"


class PacketCount(NamedTuple):
    """What one of the kernel's counters says; `place` is the counter's own, and both families may name the same."""

    place: str
    what: CountedPackets
    packets: int


Label = tuple[str, str]
"""Service and endpoint."""


class Totals:
    """Adds up what counters grew by; one that fell, or counts for another, was made anew and counts from nothing."""

    def __init__(self) -> None:
        self._last: dict[tuple[str, bytes], tuple[Label, int]] = {}
        self._totals: dict[Label, int] = {}

    def take(self, counts: Iterable[Count]) -> None:
        """All counters that there are; what is missing is forgotten."""
        last: dict[tuple[str, bytes], tuple[Label, int]] = {}
        totals: dict[Label, int] = {}
        for count in counts:
            label = (count.service, count.endpoint)
            before_label, before = self._last.get(count.place, (label, 0))
            is_same = before_label == label and count.packets >= before
            if label not in totals:
                totals[label] = self._totals.get(label, 0)
            totals[label] += count.packets - before if is_same else count.packets
            last[count.place] = (label, count.packets)
        self._last, self._totals = last, totals

    def busiest(self, most: int) -> dict[Label, int]:
        """Those with connections, the busiest `most` of them, by name."""
        used = [(label, total) for label, total in self._totals.items() if total]
        if len(used) > most:
            used = sorted(used, key=lambda item: -item[1])[:most]
        return dict(sorted(used))


class PacketTotals:
    """Adds up packets of each kind, over counters that are made anew."""

    def __init__(self) -> None:
        self._totals = Totals()

    def take(self, counts: Iterable[PacketCount]) -> dict[CountedPackets, int]:
        """All counters that there are; those of kinds that are counted, 0 among them."""
        by_place = {count.place: count for count in counts}
        self._totals.take(Count((c.place, b""), c.what.name, c.packets) for c in by_place.values())
        totals = self._totals.busiest(len(CountedPackets))
        return {c.what: totals.get((c.what.name, ""), 0) for c in by_place.values()}


def by_service(counts: Iterable[Count]) -> Mapping[str, int]:
    found: dict[str, int] = {}
    for count in counts:
        found[count.service] = found.get(count.service, 0) + count.packets
    return found


def by_endpoint(counts: Iterable[Count]) -> Mapping[Label, int]:
    found: dict[Label, int] = {}
    for count in counts:
        label = (count.service, count.endpoint)
        found[label] = found.get(label, 0) + count.packets
    return found
