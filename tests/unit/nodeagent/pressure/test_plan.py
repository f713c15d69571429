"""Shortages and who leaves."""

import pytest

from nodeagent.options import DEFAULT_EVICTION
from nodeagent.pressure.plan import (
    Candidate,
    Level,
    Shortage,
    sentence,
    shortages,
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
    assert [each.condition for each in shortages(given, levels)] == ["MemoryPressure", "DiskPressure"]
    assert shortages(given, {}) == ()
    assert thresholds("") == ()


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
