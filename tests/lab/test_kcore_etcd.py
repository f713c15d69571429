"""Two `kcore all` on one etcd: whichever is killed, the other goes on, and so do both when etcd comes back."""

import asyncio
import shutil
import signal
import subprocess
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from kube.client import ApiError, Client
from linux import process
from tests.lab.etcd_server import EtcdCluster
from tests.ports import free_port

pytestmark = pytest.mark.lab

APPS = "/apis/apps/v1/namespaces/default"
PATIENCE_S = 120.0
LEASE = "/apis/coordination.k8s.io/v1/namespaces/kube-system/leases/kube-controller-manager"
KCORE = Path(__file__).parents[2] / ".venv" / "bin" / "kcore"


class Core:
    """One `kcore all`, and a client of it."""

    def __init__(self, folder: Path, etcd: EtcdCluster) -> None:
        self.folder = folder
        self.port = free_port()
        servers = ",".join(str(endpoint) for endpoint in etcd.endpoints)
        self._argv = [
            str(KCORE),
            "all",
            "--data-dir",
            str(folder),
            "--etcd-servers",
            servers,
            "--profile",
            "lab",
        ]
        self._argv += ["--bind-address", "127.0.0.1", "--secure-port", str(self.port)]
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with (self.folder / "log").open("ab") as log:
            self.process = process.spawn(self._argv, stdout=subprocess.PIPE, stderr=log)
        assert self.process.stdout is not None
        line = self.process.stdout.readline().decode()
        assert "serving on" in line, (self.folder / "log").read_text()[-3000:]

    def end(self, number: signal.Signals) -> None:
        if self.process is not None:
            assert self.process.stdout is not None
            self.process.send_signal(number)
            self.process.wait(60)
            self.process.stdout.close()
            self.process = None

    def client(self) -> Client:
        kubeconfig = self.folder / "kubeconfig" / "admin.kubeconfig"
        return Client.from_kubeconfig(str(kubeconfig), user_agent="test")


@pytest.fixture
def etcd(tmp_path: Path) -> Iterator[EtcdCluster]:
    with EtcdCluster(tmp_path / "etcd") as cluster:
        yield cluster


@pytest.fixture
def cores(tmp_path: Path, etcd: EtcdCluster) -> Iterator[tuple[Core, Core]]:
    if not KCORE.exists():
        pytest.skip(f"{KCORE} IS NOT INSTALLED: make setup")
    (tmp_path / "a").mkdir()
    first, second = Core(tmp_path / "a", etcd), Core(tmp_path / "b", etcd)
    try:
        first.start()
        shutil.copytree(tmp_path / "a" / "pki", tmp_path / "b" / "pki")  # one CA, one key for tokens
        second.start()
        yield first, second
    finally:
        for core in (first, second):
            core.end(signal.SIGKILL)


async def get(client: Client, path: str) -> dict[str, Any]:
    found: dict[str, Any] = msgspec.json.decode((await client.raw("GET", path)).body)
    return found


async def eventually(what: str, condition: Callable[[], Awaitable[bool]]) -> None:
    for _ in range(int(PATIENCE_S / 0.1)):
        try:
            if await condition():
                return
        except ApiError:
            pass
        await asyncio.sleep(0.1)
    pytest.fail(f"not within {PATIENCE_S} s: {what}")


async def deploy(client: Client, name: str) -> None:
    labels = {"app": name}
    template = {
        "metadata": {"labels": labels},
        "spec": {"containers": [{"name": "c", "image": "podnet/toolbox"}]},
    }
    body = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name},
        "spec": {"replicas": 3, "selector": {"matchLabels": labels}, "template": template},
    }
    headers = {"content-type": "application/json"}
    await client.raw("POST", f"{APPS}/deployments", headers=headers, body=msgspec.json.encode(body))


async def has_three_pods(client: Client, name: str) -> bool:
    pods = await get(client, "/api/v1/namespaces/default/pods")
    return [pod["metadata"]["labels"].get("app") for pod in pods["items"]].count(name) == 3


def test_each_is_killed_in_turn_and_the_cluster_goes_on(etcd: EtcdCluster, cores: tuple[Core, Core]) -> None:
    a, b = cores

    async def made(client: Client, name: str) -> None:
        await deploy(client, name)
        await eventually(f"pods of {name}", lambda: has_three_pods(client, name))

    async def main() -> None:
        client_a, client_b = a.client(), b.client()
        await made(client_b, "first")
        await eventually("the same at the other", lambda: has_three_pods(client_a, "first"))
        leader = (await get(client_a, LEASE))["spec"]["holderIdentity"]

        a.end(signal.SIGKILL)  # the one that started first leads
        await made(client_b, "second")
        lease = (await get(client_b, LEASE))["spec"]
        assert lease["holderIdentity"] != leader
        assert lease["leaseTransitions"] == 1

        etcd.members[0].kill()
        etcd.members[0].start()
        await asyncio.to_thread(etcd.members[0].wait_ready)
        await eventually("a list behind etcd's restart", lambda: has_three_pods(client_b, "second"))
        await made(client_b, "third")

        await asyncio.to_thread(a.start)
        await eventually("all at the one that is back", lambda: has_three_pods(client_a, "third"))
        await asyncio.to_thread(b.end, signal.SIGTERM)  # gives its Leases back
        await made(client_a, "fourth")
        for name in ("first", "second", "third"):
            assert await has_three_pods(client_a, name)
        await client_a.close()
        await client_b.close()

    asyncio.run(main())
