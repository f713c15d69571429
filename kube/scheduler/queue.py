"""Pods that wait for a node: ready by priority, backing off, or unschedulable until something relevant happens.

No clock in here: `now` is loop time in seconds.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable
from enum import Enum, auto
from typing import Final

import msgspec

from kube.objects import NamespacedName
from kube.scheduler.pods import PodInfo


class Happening(Enum):
    """What may make an unschedulable pod schedulable."""

    NODE_ADDED = auto()
    NODE_RESOURCES = auto()
    NODE_LABELS = auto()
    NODE_TAINTS = auto()
    NODE_DELETED = auto()
    POD_PLACED = auto()  # or its labels changed
    POD_GONE = auto()
    NAMESPACE_LABELS = auto()
    STORAGE = auto()  # a claim, a volume or a class


# Which happenings can undo a plugin's refusal (the queueing hints of kube-scheduler, without looking closer).
HELPS: Final[dict[str, frozenset[Happening]]] = {
    "NodeUnschedulable": frozenset({Happening.NODE_ADDED, Happening.NODE_TAINTS}),
    "NodeName": frozenset({Happening.NODE_ADDED}),
    "TaintToleration": frozenset({Happening.NODE_ADDED, Happening.NODE_TAINTS}),
    "NodeAffinity": frozenset({Happening.NODE_ADDED, Happening.NODE_LABELS}),
    "NodePorts": frozenset({Happening.NODE_ADDED, Happening.POD_GONE}),
    "NodeResourcesFit": frozenset({Happening.NODE_ADDED, Happening.NODE_RESOURCES, Happening.POD_GONE}),
    "PodTopologySpread": frozenset(
        {
            Happening.NODE_ADDED,
            Happening.NODE_LABELS,
            Happening.NODE_DELETED,
            Happening.NODE_TAINTS,
            Happening.POD_PLACED,
            Happening.POD_GONE,
        }
    ),
    "InterPodAffinity": frozenset(
        {
            Happening.NODE_ADDED,
            Happening.NODE_LABELS,
            Happening.POD_PLACED,
            Happening.POD_GONE,
            Happening.NAMESPACE_LABELS,
        }
    ),
    "VolumeBinding": frozenset({Happening.NODE_ADDED, Happening.NODE_LABELS, Happening.STORAGE}),
    "VolumeZone": frozenset({Happening.NODE_ADDED, Happening.NODE_LABELS, Happening.STORAGE}),
    "VolumeRestrictions": frozenset({Happening.POD_GONE, Happening.STORAGE}),
    "": frozenset({Happening.NODE_ADDED}),  # there were no nodes
}


class Waiting(msgspec.Struct, kw_only=True, eq=False):
    """One pod in the queue."""

    pod: PodInfo
    added_at: float
    attempts: int = 0
    tried_at: float = 0.0
    plugins: frozenset[str] = frozenset()
    where: str = ""  # active, backoff, unschedulable, gated; "" = taken out


class SchedulingQueue:
    def __init__(
        self, *, initial_backoff_s: float, max_backoff_s: float, flush_s: float, on_ready: Callable[[], None]
    ) -> None:
        self._initial_backoff_s = initial_backoff_s
        self._max_backoff_s = max_backoff_s
        self._flush_s = flush_s
        self._on_ready = on_ready
        self._pods: dict[NamespacedName, Waiting] = {}
        self._unschedulable: dict[NamespacedName, Waiting] = {}
        self._active: list[tuple[int, float, int, Waiting]] = []
        self._backoff: list[tuple[float, int, Waiting]] = []
        self._sequence = 0

    def __len__(self) -> int:
        return len(self._pods)

    def __contains__(self, key: NamespacedName) -> bool:
        return key in self._pods

    def counts(self) -> dict[str, int]:
        """For the metric scheduler_pending_pods."""
        found = {"active": 0, "backoff": 0, "unschedulable": 0, "gated": 0}
        for waiting in self._pods.values():
            if waiting.where:
                found[waiting.where] += 1
        return found

    def put(self, pod: PodInfo, now: float) -> None:
        """A new pod, or a new version of one that waits. A changed spec or labels ends its waiting."""
        waiting = self._pods.get(pod.key)
        if waiting is None or waiting.pod.uid != pod.uid:
            self.drop(pod.key)
            waiting = Waiting(pod=pod, added_at=now)
            self._pods[pod.key] = waiting
            self._place(waiting, now)
            return
        before, waiting.pod = waiting.pod, pod
        changed = before.pod.spec != pod.pod.spec or before.group != pod.group
        if waiting.where in ("unschedulable", "gated") and changed:
            self._place(waiting, now)

    def drop(self, key: NamespacedName) -> None:
        waiting = self._pods.pop(key, None)
        if waiting is not None:
            self._move(waiting, "")

    def pop(self, now: float) -> Waiting | None:
        """The most important pod that may be tried; it stays known until `drop` or `refused`."""
        self._wake_due(now)
        while self._active:
            waiting = heapq.heappop(self._active)[3]
            if waiting.where == "active" and self._pods.get(waiting.pod.key) is waiting:
                self._move(waiting, "")
                waiting.attempts += 1
                waiting.tried_at = now
                return waiting
        return None

    def refused(self, waiting: Waiting, plugins: frozenset[str]) -> None:
        """No node would take it: wait until something helps."""
        if self._pods.get(waiting.pod.key) is waiting:
            waiting.plugins = plugins or frozenset({""})
            self._move(waiting, "unschedulable")

    def failed(self, waiting: Waiting, now: float) -> None:
        """An error on the way (not a refusal): try again after the back-off."""
        if self._pods.get(waiting.pod.key) is waiting:
            self._place(waiting, now)

    def happened(self, what: Happening, now: float) -> None:
        for waiting in list(self._unschedulable.values()):
            if any(what in HELPS[plugin] for plugin in waiting.plugins):
                self._place(waiting, now)

    def next_wake_at(self) -> float | None:
        """When `pop` may have something again without any event; None: never."""
        while self._backoff and self._backoff[0][2].where != "backoff":
            heapq.heappop(self._backoff)
        ready_at = [self._backoff[0][0]] if self._backoff else []
        flush_at = [waiting.tried_at + self._flush_s for waiting in self._unschedulable.values()]
        return min((*ready_at, *flush_at), default=None)

    def _move(self, waiting: Waiting, where: str) -> None:
        waiting.where = where
        if where == "unschedulable":
            self._unschedulable[waiting.pod.key] = waiting
        else:
            self._unschedulable.pop(waiting.pod.key, None)

    def _wake_due(self, now: float) -> None:
        while self._backoff and self._backoff[0][0] <= now:
            waiting = heapq.heappop(self._backoff)[2]
            if waiting.where == "backoff" and self._pods.get(waiting.pod.key) is waiting:
                self._activate(waiting)
        for waiting in [one for one in self._unschedulable.values() if one.tried_at + self._flush_s <= now]:
            self._activate(waiting)

    def _backoff_until(self, waiting: Waiting) -> float:
        if not waiting.attempts:
            return waiting.added_at
        delay_s = self._initial_backoff_s * 2.0 ** min(waiting.attempts - 1, 32)
        return waiting.tried_at + min(delay_s, self._max_backoff_s)

    def _place(self, waiting: Waiting, now: float) -> None:
        if waiting.pod.pod.spec.scheduling_gates:
            self._move(waiting, "gated")
            return
        until = self._backoff_until(waiting)
        if until <= now:
            self._activate(waiting)
            return
        self._move(waiting, "backoff")
        self._sequence += 1
        heapq.heappush(self._backoff, (until, self._sequence, waiting))
        self._on_ready()  # the sleeper must look at the new wake-up time

    def _activate(self, waiting: Waiting) -> None:
        self._move(waiting, "active")
        self._sequence += 1
        heapq.heappush(self._active, (-waiting.pod.priority, waiting.added_at, self._sequence, waiting))
        self._on_ready()
