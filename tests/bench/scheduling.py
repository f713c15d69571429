"""Pods bound a second by a scheduler that finds them all waiting, at a number of nodes.

Ours and, where KUBE_SCHEDULER names it, kube-scheduler, each in a process of its own against `kcore apiserver`;
and ours inside `kcore all`, where the API is a call away.
"""

import asyncio
import contextlib
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import msgspec

from kube.client import Client, PatchKind, Unreachable
from kube.objects import Node, Pod
from kube.watch import Informer, running
from tests.ports import free_port

POD_COUNT = 1500
_JSON = {"content-type": "application/json"}
_IN_FLIGHT = 32
_PROFILE = """\
apiVersion: kubescheduler.config.k8s.io/v1
kind: KubeSchedulerConfiguration
clientConnection: {{kubeconfig: {kubeconfig}, qps: 5000, burst: 5000, contentType: application/json, acceptContentTypes: application/json}}
leaderElection: {{leaderElect: false}}
"""


class Outcome(NamedTuple):
    first_bound_s: float  # after the scheduler's start
    pods_per_s: float  # from the first to the last


def measure(node_count: int) -> dict[str, object]:
    figures: dict[str, object] = {
        "kcore_all": _run(node_count, "all"),
        "kcore_scheduler": _run(node_count, "apiserver", [_kcore(), "scheduler"]),
    }
    peer = os.environ.get("KUBE_SCHEDULER")
    if peer:
        figures["kube_scheduler"] = _run(node_count, "apiserver", [peer])
    return figures


def _kcore() -> str:
    return str(Path(sys.prefix) / "bin" / "kcore")


def _run(node_count: int, server: str, scheduler: Sequence[str] = ()) -> dict[str, float]:
    with tempfile.TemporaryDirectory(prefix="podnet-bench-") as name:
        folder, port = Path(name), free_port()
        base = ["--data-dir", str(folder / "core"), "--bind-address", "127.0.0.1", "--fsync", "normal"]
        base += ["--secure-port", str(port), "--advertise-address", "127.0.0.1"]
        kubeconfig = folder / "core" / "kubeconfig" / "admin.kubeconfig"
        with _process([_kcore(), "apiserver", *base], folder / "setup.log"):
            asyncio.run(_prepare(kubeconfig, node_count))
            if scheduler:
                outcome = asyncio.run(
                    _watch(kubeconfig, _argv(scheduler, kubeconfig, folder), folder, serves=False)
                )
                return outcome._asdict()
        outcome = asyncio.run(_watch(kubeconfig, [_kcore(), server, *base], folder, serves=True))
        return outcome._asdict()


def _argv(scheduler: Sequence[str], kubeconfig: Path, folder: Path) -> list[str]:
    if len(scheduler) > 1:
        return [*scheduler, "--kubeconfig", str(kubeconfig), "--secure-port", "0"]
    config = folder / "scheduler.yaml"
    config.write_text(_PROFILE.format(kubeconfig=kubeconfig))
    return [*scheduler, "--config", str(config), "--secure-port", "0"]


@contextmanager
def _process(argv: Sequence[str], log: Path) -> Iterator[None]:
    with log.open("wb") as output:
        started = subprocess.Popen(argv, stdout=output, stderr=output)
    try:
        yield
    finally:
        started.terminate()
        started.wait(30)


async def _prepare(kubeconfig: Path, node_count: int) -> None:
    """Nodes that are Ready now, and pods that wait."""
    while not kubeconfig.exists():  # noqa: ASYNC110 - another process makes it
        await asyncio.sleep(0.05)
    client = Client.from_kubeconfig(str(kubeconfig), user_agent="bench")
    try:
        while True:
            try:
                await client.raw("GET", "/readyz")
                break
            except Unreachable:
                await asyncio.sleep(0.05)
        await _many(client, [_node(number) for number in range(node_count)])
        await _many(client, [_pod(number) for number in range(POD_COUNT)])
    finally:
        await client.close()


async def _many(client: Client, objects: Sequence[dict[str, object]]) -> None:
    left = iter(objects)

    async def work() -> None:
        for obj in left:
            cls = Node if obj["kind"] == "Node" else Pod
            status = obj.pop("status", None)
            path = cls.resource.path("" if cls is Node else "default")
            await client.raw("POST", path, headers=_JSON, body=msgspec.json.encode(obj))
            if status is not None:
                name = obj["metadata"]["name"]  # type: ignore[index]
                body = {"status": status}
                await client.patch(cls, name, "", body, kind=PatchKind.MERGE, subresource="status")
                # A new node is tainted not-ready, and no controllers run that would take that away.
                await client.patch(cls, name, "", {"spec": {"taints": None}}, kind=PatchKind.MERGE)

    await asyncio.gather(*(work() for _ in range(_IN_FLIGHT)))


def _node(number: int) -> dict[str, object]:
    labels = {"kubernetes.io/hostname": f"node-{number}", "topology.kubernetes.io/zone": f"zone-{number % 3}"}
    now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    amounts = {"cpu": "32", "memory": "256Gi", "pods": "110"}
    ready = {"type": "Ready", "status": "True", "lastHeartbeatTime": now, "lastTransitionTime": now}
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": f"node-{number}", "labels": labels},
        "status": {"capacity": amounts, "allocatable": amounts, "conditions": [ready]},
    }


def _pod(number: int) -> dict[str, object]:
    container = {
        "name": "c",
        "image": "none",
        "resources": {"requests": {"cpu": "100m", "memory": "128Mi"}},
    }
    spec = {"containers": [container], "automountServiceAccountToken": False}
    meta = {"name": f"pod-{number}", "labels": {"app": "bench"}}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": meta, "spec": spec}


async def _watch(kubeconfig: Path, argv: Sequence[str], folder: Path, *, serves: bool) -> Outcome:
    """With the scheduler started inside: an informer tells when each pod was bound. One that serves the API, too,
    has bound some before the informer has its list: the rate is of the others.
    """
    client = Client.from_kubeconfig(str(kubeconfig), user_agent="bench")
    bound: list[float] = []
    over = asyncio.Event()

    def on_change(key: object, old: Pod | None, new: Pod | None) -> None:
        if new is not None and new.spec.node_name and (old is None or not old.spec.node_name):
            bound.append(time.monotonic())
            if len(bound) == POD_COUNT:
                over.set()

    pods = Informer(client, Pod, on_change=on_change)
    try:
        async with asyncio.timeout(240), contextlib.AsyncExitStack() as stack:
            if not serves:
                await stack.enter_async_context(running(pods))
            started_s = time.monotonic()
            stack.enter_context(_process(argv, folder / "scheduler.log"))
            if serves:
                await stack.enter_async_context(running(pods))
            listed = max(1, len(bound))  # the first is bound before the rate begins
            begin_s = time.monotonic() if serves else 0.0
            await over.wait()
    finally:
        await client.close()
    rate = (POD_COUNT - listed) / (bound[-1] - (begin_s or bound[0]))
    return Outcome(round(bound[0] - started_s, 2), round(rate, 1))
