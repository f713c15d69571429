"""Evictions and the budgets that may refuse them."""

import asyncio
from typing import Any

import pytest

from tests.unit.kube.apiserver.conftest import Caller, Run, pod

CORE = "/api/v1/namespaces/default"
PODS = f"{CORE}/pods"
BUDGETS = "/apis/policy/v1/namespaces/default/poddisruptionbudgets"
EVICTION = {"apiVersion": "policy/v1", "kind": "Eviction"}
VIOLATED = "Cannot evict pod as it would violate the pod's disruption budget."


async def running(caller: Caller, *names: str, ready: bool = True) -> None:
    for name in names:
        await caller.create(PODS, pod(name, nodeName="n1", labels={"app": "x"}))
        condition = {"type": "Ready", "status": "True" if ready else "False"}
        await caller.patch(
            f"{PODS}/{name}/status", {"status": {"phase": "Running", "conditions": [condition]}}
        )


async def budget(caller: Caller, allowed: int, *, name: str = "b", seen: int = 1, **more: Any) -> None:
    """As the controller would write its status; `seen` is the generation it has looked at."""
    healthy = more.pop("healthy", 2)
    spec = {"minAvailable": 1, "selector": {"matchLabels": {"app": "x"}}, **more}
    await caller.create(BUDGETS, {"metadata": {"name": name}, "spec": spec})
    status = {
        "disruptionsAllowed": allowed,
        "currentHealthy": healthy,
        "desiredHealthy": 1,
        "expectedPods": 2,
        "observedGeneration": seen,
    }
    await caller.patch(f"{BUDGETS}/{name}/status", {"status": status})


async def is_going(caller: Caller, name: str) -> bool:
    return "deletionTimestamp" in (await caller.get(f"{PODS}/{name}"))["metadata"]


def test_an_eviction_takes_one_of_the_disruptions_allowed(run: Run) -> None:
    async def body(caller: Caller) -> None:
        await running(caller, "p", "q")
        await budget(caller, 1)
        await caller.create(f"{PODS}/p/eviction", EVICTION)
        gone = await caller.get(f"{PODS}/p")
        assert gone["metadata"]["deletionTimestamp"]
        reason = [row for row in gone["status"]["conditions"] if row["type"] == "DisruptionTarget"]
        assert reason[0]["reason"] == "EvictionByEvictionAPI"
        state = (await caller.get(f"{BUDGETS}/b"))["status"]
        assert state["disruptionsAllowed"] == 0
        assert list(state["disruptedPods"]) == ["p"]
        refused = await caller.create(f"{PODS}/q/eviction", EVICTION, expect=429)
        assert (refused["reason"], refused["message"]) == ("TooManyRequests", VIOLATED)
        assert refused["details"]["causes"] == [
            {
                "reason": "DisruptionBudget",
                "message": "The disruption budget b needs 1 healthy pods and has 2 currently",
            }
        ]
        assert not await is_going(caller, "q")

    run(body)


def test_two_at_once_do_not_share_one(run: Run) -> None:
    async def body(caller: Caller) -> None:
        names = [f"p{number}" for number in range(6)]
        await running(caller, *names)
        await budget(caller, 2)
        replies = await asyncio.gather(
            *(caller.send("POST", f"{PODS}/{name}/eviction", EVICTION) for name in names)
        )
        assert sorted(reply.status for reply in replies) == [201, 201, 429, 429, 429, 429]
        assert sum([await is_going(caller, name) for name in names]) == 2

    run(body)


def test_a_budget_that_was_changed_is_waited_for(run: Run) -> None:
    async def body(caller: Caller) -> None:
        await running(caller, "p")
        await budget(caller, 1, seen=0)
        refused = await caller.send("POST", f"{PODS}/p/eviction", EVICTION)
        assert refused.status == 429
        assert refused.headers["retry-after"] == "10"
        assert b"is still being processed by the server" in refused.body

    run(body)


@pytest.mark.parametrize(
    ("more", "evicted"),
    [
        ({"healthy": 0}, False),
        ({"healthy": 1}, True),
        ({"healthy": 0, "unhealthyPodEvictionPolicy": "AlwaysAllow"}, True),
        ({"healthy": 0, "unhealthyPodEvictionPolicy": "IfHealthyBudget"}, False),
    ],
)
def test_a_pod_that_is_not_ready(run: Run, more: dict[str, Any], *, evicted: bool) -> None:
    async def body(caller: Caller) -> None:
        await running(caller, "p", ready=False)
        await budget(caller, 0, **more)
        await caller.create(f"{PODS}/p/eviction", EVICTION, expect=201 if evicted else 429)
        assert await is_going(caller, "p") is evicted

    run(body)


def test_a_pod_that_waits_for_a_node_is_not_guarded(run: Run) -> None:
    async def body(caller: Caller) -> None:
        await caller.create(PODS, pod("p", labels={"app": "x"}))
        await budget(caller, 0)
        await caller.create(f"{PODS}/p/eviction", EVICTION)
        await caller.get(f"{PODS}/p", expect=404)

    run(body)


def test_two_budgets_for_one_pod_are_one_too_many(run: Run) -> None:
    async def body(caller: Caller) -> None:
        await running(caller, "p")
        await budget(caller, 1)
        await budget(caller, 1, name="c")
        refused = await caller.create(f"{PODS}/p/eviction", EVICTION, expect=500)
        assert "more than one PodDisruptionBudget" in refused["message"]

    run(body)


def test_a_dry_run_changes_nothing(run: Run) -> None:
    async def body(caller: Caller) -> None:
        await running(caller, "p")
        await budget(caller, 1)
        await caller.create(f"{PODS}/p/eviction", {**EVICTION, "deleteOptions": {"dryRun": ["All"]}})
        assert not await is_going(caller, "p")
        assert (await caller.get(f"{BUDGETS}/b"))["status"]["disruptionsAllowed"] == 1

    run(body)
