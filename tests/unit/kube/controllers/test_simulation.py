"""Scheduler and controllers against the real server in memory, on a virtual clock."""

from __future__ import annotations

import asyncio
from collections import Counter
from random import Random
from typing import Any

import pytest

from kube.client import PatchKind
from kube.objects import (
    ConfigMap,
    Deployment,
    Endpoints,
    EndpointSlice,
    Event,
    Namespace,
    Node,
    Pod,
    PodDisruptionBudget,
    PriorityClass,
    ReplicaSet,
    Service,
    ServiceAccount,
)
from tests.unit.kube.controllers import virtual
from tests.unit.kube.controllers.cluster import Cluster, cluster, send

APP = {"app": "web"}


def deployment(replicas: int, image: str = "web:1", **spec: Any) -> dict[str, Any]:
    template = {"metadata": {"labels": APP}, "spec": {"containers": [{"name": "c", "image": image}]}}
    return {
        "metadata": {"name": "web"},
        "spec": {"replicas": replicas, "selector": {"matchLabels": APP}, "template": template, **spec},
    }


async def demo(one: Cluster, replicas: int = 6, **spec: Any) -> None:
    """Namespace, Service and Deployment, all replicas available."""
    await send(one.client, Namespace, "", {"metadata": {"name": "demo"}})
    service = {"selector": APP, "ports": [{"name": "http", "port": 80, "targetPort": 8080}]}
    await send(one.client, Service, "demo", {"metadata": {"name": "web"}, "spec": service})
    await send(one.client, Deployment, "demo", deployment(replicas, **spec))
    await one.until(lambda: is_settled(one))


async def is_settled(one: Cluster) -> bool:
    """The rollout is over and the endpoints are the pods'."""
    found = await one.client.get(Deployment, "web", "demo")
    status, wanted = found.status, found.spec.replicas
    done = status.observed_generation >= found.metadata.generation
    counts = (status.replicas, status.updated_replicas, status.available_replicas)
    pods = await one.pods()
    return done and counts == (wanted,) * 3 and len(pods) == wanted == len(await ready_addresses(one))


async def ready_addresses(one: Cluster) -> set[str]:
    slices = (await one.client.list(EndpointSlice, "demo")).items
    return {
        address
        for found in slices
        for endpoint in found.endpoints
        if endpoint.conditions.ready
        for address in endpoint.addresses
    }


async def set_image(one: Cluster, image: str) -> None:
    containers = [{"name": "c", "image": image}]
    body = {"spec": {"template": {"spec": {"containers": containers}}}}
    await one.client.patch(Deployment, "web", "demo", body, kind=PatchKind.STRATEGIC)


async def scale(one: Cluster, replicas: int) -> None:
    await one.client.patch(Deployment, "web", "demo", {"spec": {"replicas": replicas}})


def test_a_deployment_runs_evenly_and_is_served() -> None:
    async def main() -> None:
        async with cluster() as one:
            await demo(one)
            pods = await one.pods()
            assert sorted(Counter(pod.spec.node_name for pod in pods).values()) == [2, 2, 2]
            assert await ready_addresses(one) == {pod.status.pod_ip for pod in pods}
            endpoints = await one.client.get(Endpoints, "web", "demo")
            assert len(endpoints.subsets[0].addresses) == 6
            nodes = (await one.client.list(Node)).items
            assert len({node.spec.pod_cidr for node in nodes}) == 3
            assert all(not node.spec.taints for node in nodes)
            await one.client.get(ServiceAccount, "default", "demo")
            root = await one.client.get(ConfigMap, "kube-root-ca.crt", "demo")
            assert root.data == {"ca.crt": "PEM"}

    virtual.run(main())


