"""When which pod is tried."""

from __future__ import annotations

from kube.scheduler.pods import PodInfo
from kube.scheduler.queue import Happening, SchedulingQueue
from tests.unit.kube.scheduler.builders import pod


def queue() -> SchedulingQueue:
    return SchedulingQueue(initial_backoff_s=1, max_backoff_s=10, flush_s=300, on_ready=lambda: None)


def popped(waiting: SchedulingQueue, now: float) -> list[str]:
    names = []
    while (one := waiting.pop(now)) is not None:
        names.append(one.pod.key.name)
        waiting.drop(one.pod.key)
    return names


def refuse(waiting: SchedulingQueue, now: float, plugin: str = "NodeResourcesFit") -> None:
    one = waiting.pop(now)
    assert one is not None
    waiting.refused(one, frozenset({plugin}))


def test_more_important_pods_go_first_then_older_ones() -> None:
    waiting = queue()
    pods: list[tuple[PodInfo, float]] = [(pod("old"), 0), (pod("new"), 1), (pod("vip", priority=100), 2)]
    for one, at in reversed(pods):
        waiting.put(one, at)
    assert popped(waiting, 5) == ["vip", "old", "new"]


def test_a_refused_pod_waits_for_what_can_help_it() -> None:
    waiting = queue()
    waiting.put(pod(), 0)
    refuse(waiting, 0)
    waiting.happened(Happening.NODE_LABELS, 20)
    assert popped(waiting, 20) == []
    waiting.happened(Happening.POD_GONE, 20)
    assert popped(waiting, 20) == ["p"]


def test_what_helps_early_waits_for_the_backoff() -> None:
    waiting = queue()
    waiting.put(pod(), 0)
    refuse(waiting, 0)
    waiting.happened(Happening.NODE_ADDED, 0.1)
    assert (waiting.pop(0.5), waiting.next_wake_at()) == (None, 1.0)
    refuse(waiting, 1.0)
    waiting.happened(Happening.NODE_ADDED, 1.5)
    assert waiting.next_wake_at() == 3.0  # twice as long


def test_backoff_is_limited() -> None:
    waiting = queue()
    waiting.put(pod(), 0)
    for _ in range(10):
        refuse(waiting, 1000)
        waiting.happened(Happening.NODE_ADDED, 2000)
        one = waiting.pop(2000)
        assert one is not None
        waiting.failed(one, 2000)
        assert waiting.next_wake_at() is not None
        assert (waiting.next_wake_at() or 0) <= 2010
        waiting.drop(one.pod.key)
        waiting.put(pod(), 0)


def test_unschedulable_pods_are_tried_again_after_five_minutes() -> None:
    waiting = queue()
    waiting.put(pod(), 0)
    refuse(waiting, 0)
    assert waiting.next_wake_at() == 300
    assert popped(waiting, 300) == ["p"]


def test_a_gated_pod_waits_until_the_gate_is_gone() -> None:
    waiting = queue()
    waiting.put(pod(schedulingGates=[{"name": "example.com/wait"}]), 0)
    waiting.happened(Happening.NODE_ADDED, 1)
    assert popped(waiting, 1000) == []
    waiting.put(pod(), 1001)
    assert popped(waiting, 1001) == ["p"]


def test_a_status_change_does_not_wake_a_refused_pod_but_a_spec_change_does() -> None:
    waiting = queue()
    waiting.put(pod(), 0)
    refuse(waiting, 0)
    waiting.put(pod(status={"message": "x"}), 50)
    assert popped(waiting, 50) == []
    waiting.put(pod(tolerations=[{"operator": "Exists"}]), 51)
    assert popped(waiting, 51) == ["p"]


def test_a_successor_of_the_same_name_starts_anew() -> None:
    waiting = queue()
    waiting.put(pod(), 0)
    refuse(waiting, 0)
    waiting.put(pod(uid="other"), 1)
    assert popped(waiting, 1) == ["p"]


def test_a_deleted_pod_is_not_tried() -> None:
    waiting = queue()
    waiting.put(pod(), 0)
    waiting.drop(pod().key)
    assert (waiting.pop(0), len(waiting)) == (None, 0)
