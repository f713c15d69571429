"""One node with 50 pods: how soon all are ready, what its agent costs then, and how soon all are gone."""

import asyncio
import os
import re
import time
from collections.abc import Callable

from kube.objects import Namespace, ObjectMeta, Pod, PodSpec
from kube.objects.containers import Container
from kube.watch import Informer
from netns_fixtures.cluster_run import Cluster
from tests.bench.spread import spread

ROUNDS = 3
PODS = 50
_IDLE_S = 10.0
_NAMESPACE = "bench-node"
_PATIENCE_S = 240.0
_TICKS_S = os.sysconf("SC_CLK_TCK")


def measure() -> dict[str, object]:
    """Seconds and MB over a few rounds, each on a lab of its own."""
    found: dict[str, list[float]] = {}
    for number in range(ROUNDS):
        with Cluster.up(f"bench-node-{os.getpid()}-{number}", node_count=1) as cluster:
            for name, value in asyncio.run(_round(cluster)).items():
                found.setdefault(name, []).append(value)
    return {"pods": PODS, **{name: spread(values) for name, values in found.items()}}


async def _round(cluster: Cluster) -> dict[str, float]:
    client, node = cluster.client(), cluster.lab.nodes[0].name
    agent = _agent_pid(cluster, node)
    empty_mb = _memory_mb(agent)
    try:
        await client.create(Namespace(metadata=ObjectMeta(name=_NAMESPACE)))
        changed = asyncio.Event()
        pods = Informer(client, Pod, namespace=_NAMESPACE, on_change=lambda *_: changed.set())
        watching = asyncio.create_task(pods.run())
        await pods.wait_synced()
        started_s = time.monotonic()
        await asyncio.gather(*(client.create(_pod(number, node)) for number in range(PODS)))
        await _until(changed, lambda: sum(_ready(pod) for pod in pods.cache.values()) == PODS)
        ready_s = time.monotonic() - started_s
        before_s = _cpu_s(agent)
        await asyncio.sleep(_IDLE_S)
        idle_share = (_cpu_s(agent) - before_s) / _IDLE_S
        full_mb = _memory_mb(agent)
        started_s = time.monotonic()
        await client.delete(Namespace, _NAMESPACE)
        await _until(changed, lambda: not pods.cache)
        gone_s = time.monotonic() - started_s
        _ = watching.cancel()
    finally:
        await client.close()
    return {
        "ready_s": ready_s,
        "gone_s": gone_s,
        "agent_without_pods_mb": empty_mb,
        "agent_with_pods_mb": full_mb,
        "agent_idle_cpu_percent": idle_share * 100,
    }


def _pod(number: int, node: str) -> Pod:
    container = Container(name="main", image="podnet/toolbox")
    spec = PodSpec(containers=(container,), node_name=node, termination_grace_period_seconds=1)
    return Pod(metadata=ObjectMeta(name=f"p{number}", namespace=_NAMESPACE), spec=spec)


def _ready(pod: Pod) -> bool:
    return any(each.type == "Ready" and each.status == "True" for each in pod.status.conditions)


async def _until(changed: asyncio.Event, check: Callable[[], bool]) -> None:
    async with asyncio.timeout(_PATIENCE_S):
        while not check():
            changed.clear()
            await changed.wait()


def _agent_pid(cluster: Cluster, node: str) -> int:
    """As this machine's /proc numbers it; a node's own /proc is another."""
    for name in os.listdir("/proc"):
        if name.isdigit():
            words = _text(f"/proc/{name}/cmdline").split("\0")
            if any(word.endswith("/knode") for word in words[:2]) and node in words:
                return int(name)
    raise LookupError(f"no agent of {node} runs")


def _memory_mb(pid: int) -> float:
    """Proportional share of memory, in MB: what would be free without it."""
    found = re.search(r"^Pss:\s+(\d+) kB", _text(f"/proc/{pid}/smaps_rollup"), re.MULTILINE)
    assert found
    return int(found[1]) / 1000


def _cpu_s(pid: int) -> float:
    fields = _text(f"/proc/{pid}/stat").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS_S


def _text(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read()
    except OSError:
        return ""