def test_what_happened_is_told_in_events() -> None:
    async def main() -> None:
        async with cluster() as one:
            await demo(one, replicas=1)
            events = (await one.client.list(Event, "demo")).items
            (pod,) = await one.pods()
            told = {(event.involved_object.kind, event.reason, event.message) for event in events}
            replica_set = pod.metadata.owner_references[0].name
            assert told >= {
                ("Deployment", "ScalingReplicaSet", f"Scaled up replica set {replica_set} from 0 to 1"),
                ("ReplicaSet", "SuccessfulCreate", f"Created pod: {pod.metadata.name}"),
                (
                    "Pod",
                    "Scheduled",
                    f"Successfully assigned demo/{pod.metadata.name} to {pod.spec.node_name}",
                ),
            }

    virtual.run(main())


def test_a_rolling_update_keeps_serving_and_can_be_undone() -> None:
    async def main() -> None:
        async with cluster() as one:
            await demo(one, replicas=4)
            await set_image(one, "web:2")
            lowest = 4

            async def rolled() -> bool:
                nonlocal lowest
                lowest = min(lowest, len(await ready_addresses(one)))
                return await is_settled(one)

            await one.until(rolled)
            assert lowest >= 3
            assert {pod.spec.containers[0].image for pod in await one.pods()} == {"web:2"}
            await set_image(one, "web:1")
            await one.until(lambda: is_settled(one))
            sets = (await one.client.list(ReplicaSet, "demo")).items
            revisions = {
                found.metadata.annotations["deployment.kubernetes.io/revision"]: found.spec.replicas
                for found in sets
            }
            assert revisions == {"2": 0, "3": 4}
            found = await one.client.get(Deployment, "web", "demo")
            assert found.metadata.annotations["deployment.kubernetes.io/revision"] == "3"

    virtual.run(main())


def test_scaling_up_and_down_ends_with_as_many_pods() -> None:
    async def main() -> None:
        async with cluster() as one:
            await demo(one, replicas=2)
            for replicas in (9, 3, 0, 1):
                await scale(one, replicas)
                await one.until(lambda: is_settled(one))
                assert len(await one.pods()) == replicas

    virtual.run(main())


def test_a_deleted_pod_leaves_the_endpoints_at_once_and_is_replaced() -> None:
    async def main() -> None:
        async with cluster() as one:
            await demo(one, replicas=3)
            victim = (await one.pods())[0]
            await one.client.delete(Pod, victim.metadata.name, "demo")

            async def left() -> bool:
                return victim.status.pod_ip not in await ready_addresses(one)

            assert await one.until(left) <= 0.05
            await one.until(lambda: is_settled(one))

    virtual.run(main())


def test_recreate_never_runs_two_revisions_together() -> None:
    async def main() -> None:
        async with cluster() as one:
            await demo(one, replicas=3, strategy={"type": "Recreate"})
            await set_image(one, "web:2")

            async def over() -> bool:
                images = {pod.spec.containers[0].image for pod in await one.pods()}
                assert len(images) <= 1
                return images == {"web:2"} and await is_settled(one)

            await one.until(over)

    virtual.run(main())


def test_a_deleted_namespace_leaves_nothing() -> None:
    async def main() -> None:
        async with cluster() as one:
            await demo(one)
            await one.client.delete(Namespace, "demo")

            async def gone() -> bool:
                names = {found.metadata.name for found in (await one.client.list(Namespace)).items}
                return "demo" not in names

            assert await one.until(gone) <= 1.5, "as long as its pods, not longer"
            for cls in (Pod, ReplicaSet, Deployment, Service, EndpointSlice, Endpoints, ConfigMap, Event):
                assert (await one.client.list(cls, "demo")).items == ()

    virtual.run(main())


@pytest.mark.parametrize(
    ("propagation", "owner_goes_first", "pods_left"),
    [("Background", True, 0), ("Foreground", False, 0), ("Orphan", True, 3)],
)
def test_deletion_passes_on_as_asked(propagation: str, owner_goes_first: bool, pods_left: int) -> None:
    async def main() -> None:
        async with cluster() as one:
            await demo(one, replicas=3)
            await one.client.delete(Deployment, "web", "demo", propagation=propagation)
            seen: list[tuple[bool, int]] = []

            async def over() -> bool:
                there = bool((await one.client.list(Deployment, "demo")).items)
                pods = len(await one.pods())
                seen.append((there, pods))
                return not there and pods == pods_left

            await one.until(over)
            assert any(not there and pods for there, pods in seen) is owner_goes_first
            sets = (await one.client.list(ReplicaSet, "demo")).items
            assert len(sets) == (1 if propagation == "Orphan" else 0)
            assert all(not found.metadata.owner_references for found in sets)

    virtual.run(main())


