"""Deployments, endpoints and what they leave: scheduler and controllers against the real server in memory, on a virtual clock."""

from __future__ import annotations

from collections import Counter

import pytest

from kube.objects import (
    ConfigMap,
    Deployment,
    Endpoints,
    EndpointSlice,
    Event,
    Namespace,
    Node,
    Pod,
    ReplicaSet,
    Service,
    ServiceAccount,
)
from tests.unit.kube.controllers import virtual
from tests.unit.kube.controllers.cluster import cluster, send
from tests.unit.kube.controllers.web import (
    demo,
    deployment,
    is_settled,
    ready_addresses,
    scale,
    set_image,
)


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
