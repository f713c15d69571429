"""Shortages and who leaves."""

import pytest

from nodeagent.options import DEFAULT_EVICTION
from nodeagent.pressure.plan import (
    Candidate,
    Level,
    Shortage,
    grace_s,
    look,
    sentence,
    soft_thresholds,
    thresholds,
    victim,
)

MEMORY = Shortage("MemoryPressure", "memory.available", 50, 100)


def test_thresholds_are_amounts_or_shares():
    given = thresholds(DEFAULT_EVICTION)
    levels = {
        "memory.available": Level(99 << 20, 1 << 34),
        "nodefs.available": Level(101, 1000),
        "nodefs.inodesFree": Level(49, 1000),
    }
    found = look(given, levels, {}, 0.0)
    assert [each.condition for each in found.shortages] == ["MemoryPressure", "DiskPressure"]
    assert found.due == found.shortages
    assert look(given, {}, {}, 0.0) == ((), (), {})
    assert thresholds("") == ()


def test_a_soft_threshold_is_pressure_at_once_and_calls_for_a_pod_when_it_lasts():
    given = (
        *thresholds("nodefs.available<10%"),
        *soft_thresholds("memory.available<1Gi", "memory.available=1m30s"),
    )
    short, calm = {"memory.available": Level(1 << 20, 1 << 34)}, {"memory.available": Level(1 << 33, 1 << 34)}
    seen, since = [], {}
    for now_s, levels in ((0.0, short), (89.0, short), (90.0, short), (100.0, calm), (110.0, short)):
        found = look(given, levels, since, now_s)
        since = found.since_s
        seen.append((len(found.shortages), len(found.due)))
    assert seen == [(1, 0), (1, 0), (1, 1), (0, 0), (1, 0)]


def test_hard_thresholds_come_before_soft_ones():
    given = (
        *soft_thresholds("memory.available<1Gi", "memory.available=1s"),
        *thresholds("nodefs.available<10%"),
    )
    levels = {"memory.available": Level(0, 1 << 34), "nodefs.available": Level(0, 100)}
    since = look(given, levels, {}, 0.0).since_s
    due = look(given, levels, since, 5.0).due
    assert [(each.condition, each.is_hard) for each in due] == [
        ("DiskPressure", True),
        ("MemoryPressure", False),
    ]


@pytest.mark.parametrize(
    ("soft", "lasting"),
    [
        ("memory.available<1Gi", ""),
        ("", "memory.available=1m"),
        ("memory.available<1Gi", "memory.available=0s"),
        ("memory.available<1Gi", "memory.available=long"),
    ],
)
def test_soft_thresholds_and_their_times_go_together(soft, lasting):
    with pytest.raises(ValueError, match=r"grace period|duration|long"):
        soft_thresholds(soft, lasting)


def test_a_pod_has_its_own_time_to_end_at_a_soft_threshold_within_a_limit(pod):
    soft = MEMORY._replace(is_hard=False)
    containers = [{"name": "c"}]
    slow = pod(containers=containers, terminationGracePeriodSeconds=300)
    quick = pod(containers=containers, terminationGracePeriodSeconds=5)
    assert [grace_s(soft, each, 60) for each in (slow, quick)] == [60, 5]
    assert grace_s(soft, slow, 0) == 0
    assert grace_s(MEMORY, slow, 60) == 1


@pytest.mark.parametrize("text", ["memory.available", "memory<1Gi", "memory.available<x"])
def test_a_threshold_that_means_nothing_is_refused(text):
    with pytest.raises(ValueError, match=r"threshold|quantity"):
        thresholds(text)


def test_who_exceeds_its_request_leaves_first_then_the_less_important(pod):
    def one(name, used, request, priority=0):
        resources = {"requests": {"memory": str(request)}} if request else {}
        made = pod(
            containers=[{"name": "c", "resources": resources}],
            metadata={"name": name, "uid": name},
            priority=priority,
        )
        return Candidate(made, used)

    modest, greedy = one("modest", 100, 200), one("greedy", 300, 200)
    greedier, important = one("greedier", 500, 0), one("important", 900, 0, priority=5)
    critical = one("critical", 9000, 0, priority=2_000_000_000)
    everyone = [modest, critical, important, greedy, greedier]
    left = []
    while chosen := victim(MEMORY, everyone):
        left.append(chosen.pod.metadata.name)
        everyone.remove(chosen)
    assert left == ["greedier", "greedy", "important", "modest"]


def test_the_message_names_resource_and_amounts():
    assert (
        sentence(MEMORY) == "The node was low on resource: memory. Threshold quantity: 100, available: 50. "
    )