def test_orphans_are_adopted_again_by_a_deployment_of_the_same_template() -> None:
    async def main() -> None:
        async with cluster() as one:
            await demo(one, replicas=3)
            before = {pod.metadata.uid for pod in await one.pods()}
            await one.client.delete(Deployment, "web", "demo", propagation="Orphan")

            async def gone() -> bool:
                return not (await one.client.list(Deployment, "demo")).items

            await one.until(gone)
            await send(one.client, Deployment, "demo", deployment(3))
            await one.until(lambda: is_settled(one))
            assert {pod.metadata.uid for pod in await one.pods()} == before

    virtual.run(main())


def test_the_pods_of_a_silent_node_leave_the_endpoints_and_move() -> None:
    async def main() -> None:
        async with cluster() as one:
            await demo(one)
            dead = one.nodes[0]
            dead.alive = False
            theirs = {pod.status.pod_ip for pod in await one.pods() if pod.spec.node_name == dead.name}

            async def unserved() -> bool:
                return not theirs & await ready_addresses(one)

            async def moved() -> bool:
                living = [pod for pod in await one.pods() if pod.spec.node_name != dead.name]
                return len(living) == 6 and len(await ready_addresses(one)) == 6

            assert await one.until(unserved) <= 6.0
            assert await one.until(moved) <= 9.0
            node = await one.client.get(Node, dead.name)
            ready = next(found for found in node.status.conditions if found.type == "Ready")
            assert (ready.status, ready.reason) == ("Unknown", "NodeStatusUnknown")
            assert {(taint.key, taint.effect) for taint in node.spec.taints} == {
                ("node.kubernetes.io/unreachable", "NoSchedule"),
                ("node.kubernetes.io/unreachable", "NoExecute"),
            }
            await one.client.delete(Node, dead.name)

            async def collected() -> bool:
                return all(pod.spec.node_name != dead.name for pod in await one.pods())

            assert await one.until(collected) <= 4.0

    virtual.run(main())


def test_time_in_which_nobody_ran_is_no_nodes_silence() -> None:
    async def main() -> None:
        async with cluster() as one:
            await demo(one)
            loop = asyncio.get_running_loop()
            assert isinstance(loop, virtual.VirtualLoop)
            for stall_s in (1.9, 5.0, 60.0):
                loop.now += stall_s
                for _ in range(40):
                    await asyncio.sleep(0.05)
                    nodes = (await one.client.list(Node)).items
                    assert [node.metadata.name for node in nodes if node.spec.taints] == []

    virtual.run(main())


def test_a_more_important_pod_takes_the_place_of_others() -> None:
    async def main() -> None:
        async with cluster(1) as one:
            await send(one.client, Namespace, "", {"metadata": {"name": "demo"}})
            await send(one.client, PriorityClass, "", {"metadata": {"name": "vip"}, "value": 1000})

            def wanting(name: str, cpu: str, **spec: Any) -> dict[str, Any]:
                container = {"name": "c", "image": "x:1", "resources": {"requests": {"cpu": cpu}}}
                return {"metadata": {"name": name}, "spec": {"containers": [container], **spec}}

            async def phase(name: str) -> str:
                pods = {pod.metadata.name: pod.status.phase for pod in await one.pods()}
                return pods.get(name, "gone")

            async def running(name: str) -> bool:
                return await phase(name) == "Running"

            await send(one.client, Pod, "demo", wanting("small", "1"))
            await one.until(lambda: running("small"))
            await send(one.client, Pod, "demo", wanting("large", "3"))
            await one.until(lambda: running("large"))
            await send(one.client, Pod, "demo", wanting("vip", "2", priorityClassName="vip"))
            await one.until(lambda: running("vip"))
            assert (await phase("small"), await phase("large")) == ("Running", "gone")

    virtual.run(main())


