"""When a node is short of something, and which pod leaves it first (kubelet's node-pressure eviction). Pure."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from kproxy.configuration.duration import parse_duration_s
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
_HARD_GRACE_S = 1  # the node cannot wait
_RESOURCES = {"MemoryPressure": "memory", "DiskPressure": "ephemeral-storage", "PIDPressure": "pids"}


class Level(NamedTuple):
    """How much of one signal is left, of how much."""

    available: int
    capacity: int


class Threshold(NamedTuple):
    """Below this a signal means pressure; `share` is a percentage of the capacity if `amount` is None.

    `lasting_s`: for how long before a pod has to leave; 0.0, a hard threshold, is at once.
    """

    signal: str
    amount: int | None
    share: float = 0.0
    lasting_s: float = 0.0

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


def soft_thresholds(text: str, lasting: str) -> tuple[Threshold, ...]:
    """`memory.available<1Gi` and `memory.available=1m30s`: each with a time, which must be given. Raises ValueError."""
    pairs = (part.strip().partition("=") for part in lasting.split(",") if part.strip())
    lasting_s = {signal: parse_duration_s(value) for signal, _, value in pairs}
    given = thresholds(text)
    for signal in {each.signal for each in given} ^ lasting_s.keys():
        raise ValueError(f"{signal}: a soft threshold and its grace period go together")
    if not all(seconds > 0 for seconds in lasting_s.values()):
        raise ValueError("the grace period of a soft threshold is more than 0")
    return tuple(each._replace(lasting_s=lasting_s[each.signal]) for each in given)


class Shortage(NamedTuple):
    """A threshold that is met now."""

    condition: str
    signal: str
    available: int
    least: int
    is_hard: bool = True

    @property
    def resource(self) -> str:
        return _RESOURCES[self.condition]


class Look(NamedTuple):
    """What the node is short of; of that what calls for a pod to leave, hard thresholds first; since when each
    threshold is met.
    """

    shortages: tuple[Shortage, ...]
    due: tuple[Shortage, ...]
    since_s: Mapping[Threshold, float]


def look(
    given: Sequence[Threshold], levels: Mapping[str, Level], since_s: Mapping[Threshold, float], now_s: float
) -> Look:
    """`since_s` is that of the look before."""
    met = {
        each: Shortage(
            CONDITIONS[each.signal],
            each.signal,
            level.available,
            each.least(level),
            is_hard=not each.lasting_s,
        )
        for each in given
        if (level := levels.get(each.signal)) and each.met(level)
    }
    since = {each: since_s.get(each, now_s) for each in met}
    due = [found for each, found in met.items() if now_s - since[each] >= each.lasting_s]
    return Look(tuple(met.values()), tuple(sorted(due, key=lambda found: not found.is_hard)), since)


def grace_s(shortage: Shortage, pod: Pod, longest_s: int) -> int:
    """How long the pod may take to end: no time at a hard threshold, else its own, `longest_s` at most."""
    if shortage.is_hard:
        return _HARD_GRACE_S
    own_s = pod.spec.termination_grace_period_seconds
    return longest_s if own_s is None else min(own_s, longest_s)


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
