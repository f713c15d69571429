"""API creates a second, and the time from a create's request to its event at a watcher."""

import asyncio
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from kube.client import Client, Unreachable
from kube.objects import ConfigMap, ObjectMeta
from kube.watch import Informer, running
from tests.bench.spread import spread

CREATE_COUNT = 2000
IN_FLIGHT = (1, 16)


def measure() -> dict[str, object]:
    """Against `kcore apiserver` in a process of its own, over TLS on loopback, with both durabilities."""
    return {f"fsync_{mode}": _with_server(mode) for mode in ("full", "normal")}


def _with_server(fsync: str) -> dict[str, object]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    kcore = str(Path(sys.prefix) / "bin" / "kcore")
    with tempfile.TemporaryDirectory(prefix="podnet-bench-") as folder:
        argv = [kcore, "apiserver", "--data-dir", folder, "--bind-address", "127.0.0.1"]
        argv += ["--secure-port", str(port), "--advertise-address", "127.0.0.1", "--fsync", fsync]
        started_s = time.monotonic()
        server = subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            return asyncio.run(_measure(Path(folder), started_s))
        finally:
            server.terminate()
            server.wait(10)


async def _measure(folder: Path, started_s: float) -> dict[str, object]:
    kubeconfig = folder / "kubeconfig" / "admin.kubeconfig"
    while not kubeconfig.exists():  # noqa: ASYNC110  # another process makes it
        await asyncio.sleep(0.01)
    client = Client.from_kubeconfig(str(kubeconfig), user_agent="bench")
    while True:
        try:
            await client.raw("GET", "/readyz")
            break
        except Unreachable:
            await asyncio.sleep(0.01)
    figures: dict[str, object] = {"ready_s": round(time.monotonic() - started_s, 2)}
    for in_flight in IN_FLIGHT:
        figures[f"in_flight_{in_flight}"] = await _creates(client, in_flight)
    await client.close()
    return figures


async def _creates(client: Client, in_flight: int) -> dict[str, object]:
    sent_s: dict[str, float] = {}
    latency_ms: list[float] = []
    all_seen = asyncio.Event()

    def on_change(key: object, old: object, new: ConfigMap | None) -> None:
        name = new.metadata.name if new else ""
        if name in sent_s:
            latency_ms.append((time.perf_counter() - sent_s[name]) * 1000)
            if len(latency_ms) == CREATE_COUNT:
                all_seen.set()

    informer = Informer(client, ConfigMap, namespace="default", on_change=on_change)
    numbers = iter(range(CREATE_COUNT))

    async def worker() -> None:
        for number in numbers:
            name = f"bench-{in_flight}-{number}"
            sent_s[name] = time.perf_counter()
            await client.create(
                ConfigMap(metadata=ObjectMeta(name=name, namespace="default"), data={"key": "v" * 400})
            )

    async with running(informer):
        started_s = time.perf_counter()
        await asyncio.gather(*(worker() for _ in range(in_flight)))
        took_s = time.perf_counter() - started_s
        await asyncio.wait_for(all_seen.wait(), 30)
    return {"creates_per_s": round(CREATE_COUNT / took_s), "create_to_watch_ms": spread(latency_ms)}
