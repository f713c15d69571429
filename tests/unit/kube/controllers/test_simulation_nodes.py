"""Nodes that fall silent or are full, addresses, budgets: scheduler and controllers on a virtual clock."""

from __future__ import annotations

import asyncio
from typing import Any

from kube.objects import (
    Endpoints,
    Namespace,
    Node,
    Pod,
    PodDisruptionBudget,
    PriorityClass,
    Service,
)
from tests.unit.kube.controllers import virtual
from tests.unit.kube.controllers.cluster import cluster, send
from tests.unit.kube.controllers.web import (
    APP,
    demo,
    ready_addresses,
)


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
