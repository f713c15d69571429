"""The API server under load: start, creates, time to the watchers, a long list, memory.

KUBE_APISERVER=path and ETCD=path put kube-apiserver with etcd beside it, on the same requests.
"""

import asyncio
import os
import subprocess
import sys
import tempfile
import time
from bisect import bisect_right
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import NamedTuple

import msgspec

from kube import certs
from kube.client import ApiError, Client, Unreachable
from tests.bench.spread import spread
from tests.ports import free_port

IN_FLIGHT = (1, 16, 64)
CREATE_COUNT = 1600
WATCHERS = (1, 50, 500)
OBSERVED_COUNT = 60
_WATCHING_PROCESSES = 2
_PAUSE_S = 0.02
_PAUSE_A_WATCHER_S = 0.0002
PODS = 10_000
HELD_OBJECTS = 20_000
HELD_BYTES = 2000
_KEPT_CONNECTIONS = 8  # of one kube.client
_CONFIG_MAPS = "/api/v1/namespaces/default/configmaps"
_PODS = "/api/v1/namespaces/default/pods"
_JSON = {"content-type": "application/json"}


class Server(NamedTuple):
    """Where it is, when its start began, and the processes that hold its memory."""

    kubeconfig: Path
    started_s: float
    pids: Sequence[int]


def measure() -> dict[str, object]:
    """In a process of its own, over TLS on loopback, with both durabilities."""
    figures: dict[str, object] = {}
    with _kcore("full") as server:
        figures["kcore"] = asyncio.run(_all(server))
    with _kcore("full") as server:
        figures["kcore_memory"] = asyncio.run(_memory(server))
    with _kcore("normal") as server:
        figures["kcore_fsync_normal"] = asyncio.run(creates(server))
    if "KUBE_APISERVER" in os.environ and "ETCD" in os.environ:
        programs = os.environ["KUBE_APISERVER"], os.environ["ETCD"]
        with _reference(*programs) as server:
            figures["kube_apiserver_etcd"] = asyncio.run(_all(server))
        with _reference(*programs) as server:
            figures["kube_apiserver_etcd_memory"] = asyncio.run(_memory(server))
    return figures


@contextmanager
def _running(*programs: Sequence[str], log: Path) -> Iterator[list[int]]:
    with log.open("wb") as output:
        processes = [subprocess.Popen(argv, stdout=output, stderr=output) for argv in programs]
    try:
        yield [process.pid for process in processes]
    finally:
        for process in reversed(processes):
            process.terminate()
            process.wait(30)


@contextmanager
def _kcore(fsync: str, *options: str) -> Iterator[Server]:
    kcore = str(Path(sys.prefix) / "bin" / "kcore")
    with tempfile.TemporaryDirectory(prefix="podnet-bench-") as name:
        argv = [kcore, "apiserver", "--data-dir", name, "--bind-address", "127.0.0.1", "--fsync", fsync]
        argv += ["--secure-port", str(free_port()), "--advertise-address", "127.0.0.1", *options]
        started_s = time.monotonic()
        with _running(argv, log=Path(name) / "log") as pids:
            yield Server(Path(name) / "kubeconfig" / "admin.kubeconfig", started_s, pids)


def _public(key: Path) -> str:
    """kube-apiserver reads EC keys of PKCS #8 for signing, but not for checking."""
    from cryptography.hazmat.primitives import serialization

    private = serialization.load_pem_private_key(key.read_bytes(), None)
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    path = key.with_suffix(".pub")
    path.write_bytes(private.public_key().public_bytes(serialization.Encoding.PEM, form))
    return str(path)


