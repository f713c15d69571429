"""A cluster at work: pods scheduled a second, a Deployment to all Ready, a node's loss mended, a big lab.

KUBE_SCHEDULER=path puts kube-scheduler beside ours, on the same API server and pods.
"""

import asyncio
import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec

from kube.client import Client
from kube.objects import Deployment, Pod, decode
from kube.watch import Informer, running
from netns_fixtures import members_run
from netns_fixtures.cluster_run import Cluster
from netns_fixtures.topology import NODE_GRACE_S
from tests.bench import scheduling
from tests.bench.spread import spread

NODE_COUNTS = (100, 1000)
REPLICAS = 100
BIG_LAB = 20
ROUNDS = 3
_LABELS = {"app": "bench"}


def measure() -> dict[str, object]:
    figures: dict[str, object] = {
        f"scheduling_{count}_nodes": scheduling.measure(count) for count in NODE_COUNTS
    }
    with Cluster.up(f"bench-{os.getpid()}", node_count=3, node_grace_s=NODE_GRACE_S) as cluster:
        figures["deployment_100_replicas_ready_s"] = spread(
            [asyncio.run(_rollout(cluster, REPLICAS)) for _ in range(ROUNDS)]
        )
        figures["node_loss_to_replacement_ready_s"] = asyncio.run(_node_loss(cluster))
    figures[f"lab_of_{BIG_LAB}_nodes"] = _big_lab()
    return figures


def _deployment(replicas: int) -> Deployment:
    container = {"name": "c", "image": "podnet/toolbox"}
    template = {
        "metadata": {"labels": _LABELS},
        "spec": {"containers": [container], "terminationGracePeriodSeconds": 0},
    }
    spec = {"replicas": replicas, "selector": {"matchLabels": _LABELS}, "template": template}
    body = {"metadata": {"name": "bench", "namespace": "default"}, "spec": spec}
    return decode(Deployment, msgspec.json.encode(body))


def _is_ready(pod: Pod) -> bool:
    return pod.metadata.deletion_timestamp is None and any(
        one.type == "Ready" and one.status == "True" for one in pod.status.conditions
    )


class _Pods:
    """The pods of the bench, and a wait for what they should be."""

    def __init__(self, client: Client) -> None:
        self._changed = asyncio.Event()
        self.informer = Informer(
            client, Pod, namespace="default", label_selector="app=bench", on_change=self._on_change
        )

    def _on_change(self, *_: object) -> None:
        self._changed.set()

    @property
    def ready(self) -> list[Pod]:
        return [pod for pod in self.informer.cache.values() if _is_ready(pod)]

    async def until(self, holds: Callable[[], bool], within_s: float = 180.0) -> None:
        async with asyncio.timeout(within_s):
            while not holds():
                self._changed.clear()
                await self._changed.wait()


async def _rollout(cluster: Cluster, replicas: int) -> float:
    """From the Deployment's creation to all its pods Ready; then it is deleted again."""
    client = cluster.client()
    try:
        pods = _Pods(client)
        async with running(pods.informer):
            started_s = time.monotonic()
            await client.create(_deployment(replicas))
            await pods.until(lambda: len(pods.ready) == replicas)
            took_s = time.monotonic() - started_s
            await client.delete(Deployment, "bench", "default")
            await pods.until(lambda: not pods.informer.cache)
            return took_s
    finally:
        await client.close()


async def _node_loss(cluster: Cluster) -> float:
    """From the kill of a node with two of six pods to six Ready pods elsewhere; the lab gives a node 2 s of silence
    and its pods 3 s more.
    """
    client = cluster.client()
    try:
        pods = _Pods(client)
        async with running(pods.informer):
            await client.create(_deployment(6))
            await pods.until(lambda: len(pods.ready) == 6)
            dead = cluster.lab.nodes[-1]
            pid = members_run.find(cluster.folder, dead)
            assert pid is not None
            started_s = time.monotonic()
            os.kill(pid, signal.SIGKILL)
            await pods.until(lambda: len([p for p in pods.ready if p.spec.node_name != dead.name]) == 6)
            return round(time.monotonic() - started_s, 2)
    finally:
        await client.close()


def _big_lab() -> dict[str, float]:
    ready_s, memory_mb = [], []
    for number in range(ROUNDS):
        started_s = time.monotonic()
        with Cluster.up(f"big-{os.getpid()}-{number}", node_count=BIG_LAB, timeout_s=120) as cluster:
            ready_s.append(time.monotonic() - started_s)
            memory_mb.append(_memory_bytes(cluster) / 1e6)
    return {"ready_s": spread(ready_s), "proportional_memory_mb": spread(memory_mb, 0)}  # type: ignore[dict-item]


def _memory_bytes(cluster: Cluster) -> int:
    """Of all the lab's processes; what several share is divided among them (Pss)."""
    total = 0
    for pid in _processes(cluster):
        try:
            rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
        except OSError:
            continue  # it ended meanwhile
        total += sum(int(line.split()[1]) * 1024 for line in rollup.splitlines() if line.startswith("Pss:"))
    return total


def _processes(cluster: Cluster) -> Iterator[int]:
    inodes = {pin.stat().st_ino for pin in cluster.folder.pins.glob("*")}
    inodes.discard(os.stat("/proc/self/ns/net").st_ino)
    for entry in os.scandir("/proc"):
        if entry.name.isdigit():
            try:
                if os.stat(f"/proc/{entry.name}/ns/net").st_ino in inodes:
                    yield int(entry.name)
            except OSError:
                continue
