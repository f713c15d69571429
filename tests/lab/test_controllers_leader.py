"""Scheduler and controllers as processes that elect a leader: the leaders are killed in the middle of a rollout."""

import asyncio
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random

import pytest

from kube.client import NotFound, PatchKind
from kube.objects import Deployment, Lease, Namespace, Node, Pod
from linux import process
from tests.lab.kcore_process import KCORE, Kcore
from tests.unit.kube.controllers.cluster import PretendNode, send

pytestmark = pytest.mark.lab

REPLICAS = 20
LABELS = {"app": "web"}
LEASES = {"scheduler": "kube-scheduler", "controllers": "kube-controller-manager"}


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Kcore]:
    kcore = Kcore(tmp_path / "core", "--fsync", "normal")
    kcore.start()
    yield kcore
    kcore.end()


@contextmanager
def part(server: Kcore, command: str) -> Iterator["subprocess.Popen[bytes]"]:
    """A scheduler or controllers of its own, one of several that want to lead."""
    argv = [str(KCORE), command, "--kubeconfig", str(server.kubeconfig), "--profile", "lab"]
    argv += ["--cluster-cidr", "10.244.0.0/16", "--secure-port", "0"]
    if command == "controllers":  # the nodes run in this process: its pauses are not what is tested
        argv += ["--node-monitor-grace-period", "60"]
    with server.log.open("ab") as log:
        started = process.spawn(argv, stdout=log, stderr=log)
    try:
        yield started
    finally:
        if started.poll() is None:
            started.send_signal(signal.SIGTERM)
        started.wait(60)


def rollout_body(image: str) -> dict:
    template = {"metadata": {"labels": LABELS}, "spec": {"containers": [{"name": "c", "image": image}]}}
    spec = {"replicas": REPLICAS, "selector": {"matchLabels": LABELS}, "template": template}
    return {"metadata": {"name": "web"}, "spec": spec}


def test_leaders_killed_mid_rollout_leave_no_gap_and_no_double(server: Kcore) -> None:
    async def until(holds, what: str, within_s: float = 200.0) -> None:
        deadline_s = time.monotonic() + within_s
        while not await holds():
            assert time.monotonic() < deadline_s, what
            await asyncio.sleep(0.05)

    async def main() -> None:
        client = server.client()
        nodes = [
            PretendNode(server.client(), f"node-{n}", Random(n), wall_clock=time.time, start_s=0.3)
            for n in range(3)
        ]
        agents = [asyncio.ensure_future(node.run()) for node in nodes]

        async def holder(command: str) -> str:
            try:
                return (await client.get(Lease, LEASES[command], "kube-system")).spec.holder_identity or ""
            except NotFound:
                return ""

        async def settled() -> bool:
            found = await client.get(Deployment, "web", "demo")
            counts = (found.status.replicas, found.status.updated_replicas, found.status.available_replicas)
            return found.status.observed_generation >= found.metadata.generation and counts == (REPLICAS,) * 3

        async def led() -> bool:
            return bool(await holder("scheduler") and await holder("controllers"))

        async def nodes_ready() -> bool:
            found = (await client.list(Node)).items
            return len(found) == 3 and all(node.spec.pod_cidr and not node.spec.taints for node in found)

        with part(server, "scheduler") as first_scheduler, part(server, "controllers") as first_controllers:
            await until(led, "nobody leads")
            leaders = {command: await holder(command) for command in LEASES}
            with part(server, "scheduler"), part(server, "controllers"):
                await until(nodes_ready, "the nodes are not ready")
                await send(client, Namespace, "", {"metadata": {"name": "demo"}})
                await send(client, Deployment, "demo", rollout_body("web:1"))
                await until(settled, "not deployed")
                containers = {
                    "spec": {"template": {"spec": {"containers": [{"name": "c", "image": "web:2"}]}}}
                }
                await client.patch(Deployment, "web", "demo", containers, kind=PatchKind.STRATEGIC)

                async def begun() -> bool:
                    return (
                        3 <= (await client.get(Deployment, "web", "demo")).status.updated_replicas < REPLICAS
                    )

                await until(begun, "the rollout did not begin")
                first_scheduler.kill()
                first_controllers.kill()
                least = REPLICAS

                async def settled_again() -> bool:
                    nonlocal least
                    pods = (await client.list(Pod, "demo")).items
                    ready = [
                        p
                        for p in pods
                        if any(c.type == "Ready" and c.status == "True" for c in p.status.conditions)
                    ]
                    least = min(least, len([p for p in ready if p.metadata.deletion_timestamp is None]))
                    assert (
                        len([p for p in pods if p.metadata.deletion_timestamp is None]) <= REPLICAS * 5 // 4
                    )
                    return await settled()

                await until(settled_again, "the rollout did not end under other leaders")
                assert least >= REPLICAS * 3 // 4
                for command, before in leaders.items():
                    lease = await client.get(Lease, LEASES[command], "kube-system")
                    assert lease.spec.holder_identity != before
                    assert lease.spec.lease_transitions >= 1
                pods = (await client.list(Pod, "demo")).items
                images = [p.spec.containers[0].image for p in pods if p.metadata.deletion_timestamp is None]
                assert images == ["web:2"] * REPLICAS
        for agent in agents:
            agent.cancel()
        await asyncio.gather(*agents, return_exceptions=True)
        for node in nodes:
            await node.close()
        await client.close()

    asyncio.run(main())
