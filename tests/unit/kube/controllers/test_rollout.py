"""The numbers of a rolling update."""

from __future__ import annotations

from typing import Any

import pytest

from kube.controllers.deployment import rollout
from kube.objects import ReplicaSet
from tests.unit.kube.controllers.builders import deployment, replica_set, rolling


@pytest.mark.parametrize(
    ("replicas", "surge", "unavailable", "expected"),
    [
        (10, "25%", "25%", (3, 2)),
        (1, "25%", "25%", (1, 0)),
        (4, 1, 0, (1, 0)),
        (4, 0, 0, (0, 1)),
        (4, "0%", "10%", (0, 1)),
        (3, 0, 10, (0, 3)),
        (0, "25%", "25%", (0, 0)),
    ],
)
def test_surge_is_rounded_up_and_unavailable_down(
    replicas: int, surge: int | str, unavailable: int | str, expected: tuple[int, int]
) -> None:
    found = rollout.limits(deployment(replicas, strategy=rolling(surge, unavailable)))
    assert (found.surge, found.unavailable) == expected


@pytest.mark.parametrize(
    ("wanted", "new", "total", "surge", "expected"),
    [
        (10, 0, 10, 3, 3),
        (10, 3, 13, 3, 3),
        (10, 3, 11, 3, 5),
        (10, 9, 11, 3, 10),
        (10, 12, 12, 3, 10),
        (10, 0, 10, 0, 0),
        (10, 0, 0, 0, 10),
    ],
)
def test_the_new_set_grows_into_the_room(
    wanted: int, new: int, total: int, surge: int, expected: int
) -> None:
    assert rollout.new_size(deployment(wanted, strategy=rolling(surge, 1)), new, total) == expected


OLD_CASES: list[
    tuple[str, int, tuple[int | str, int | str], ReplicaSet, list[ReplicaSet], dict[str, int]]
] = [
    (
        "nothing may go while the new pods are not available",
        10,
        (3, 0),
        replica_set("new", 3, available=0),
        [replica_set("old", 10)],
        {},
    ),
    (
        "a status from before the old set shrank counts no pods that are about to go",
        20,
        ("25%", "25%"),
        replica_set("new", 10, available=3),
        [replica_set("old", 15, available=20)],
        {"old": 12},
    ),
    (
        "as many go as new pods are available",
        10,
        (3, 0),
        replica_set("new", 3),
        [replica_set("old", 10)],
        {"old": 7},
    ),
    (
        "what may be unavailable goes at once",
        10,
        (0, 2),
        replica_set("new", 0),
        [replica_set("old", 10)],
        {"old": 8},
    ),
    (
        "broken old pods go first, whatever their age",
        10,
        (5, 0),
        replica_set("new", 5, available=3),
        [replica_set("older", 8, age=2), replica_set("younger", 2, available=0, age=1)],
        {"younger": 0, "older": 7},
    ),
    (
        "then the oldest",
        10,
        (4, 0),
        replica_set("new", 4),
        [replica_set("younger", 5, age=1), replica_set("older", 5, age=2)],
        {"older": 1},
    ),
    (
        "the end of a rollout",
        3,
        (1, 0),
        replica_set("new", 3),
        [replica_set("old", 1)],
        {"old": 0},
    ),
]


@pytest.mark.parametrize(
    ("wanted", "allowed", "new", "old", "expected"),
    [case[1:] for case in OLD_CASES],
    ids=[case[0] for case in OLD_CASES],
)
def test_old_sets_shrink_as_far_as_allowed(
    wanted: int,
    allowed: tuple[int | str, int | str],
    new: ReplicaSet,
    old: list[ReplicaSet],
    expected: dict[str, int],
) -> None:
    assert rollout.old_sizes(deployment(wanted, strategy=rolling(*allowed)), new, old) == expected


SCALE_CASES: list[tuple[str, int, list[tuple[str, int, int]], dict[str, int]]] = [
    # name, wanted, sets (name, replicas, max-replicas annotation), expected
    ("one active set takes the new size", 5, [("new", 3, 4)], {"new": 5}),
    ("half of a rollout doubles both", 20, [("new", 5, 10), ("old", 5, 10)], {"new": 10, "old": 10}),
    ("the bigger set gets the remainder", 15, [("new", 6, 10), ("old", 4, 10)], {"new": 9, "old": 6}),
    ("down in proportion", 5, [("new", 6, 10), ("old", 4, 10)], {"new": 3, "old": 2}),
    ("to zero", 0, [("new", 6, 10), ("old", 4, 10)], {"new": 0, "old": 0}),
]


@pytest.mark.parametrize(
    ("wanted", "sets", "expected"), [case[1:] for case in SCALE_CASES], ids=[case[0] for case in SCALE_CASES]
)
def test_a_changed_size_is_shared_in_proportion(
    wanted: int, sets: list[tuple[str, int, int]], expected: dict[str, int]
) -> None:
    made = [
        replica_set(name, count, age=age, desired_replicas="10", max_replicas=str(most))
        for age, (name, count, most) in enumerate(sets)
    ]
    strategy: dict[str, Any] = rolling(0, 1)
    assert rollout.scaled_sizes(deployment(wanted, strategy=strategy), made[0], made[1:]) == expected


def test_a_saturated_new_set_ends_the_old_ones() -> None:
    new = replica_set("new", 5, desired_replicas="5", max_replicas="5")
    old = replica_set("old", 2, age=1, desired_replicas="3", max_replicas="3")
    assert rollout.scaled_sizes(deployment(5, strategy=rolling(0, 1)), new, [old]) == {"old": 0}


def test_a_rollout_never_breaks_its_limits_and_ends() -> None:
    """Every pair of limits, pods that come late: at each step the sums hold, at the end only the new set is left."""
    for surge in range(4):
        for unavailable in range(4):
            wanted = 7
            one = deployment(wanted, strategy=rolling(surge, unavailable))
            allowed = rollout.limits(one)
            new, old, ready = 0, wanted, 0
            for _ in range(100):
                new_set = replica_set("new", new, available=ready)
                old_set = replica_set("old", old, age=1)
                size = rollout.new_size(one, new, new + old)
                if size != new:
                    new = size
                else:
                    old = rollout.old_sizes(one, new_set, [old_set]).get("old", old)
                    ready = min(new, ready + 1)
                assert new + old <= wanted + allowed.surge
                assert ready + old >= wanted - allowed.unavailable
            assert (new, old) == (wanted, 0)