@contextmanager
def _reference(apiserver: str, etcd: str) -> Iterator[Server]:
    """kube-apiserver on an etcd of its own, with our certificates."""
    port, client_port, peer_port = free_port(), free_port(), free_port()
    with tempfile.TemporaryDirectory(prefix="podnet-bench-") as name:
        folder = Path(name)
        pki = certs.ensure(folder, advertise_address="127.0.0.1", secure_port=port)
        client_url, peer_url = f"http://127.0.0.1:{client_port}", f"http://127.0.0.1:{peer_port}"
        store = [etcd, "--data-dir", f"{name}/etcd", "--listen-client-urls", client_url]
        store += ["--advertise-client-urls", client_url, "--listen-peer-urls", peer_url]
        store += ["--initial-advertise-peer-urls", peer_url, "--initial-cluster", f"default={peer_url}"]
        key = str(pki.service_account_key)
        server = [apiserver, "--etcd-servers", client_url, "--secure-port", str(port)]
        server += ["--bind-address", "127.0.0.1", "--service-cluster-ip-range", "10.96.0.0/16"]
        server += ["--tls-cert-file", str(pki.certificate("server"))]
        server += ["--tls-private-key-file", str(pki.key("server")), "--client-ca-file", str(pki.ca)]
        server += [
            "--service-account-key-file",
            _public(pki.service_account_key),
            "--service-account-signing-key-file",
            key,
        ]
        server += ["--service-account-issuer", "https://kubernetes.default.svc"]
        server += ["--authorization-mode", "AlwaysAllow", "--disable-admission-plugins", "ServiceAccount"]
        started_s = time.monotonic()
        with _running(store, server, log=folder / "log") as pids:
            yield Server(pki.kubeconfig(), started_s, pids)


async def creates(server: Server) -> dict[str, object]:
    """Start, and creates a second."""
    async with _clients(server) as clients:
        return await _started_and_creates(clients, server)


async def _started_and_creates(clients: Sequence[Client], server: Server) -> dict[str, object]:
    figures: dict[str, object] = {"ready_s": round(time.monotonic() - server.started_s, 2)}
    for in_flight in IN_FLIGHT:
        figures[f"creates_per_s_{in_flight}_in_flight"] = await _creates(clients, in_flight)
    return figures


async def _all(server: Server) -> dict[str, object]:
    async with _clients(server) as clients:
        figures = await _started_and_creates(clients, server)
        for watchers in WATCHERS:
            figures[f"create_to_watch_ms_{watchers}_watchers"] = await _watched(server, clients, watchers)
        figures["list_of_10000_pods_s"] = await _long_list(clients)
    return figures


@asynccontextmanager
async def _clients(server: Server) -> AsyncIterator[list[Client]]:
    clients = await _ready(server)
    try:
        yield clients
    finally:
        for client in clients:
            await client.close()


async def _ready(server: Server) -> list[Client]:
    """As many clients as 64 requests at a time need to keep their connections."""
    while not server.kubeconfig.exists():  # noqa: ASYNC110  # another process makes it
        await asyncio.sleep(0.005)
    number = max(IN_FLIGHT) // _KEPT_CONNECTIONS
    clients = [Client.from_kubeconfig(str(server.kubeconfig), user_agent=f"bench-{n}") for n in range(number)]
    while True:
        try:
            await clients[0].raw("GET", "/readyz")
            await clients[0].raw("GET", "/api/v1/namespaces/default")
            return clients
        except (Unreachable, ApiError):
            await asyncio.sleep(0.005)


def _body(name: str, size: int = 400) -> bytes:
    return msgspec.json.encode({"metadata": {"name": name}, "data": {"key": "v" * size}})


