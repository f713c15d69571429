"""The store on etcd by itself, and `kcore apiserver` on it: writes a second, and the time to their event."""

import asyncio
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from kube.store import Change, Put
from kube.store.etcd.drive import EtcdStore
from kube.store.etcd.options import EtcdOptions
from tests.bench import api_load
from tests.bench.spread import spread
from tests.lab.etcd_server import EtcdCluster

VALUE = b'{"kind":"ConfigMap","apiVersion":"v1","metadata":{},"data":{"pad":"%b"}}' % (b"x" * 1300)
PUT_COUNT = 3200
IN_FLIGHT = (1, 16, 64)


def measure() -> dict[str, object]:
    """One member on this machine, durable as etcd is by default."""
    with tempfile.TemporaryDirectory(prefix="podnet-bench-") as folder, EtcdCluster(Path(folder)) as etcd:
        return {"store": asyncio.run(_store(etcd)), "apiserver": _apiserver(Path(folder), etcd)}


async def _store(etcd: EtcdCluster) -> dict[str, object]:
    writer = await EtcdStore.open(EtcdOptions(etcd.endpoints))
    watcher = await EtcdStore.open(EtcdOptions(etcd.endpoints))
    sent: dict[str, float] = {}
    delays_ms: list[float] = []

    def seen(changes: Sequence[Change]) -> None:
        now = time.perf_counter()
        delays_ms.extend((now - sent[change.key]) * 1e3 for change in changes)

    await watcher.watch("/registry/bench/", watcher.revision, seen)

    async def put(key: str) -> None:
        sent[key] = time.perf_counter()
        await writer.txn([Put(key, VALUE, 0)])

    async def worker(name: str, count: int) -> None:
        for number in range(count):
            await put(f"/registry/bench/{name}/{number}")

    figures: dict[str, object] = {}
    for in_flight in IN_FLIGHT:
        delays_ms.clear()
        began_s = time.perf_counter()
        await asyncio.gather(*(worker(f"{in_flight}-{n}", PUT_COUNT // in_flight) for n in range(in_flight)))
        took_s = time.perf_counter() - began_s
        figures[f"in_flight_{in_flight}"] = {
            "puts_per_s": round(PUT_COUNT // in_flight * in_flight / took_s),
            "put_to_other_watch_ms": spread(delays_ms),
        }
    await writer.close()
    await watcher.close()
    return figures


def _apiserver(folder: Path, etcd: EtcdCluster) -> dict[str, object]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    argv = [str(Path(sys.prefix) / "bin" / "kcore"), "apiserver", "--data-dir", str(folder / "core")]
    argv += ["--bind-address", "127.0.0.1", "--secure-port", str(port), "--advertise-address", "127.0.0.1"]
    argv += ["--etcd-servers", str(etcd.endpoints[0]), "--etcd-prefix", "/bench"]
    started_s = time.monotonic()
    server = subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        kubeconfig = folder / "core" / "kubeconfig" / "admin.kubeconfig"
        found = api_load.Server(kubeconfig, started_s, [server.pid])
        return asyncio.run(api_load.creates(found))
    finally:
        server.terminate()
        server.wait(10)
