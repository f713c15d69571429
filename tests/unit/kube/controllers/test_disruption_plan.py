"""How many pods may be evicted."""

from __future__ import annotations

from typing import Any

import pytest

from kube.controllers.clock import timestamp
from kube.controllers.disruption.plan import status
from kube.objects import PodDisruptionBudget
from tests.unit.kube.controllers.builders import NOW, make, pod


@pytest.mark.parametrize(
    ("spec", "ready", "unready", "expected", "allowed"),
    [
        ({"minAvailable": 2}, 3, 0, 3, 1),
        ({"minAvailable": 3}, 3, 0, 3, 0),
        ({"minAvailable": "50%"}, 3, 0, 3, 1),
        ({"minAvailable": "50%"}, 3, 0, 5, 0),
        ({"maxUnavailable": 1}, 3, 0, 3, 1),
        ({"maxUnavailable": 1}, 2, 1, 3, 0),
        ({"maxUnavailable": "34%"}, 3, 0, 3, 2),
        ({"maxUnavailable": 1}, 0, 0, 0, 0),
    ],
)
def test_what_is_allowed(spec: dict[str, Any], ready: int, unready: int, expected: int, allowed: int) -> None:
    pods = [pod(f"r{n}", ready=True) for n in range(ready)] + [
        pod(f"u{n}", ready=False) for n in range(unready)
    ]
    found = status(make(PodDisruptionBudget, "b", spec=spec), pods, expected, NOW)
    assert found.disruptions_allowed == allowed
    assert found.conditions[0].status == ("True" if allowed else "False")


def test_terminating_pods_are_not_healthy() -> None:
    pods = [pod("a", ready=True), pod("b", ready=True, terminating=True)]
    found = status(make(PodDisruptionBudget, "b", spec={"maxUnavailable": 1}), pods, 2, NOW)
    assert (found.current_healthy, found.disruptions_allowed) == (1, 0)


def test_a_granted_eviction_is_spent_until_it_shows_or_is_plainly_not_coming() -> None:
    pods = [pod("a", ready=True), pod("b", ready=True), pod("c", ready=True, terminating=True)]
    granted = {
        "a": timestamp(NOW - 5),
        "b": timestamp(NOW - 500),
        "c": timestamp(NOW),
        "gone": timestamp(NOW),
    }
    before = make(PodDisruptionBudget, "b", spec={"maxUnavailable": 2}, status={"disruptedPods": granted})
    found = status(before, pods, 3, NOW)
    assert found.disrupted_pods == {"a": granted["a"]}
    assert (found.current_healthy, found.disruptions_allowed) == (1, 0)