async def _create_many(
    clients: Sequence[Client], path: str, bodies: Sequence[bytes], in_flight: int
) -> float:
    """Seconds for all."""
    left = iter(bodies)

    async def worker(client: Client) -> None:
        for body in left:
            await client.raw("POST", path, headers=_JSON, body=body)

    started_s = time.perf_counter()
    # in_flight 16: eight connections on two clients, none of them made anew
    await asyncio.gather(*(worker(clients[n // _KEPT_CONNECTIONS]) for n in range(in_flight)))
    return time.perf_counter() - started_s


async def _creates(clients: Sequence[Client], in_flight: int) -> int:
    bodies = [_body(f"bench-{in_flight}-{number}") for number in range(CREATE_COUNT)]
    await _create_many(clients, _CONFIG_MAPS, [_body(f"warm-{in_flight}-{n}") for n in range(64)], in_flight)
    return round(CREATE_COUNT / await _create_many(clients, _CONFIG_MAPS, bodies, in_flight))


async def _watched(server: Server, clients: Sequence[Client], watchers: int) -> dict[str, object]:
    """From a create's request to its event at each watcher; one create at a time, the watches in other processes."""
    listed = await clients[0].raw("GET", _CONFIG_MAPS, query={"limit": "1"})
    revision = msgspec.json.decode(listed.body)["metadata"]["resourceVersion"]
    counts = [watchers // _WATCHING_PROCESSES] * _WATCHING_PROCESSES if watchers > 1 else [1]
    with _watching(server, revision, counts) as processes:
        sent_s: list[float] = []
        for number in range(OBSERVED_COUNT):
            sent_s.append(time.monotonic())
            body = _body(f"seen-{watchers}-{number}")
            await clients[0].raw("POST", _CONFIG_MAPS, headers=_JSON, body=body)
            await asyncio.sleep(_PAUSE_S + watchers * _PAUSE_A_WATCHER_S)  # until the last one has it
        came_s = [moment for process in processes for moment in _ended(process)]
    latencies_ms = sorted((moment - sent_s[bisect_right(sent_s, moment) - 1]) * 1000 for moment in came_s)
    return {
        "p50": round(latencies_ms[len(latencies_ms) // 2], 2),
        "p99": round(latencies_ms[int(len(latencies_ms) * 0.99)], 2),
        "count": len(latencies_ms),
        "watching_processes": len(counts),
    }


@contextmanager
def _watching(server: Server, revision: str, counts: Sequence[int]) -> Iterator[list[subprocess.Popen[str]]]:
    argv = [sys.executable, "-m", "tests.bench.watching", str(server.kubeconfig), _CONFIG_MAPS, revision]
    processes = [
        subprocess.Popen([*argv, str(count)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for count in counts
    ]
    try:
        for process in processes:
            assert process.stdout is not None
            process.stdout.readline()
        yield processes
    finally:
        for process in processes:
            process.kill()
            process.communicate()


def _ended(process: subprocess.Popen[str]) -> list[float]:
    """When its events came."""
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write("\n")
    process.stdin.flush()
    times_s: list[float] = msgspec.json.decode(process.stdout.readline())
    return times_s


async def _long_list(clients: Sequence[Client]) -> dict[str, object]:
    """Whole, and in chunks of 500 as kubectl asks; without the decoding of the client."""
    spec = {"containers": [{"name": "c", "image": "podnet/toolbox", "ports": [{"containerPort": 8080}]}]}
    bodies = [
        msgspec.json.encode({"metadata": {"name": f"p{n}", "labels": {"app": f"a{n % 50}"}}, "spec": spec})
        for n in range(PODS)
    ]
    created_s = await _create_many(clients, _PODS, bodies, 64)
    whole, size = [], 0
    for _ in range(3):
        started_s = time.perf_counter()
        reply = await clients[0].raw("GET", _PODS)
        whole.append(time.perf_counter() - started_s)
        size = len(reply.body)
    started_s = time.perf_counter()
    query = {"limit": "500"}
    while True:
        page = msgspec.json.decode((await clients[0].raw("GET", _PODS, query=query)).body)
        if not page["metadata"].get("continue"):
            break
        query["continue"] = page["metadata"]["continue"]
    return {
        "whole": spread(whole, 3),
        "in_chunks": round(time.perf_counter() - started_s, 3),
        "bytes": size,
        "pod_creates_per_s": round(PODS / created_s),
    }


async def _memory(server: Server) -> dict[str, float]:
    """Resident, with nothing else than so many objects of so many bytes."""
    async with _clients(server) as clients:
        before = _resident_mb(server.pids)
        bodies = [_body(f"held-{number}", HELD_BYTES) for number in range(HELD_OBJECTS)]
        took_s = await _create_many(clients, _CONFIG_MAPS, bodies, 64)
        after = _resident_mb(server.pids)
    return {"empty_mb": before, "at_20000_objects_mb": after, "creates_per_s": round(HELD_OBJECTS / took_s)}


def _resident_mb(pids: Sequence[int]) -> float:
    pages = sum(int(Path(f"/proc/{pid}/statm").read_text().split()[1]) for pid in pids)
    return round(pages * os.sysconf("SC_PAGE_SIZE") / 1e6)
