"""Nodes: ranges, silence, taints, and when pods leave."""

from __future__ import annotations

from typing import Any

import pytest

from kube.controllers.nodeipam import plan as ipam
from kube.controllers.nodelifecycle import plan
from kube.controllers.nodelifecycle.eviction import leaves_at
from kube.controllers.options import ControllerOptions
from kube.objects import Node, Taint
from tests.unit.kube.controllers.builders import NOW, make, node, pod

STANDARD = ControllerOptions()


def test_ranges_are_cut_by_family() -> None:
    four, six = ipam.pools(("10.244.0.0/16", "fd00:10:244::/56"), 24, 64)
    assert (str(four.at(0)), str(four.at(255)), four.count) == ("10.244.0.0/24", "10.244.255.0/24", 256)
    assert (str(six.at(1)), six.count) == ("fd00:10:244:1::/64", 256)


@pytest.mark.parametrize(
    ("given", "start", "expected"),
    [
        ([], 0, 0),
        (["10.244.0.0/24"], 0, 1),
        (["10.244.0.0/23"], 0, 2),
        (["10.244.1.0/24", "192.0.2.0/24"], 1, 2),
        ([], 3, 3),
        (["10.244.3.0/24"], 3, 0),
        (["10.244.0.0/22"], 0, None),
        (["10.244.0.128/25", "fd00::/64"], 0, 1),
    ],
)
def test_the_next_free_range_is_taken(given: list[str], start: int, expected: int | None) -> None:
    (pool,) = ipam.pools(("10.244.0.0/22",), 24, 64)
    assert ipam.free_index(pool, ipam.taken_indexes(pool, given), start) == expected


def test_a_cluster_range_that_is_too_small_is_refused() -> None:
    with pytest.raises(ValueError, match="smaller than a node's range"):
        ipam.pools(("10.244.0.0/25",), 24, 64)


def test_a_silent_node_is_unknown_in_all_it_reports() -> None:
    conditions = plan.silenced(node("n"), NOW)
    assert conditions is not None
    assert {(one.type, one.status, one.reason) for one in conditions} == {
        ("Ready", "Unknown", "NodeStatusUnknown"),
        ("MemoryPressure", "Unknown", "NodeStatusNeverUpdated"),
        ("DiskPressure", "Unknown", "NodeStatusNeverUpdated"),
        ("PIDPressure", "Unknown", "NodeStatusNeverUpdated"),
    }
    silent = make(
        Node, "n", status={"conditions": [{"type": one.type, "status": one.status} for one in conditions]}
    )
    assert plan.silenced(silent, NOW) is None


TAINTS: list[tuple[str, Node, bool, set[tuple[str, str]] | None]] = [
    ("a ready node", node("n"), True, None),
    (
        "not ready",
        node("n", ready="False"),
        True,
        {("node.kubernetes.io/not-ready", "NoSchedule"), ("node.kubernetes.io/not-ready", "NoExecute")},
    ),
    (
        "unreachable, but evictions are rationed",
        node("n", ready="Unknown"),
        False,
        {("node.kubernetes.io/unreachable", "NoSchedule")},
    ),
    (
        "ready again",
        node(
            "n",
            taints=[
                {"key": "node.kubernetes.io/unreachable", "effect": "NoExecute"},
                {"key": "node.kubernetes.io/not-ready", "effect": "NoSchedule"},
                {"key": "mine", "effect": "NoSchedule"},
            ],
        ),
        True,
        {("mine", "NoSchedule")},
    ),
    (
        "cordoned",
        node("n", unschedulable=True),
        True,
        {("node.kubernetes.io/unschedulable", "NoSchedule")},
    ),
    ("never reported", node("n", ready=""), True, None),
]


@pytest.mark.parametrize(
    ("one", "may_evict", "expected"), [case[1:] for case in TAINTS], ids=[case[0] for case in TAINTS]
)
def test_taints_follow_conditions(one: Node, may_evict: bool, expected: set[tuple[str, str]] | None) -> None:
    found = plan.taints(one, NOW, may_evict=may_evict)
    assert (None if found is None else {(taint.key, taint.effect) for taint in found}) == expected


def nodes(*ready: str, zone: str = "") -> list[Node]:
    return [node(f"n{index}{zone}", ready=status, zone=zone) for index, status in enumerate(ready)]


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (nodes("True", "True", "Unknown"), 0.1),
        (nodes("True", "Unknown", "Unknown"), 0.1),
        (nodes("True", *["Unknown"] * 3), 0.0),
        (nodes(*["True"] * 40, *["Unknown"] * 60), 0.01),
        (nodes("Unknown", "Unknown"), 0.0),
        ([*nodes("Unknown", "Unknown"), *nodes("True", zone="z2")], 0.1),
    ],
    ids=[
        "one of three",
        "two are too few to judge",
        "most of a small zone",
        "most of a large zone",
        "all",
        "another zone lives",
    ],
)
def test_evictions_are_rationed_by_the_zones_health(found: list[Node], expected: float) -> None:
    assert plan.eviction_rate(found, "", STANDARD) == expected


SILENT = Taint(key="node.kubernetes.io/unreachable", effect="NoExecute", time_added="2027-01-15T07:59:00Z")


@pytest.mark.parametrize(
    ("tolerations", "taint", "limit_s", "expected"),
    [
        ([], SILENT, None, NOW),
        ([{"key": SILENT.key, "operator": "Exists"}], SILENT, None, None),
        ([{"key": SILENT.key, "operator": "Exists", "tolerationSeconds": 300}], SILENT, None, NOW + 240),
        ([{"key": SILENT.key, "operator": "Exists", "tolerationSeconds": 300}], SILENT, 5.0, NOW - 55),
        ([{"operator": "Exists"}], SILENT, 5.0, None),
        ([{"operator": "Exists", "effect": "NoSchedule"}], SILENT, None, NOW),
        ([], Taint(key="k", effect="NoSchedule"), None, None),
        (
            [{"key": "k", "value": "v", "tolerationSeconds": 30}],
            Taint(key="k", value="v", effect="NoExecute", time_added="2027-01-15T08:00:00Z"),
            5.0,
            NOW + 30,
        ),
    ],
)
def test_a_pod_leaves_when_its_toleration_ends(
    tolerations: list[dict[str, Any]], taint: Taint, limit_s: float | None, expected: float | None
) -> None:
    assert leaves_at(pod("p", spec={"tolerations": tolerations}), [taint], NOW, limit_s) == expected
