"""When a node is short of something, and which pod leaves it first (kubelet's node-pressure eviction). Pure."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from kube.objects import Pod
from kube.scheduler.pods import pod_requests
from kube.scheduler.quantity import units
from nodeagent.pods.resources import CRITICAL_PRIORITY

CONDITIONS = {
    "memory.available": "MemoryPressure",
    "nodefs.available": "DiskPressure",
    "nodefs.inodesFree": "DiskPressure",
    "pid.available": "PIDPressure",
}
_RESOURCES = {"MemoryPressure": "memory", "DiskPressure": "ephemeral-storage", "PIDPressure": "pids"}


class Level(NamedTuple):
    """How much of one signal is left, of how much."""

    available: int
    capacity: int


class Threshold(NamedTuple):
    """Below this a signal means pressure; `share` is a percentage of the capacity if `amount` is None."""

    signal: str
    amount: int | None
    share: float = 0.0

    def met(self, level: Level) -> bool:
        return level.available < self.least(level)

    def least(self, level: Level) -> int:
        return int(level.capacity * self.share / 100) if self.amount is None else self.amount


def thresholds(text: str) -> tuple[Threshold, ...]:
    """`memory.available<100Mi,nodefs.available<10%`. Raises ValueError."""
    found = []
    for part in text.split(","):
        signal, sign, value = part.strip().partition("<")
        if not part.strip():
            continue
        if not sign or signal not in CONDITIONS:
            raise ValueError(f"{part!r} is no threshold: SIGNAL<AMOUNT, signals are {', '.join(CONDITIONS)}")
        if value.endswith("%"):
            found.append(Threshold(signal, None, float(value[:-1])))
        else:
            found.append(Threshold(signal, units(value)))
    return tuple(found)


class Shortage(NamedTuple):
    """A threshold that is met now."""

    condition: str
    signal: str
    available: int
    least: int

    @property
    def resource(self) -> str:
        return _RESOURCES[self.condition]


def shortages(given: Sequence[Threshold], levels: Mapping[str, Level]) -> tuple[Shortage, ...]:
    return tuple(
        Shortage(CONDITIONS[each.signal], each.signal, level.available, each.least(level))
        for each in given
        if (level := levels.get(each.signal)) and each.met(level)
    )


class Candidate(NamedTuple):
    """A pod with what it uses of memory, in bytes."""

    pod: Pod
    memory_bytes: int


def victim(shortage: Shortage, candidates: Sequence[Candidate]) -> Candidate | None:
    """Who uses more than it asked for, then the least important, then who exceeds its request the most.

    Pods of critical priority and those of the node itself stay.
    """
    movable = [each for each in candidates if (each.pod.spec.priority or 0) < CRITICAL_PRIORITY]

    def rank(each: Candidate) -> tuple[bool, int, int]:
        beyond_bytes = each.memory_bytes - dict(pod_requests(each.pod)).get("memory", 0)
        return (beyond_bytes <= 0, each.pod.spec.priority or 0, -beyond_bytes)

    if shortage.resource != "memory":
        return min(movable, key=lambda each: each.pod.spec.priority or 0, default=None)
    return min(movable, key=rank, default=None)


def sentence(shortage: Shortage) -> str:
    """The message of an evicted pod."""
    return (
        f"The node was low on resource: {shortage.resource}. "
        f"Threshold quantity: {shortage.least}, available: {shortage.available}. "
    )
