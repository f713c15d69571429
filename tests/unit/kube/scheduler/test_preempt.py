"""Who is evicted for whom."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest

from kube.objects import Node
from kube.scheduler.decide import Unschedulable, decide
from kube.scheduler.pods import PodInfo
from kube.scheduler.preempt import Budget, NoPreemption, Preempt, preempt
from kube.scheduler.profile import SchedulerProfile
from kube.scheduler.selectors import equality
from tests.unit.kube.scheduler.builders import cluster, node, pod

A, B = node("a"), node("b")


def full(name: str, where: str, priority: int, cpu: str = "3", **spec: Any) -> PodInfo:
    return pod(name, node=where, priority=priority, requests={"cpu": cpu}, **spec)


VIP = pod("vip", priority=1000, requests={"cpu": "3"})

CASES: list[tuple[str, PodInfo, list[Node | PodInfo], tuple[Budget, ...], tuple[str, set[str]] | str]] = [
    ("the less important pod goes", VIP, [A, B, full("x", "a", 10), full("y", "b", 20)], (), ("a", {"x"})),
    (
        "only as many as needed go",
        VIP,
        [A, full("x", "a", 10, "1"), full("y", "a", 20, "1"), full("z", "a", 30, "1")],
        (),
        ("a", {"x", "y"}),
    ),
    (
        "fewer victims of equal priority",
        VIP,
        [A, B, full("x", "a", 10, "2"), full("y", "a", 10, "2"), full("z", "b", 10, "4")],
        (),
        ("b", {"z"}),
    ),
    (
        "a budget is kept where possible",
        VIP,
        [A, B, full("x", "a", 10, labels={"app": "db"}), full("y", "b", 20)],
        (Budget("ns", equality({"app": "db"}), 0),),
        ("b", {"y"}),
    ),
    (
        "who started last goes",
        VIP,
        [
            A,
            B,
            full("x", "a", 10, status={"startTime": "2026-01-01T00:00:00Z"}),
            full("y", "b", 10, status={"startTime": "2026-01-02T00:00:00Z"}),
        ],
        (),
        ("b", {"y"}),
    ),
    (
        "nobody is less important",
        VIP,
        [A, full("x", "a", 1000)],
        (),
        "0/1 nodes are available: 1 No preemption victims found for incoming pod.",
    ),
    (
        "a pod that may not preempt",
        pod("vip", priority=1000, requests={"cpu": "3"}, preemptionPolicy="Never"),
        [A, full("x", "a", 10)],
        (),
        "not eligible due to preemptionPolicy=Never.",
    ),
    (
        "a node that could never hold it",
        pod("vip", priority=1000, requests={"cpu": "5"}),
        [A, full("x", "a", 10)],
        (),
        "0/1 nodes are available: 1 Preemption is not helpful for scheduling.",
    ),
]


@pytest.mark.parametrize(
    ("wanted", "parts", "budgets", "expected"), [case[1:] for case in CASES], ids=[case[0] for case in CASES]
)
def test_the_cheapest_victims_go(
    wanted: PodInfo,
    parts: list[Node | PodInfo],
    budgets: tuple[Budget, ...],
    expected: tuple[str, set[str]] | str,
) -> None:
    state = cluster(*parts)
    refused = decide(wanted, state, SchedulerProfile(), Random(1))
    assert isinstance(refused, Unschedulable)
    match preempt(wanted, state, refused, budgets):
        case Preempt(node=name, victims=victims):
            assert (name, {one.key.name for one in victims}) == expected
        case NoPreemption(message=message):
            assert message == expected