def test_a_pod_that_fits_nowhere_says_why_and_goes_when_it_can() -> None:
    async def main() -> None:
        async with cluster(2) as one:
            await send(one.client, Namespace, "", {"metadata": {"name": "demo"}})
            container = {"name": "c", "image": "x:1"}
            body = {
                "metadata": {"name": "p"},
                "spec": {"containers": [container], "nodeSelector": {"disk": "ssd"}},
            }
            await send(one.client, Pod, "demo", body)
            message = (
                "0/2 nodes are available: 2 node(s) didn't match Pod's node affinity/selector. "
                "preemption: 0/2 nodes are available: 2 Preemption is not helpful for scheduling."
            )

            async def told() -> bool:
                (pod,) = await one.pods()
                said = {(found.reason, found.message) for found in pod.status.conditions}
                return ("Unschedulable", message) in said

            await one.until(told)
            await one.client.patch(Node, "node-1", "", {"metadata": {"labels": {"disk": "ssd"}}})

            async def running() -> bool:
                (pod,) = await one.pods()
                return pod.status.phase == "Running" and pod.spec.node_name == "node-1"

            assert await one.until(running) <= 4.0

    virtual.run(main())


def test_load_balancers_get_an_address_and_give_it_back() -> None:
    async def main() -> None:
        async with cluster(1) as one:
            await send(one.client, Namespace, "", {"metadata": {"name": "demo"}})
            spec = {"type": "LoadBalancer", "selector": APP, "ports": [{"port": 80}]}
            await send(one.client, Service, "demo", {"metadata": {"name": "lb"}, "spec": spec})

            async def held(*expected: str) -> bool:
                found = await one.client.get(Service, "lb", "demo")
                return tuple(each.ip for each in found.status.load_balancer.ingress) == expected

            await one.until(lambda: held("192.0.2.1"))
            await one.client.patch(Service, "lb", "demo", {"spec": {"type": "ClusterIP"}})
            await one.until(held)

    virtual.run(main())


def test_endpoints_written_by_hand_are_mirrored() -> None:
    async def main() -> None:
        async with cluster(0) as one:
            await send(one.client, Namespace, "", {"metadata": {"name": "demo"}})
            spec = {"ports": [{"name": "http", "port": 80}]}
            await send(one.client, Service, "demo", {"metadata": {"name": "web"}, "spec": spec})
            subset = {"addresses": [{"ip": "192.0.2.77"}], "ports": [{"name": "http", "port": 8080}]}
            await send(one.client, Endpoints, "demo", {"metadata": {"name": "web"}, "subsets": [subset]})

            async def served(*expected: str) -> bool:
                return await ready_addresses(one) == set(expected)

            await one.until(lambda: served("192.0.2.77"))
            await one.client.delete(Endpoints, "web", "demo")
            await one.until(served)

    virtual.run(main())


def test_a_budget_counts_what_its_controller_wants() -> None:
    async def main() -> None:
        async with cluster() as one:
            await demo(one, replicas=4)
            spec = {"selector": {"matchLabels": APP}, "maxUnavailable": "25%"}
            await send(one.client, PodDisruptionBudget, "demo", {"metadata": {"name": "b"}, "spec": spec})

            async def allows(count: int) -> bool:
                found = await one.client.get(PodDisruptionBudget, "b", "demo")
                status = found.status
                return (status.expected_pods, status.disruptions_allowed) == (4, count)

            await one.until(lambda: allows(1))
            victim = (await one.pods())[0]
            await one.client.delete(Pod, victim.metadata.name, "demo")
            await one.until(lambda: allows(0))
            await one.until(lambda: allows(1))

    virtual.run(main())


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
