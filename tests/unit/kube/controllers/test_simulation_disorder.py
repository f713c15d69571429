"""Late and broken watches, and crashes, end in the state that an undisturbed walk ends in."""

from __future__ import annotations

import asyncio
from collections import Counter
from random import Random
from typing import Any

import pytest

from kube.objects import (
    Deployment,
    EndpointSlice,
    Node,
    Pod,
    ReplicaSet,
)
from tests.unit.kube.controllers import virtual
from tests.unit.kube.controllers.cluster import Cluster, cluster
from tests.unit.kube.controllers.web import (
    demo,
    is_settled,
    ready_addresses,
    scale,
    set_image,
)


async def fixed_walk(one: Cluster) -> dict[str, Any]:
    """The same declarations in the same order; what is left at the end, without names made by chance."""
    await demo(one, replicas=4)
    await set_image(one, "web:2")
    await scale(one, 7)
    await set_image(one, "web:3")
    await one.until(lambda: is_settled(one), within_s=120)
    victim = (await one.pods())[2]
    await one.client.delete(Pod, victim.metadata.name, "demo")
    await scale(one, 5)
    await set_image(one, "web:2")
    await one.until(lambda: is_settled(one), within_s=120)
    one.nodes[1].alive = False

    async def moved() -> bool:
        living = [pod for pod in await one.pods() if pod.spec.node_name != one.nodes[1].name]
        found = await one.client.get(Deployment, "web", "demo")
        return len(living) == 5 == len(await ready_addresses(one)) == found.status.available_replicas

    await one.until(moved, within_s=120)
    pods = [pod for pod in await one.pods() if pod.metadata.deletion_timestamp is None]
    found = await one.client.get(Deployment, "web", "demo")
    sets = (await one.client.list(ReplicaSet, "demo")).items
    return {
        "images": Counter(pod.spec.containers[0].image for pod in pods),
        "spread": sorted(Counter(pod.spec.node_name for pod in pods).values()),
        "served": len(await ready_addresses(one)),
        "slices": len((await one.client.list(EndpointSlice, "demo")).items),
        "available": found.status.available_replicas,
        "sets": sorted(
            (each.spec.template["spec"]["containers"][0]["image"], each.spec.replicas) for each in sets
        ),
        "ranges": len({node.spec.pod_cidr for node in (await one.client.list(Node)).items}),
    }


@pytest.mark.parametrize("seed", range(6))
def test_late_and_broken_watches_end_in_the_same_state(seed: int) -> None:
    async def main() -> dict[str, Any]:
        rng = Random(seed)
        async with cluster(seed=seed, late_s=rng.choice((0.0, 0.02, 0.2)), watch_events=20) as one:
            return await fixed_walk(one)

    state = virtual.run(main())
    spread, sets = state.pop("spread"), state.pop("sets")
    assert state == {
        "images": Counter({"web:2": 5}),
        "served": 5,
        "slices": 1,
        "available": 5,
        "ranges": 3,
    }
    assert sum(spread) == 5
    assert [found for found in sets if found[1]] == [("web:2", 5)]


@pytest.mark.parametrize("seed", range(4))
def test_crashes_in_the_middle_end_in_the_same_state(seed: int) -> None:
    async def main() -> dict[str, Any]:
        rng = Random(seed)
        async with cluster(seed=seed, late_s=0.02) as one:

            async def crashes() -> None:
                while one.nodes[
                    1
                ].alive:  # silence is counted anew after each start, so it would never be long enough
                    await asyncio.sleep(rng.uniform(0.05, 1.5))
                    await one.crash()
                    await asyncio.sleep(rng.uniform(0.0, 0.5))
                    one.start()

            task = asyncio.ensure_future(crashes())
            state = await fixed_walk(one)
            task.cancel()
            return state

    state = virtual.run(main())
    assert (state["served"], state["available"], state["slices"], state["ranges"]) == (5, 5, 1, 3)
    assert [found for found in state["sets"] if found[1]] == [("web:2", 5)]
