"""A cluster in memory: the real server, scheduler and controllers, nodes that pretend, on a virtual clock."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Mapping
from contextlib import asynccontextmanager
from random import Random
from typing import Any

import msgspec

from kube.apiserver.local import LocalTransport
from kube.apiserver.requests.request import User
from kube.apiserver.run import in_memory
from kube.apiserver.state import Settings
from kube.client import ApiError, Client, NotFound, PatchKind, Reply, Stream, Transport
from kube.controllers.drive import run as run_controllers
from kube.controllers.options import ControllerOptions
from kube.events import timestamp
from kube.objects import Condition, NamespacedName, Node, Object, Pod, Resource
from kube.scheduler import SchedulerProfile
from kube.scheduler import run as run_scheduler
from kube.watch import Informer
from tests.unit.kube.controllers.virtual import wall_clock

ADMIN = User("admin", ("system:masters",))
FAILS = "pretend/fails"  # annotation of a pod whose containers exit with an error
JSON = {"content-type": "application/json"}


class Disorder:
    """A transport that is late, whose watches break off, and that says things twice (`repeats`: how often, 0 to 1)."""

    def __init__(
        self, inner: Transport, rng: Random, *, late_s: float, watch_events: int, repeats: float = 0.0
    ) -> None:
        self._inner = inner
        self._repeats = repeats
        self._rng = rng
        self._late_s = late_s
        self._watch_events = watch_events

    async def request(
        self, method: str, path: str, *, query: Mapping[str, str], headers: Mapping[str, str], body: bytes
    ) -> Reply:
        await asyncio.sleep(self._rng.random() * self._late_s)
        reply = await self._inner.request(method, path, query=query, headers=headers, body=body)
        await asyncio.sleep(self._rng.random() * self._late_s)
        return reply

    @asynccontextmanager
    async def stream(
        self, path: str, *, query: Mapping[str, str], headers: Mapping[str, str]
    ) -> AsyncIterator[Stream]:
        async with self._inner.stream(path, query=query, headers=headers) as stream:
            yield Stream(stream.status, self._broken(stream.lines))

    async def _broken(self, lines: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        left = self._rng.randint(1, 2 * self._watch_events) if self._watch_events else -1
        async for line in lines:
            await asyncio.sleep(self._rng.random() * self._late_s)
            yield line
            if b"BOOKMARK" not in line[:30]:
                left -= 1
                if self._rng.random() < self._repeats:
                    yield line
            if left == 0:
                return

    async def close(self) -> None:
        await self._inner.close()


class PretendNode:
    """A node agent without containers: pods on it become Running and Ready, and end when they should."""

    def __init__(
        self,
        client: Client,
        name: str,
        rng: Random,
        *,
        zone: str = "",
        start_s: float = 0.5,
        wall_clock: Callable[[], float] = wall_clock,
    ) -> None:
        self.name = name
        self._wall_clock = wall_clock
        self.alive = True
        self._client = client
        self._rng = rng
        self._zone = zone
        self._start_s = start_s
        self._tasks: asyncio.TaskGroup | None = None
        self._known: set[str] = set()
        self._running: dict[str, tuple[Pod, dict[str, Any]]] = {}  # by uid, with the status last written
        self._next_host = 1

    async def run(self) -> None:
        await self._register()
        async with asyncio.TaskGroup() as self._tasks:
            self._tasks.create_task(self._renew())
            selector = f"spec.nodeName={self.name}"
            await Informer(self._client, Pod, field_selector=selector, on_change=self._on_pod).run()

    async def revive(self) -> None:
        """It was only silent: its pods still run, and it says so."""
        self.alive = True
        await self._report()
        for pod, status in list(self._running.values()):
            await self._write(pod, status)

    async def close(self) -> None:
        await self._client.close()

    async def _register(self) -> None:
        labels = {"kubernetes.io/hostname": self.name}
        if self._zone:
            labels["topology.kubernetes.io/zone"] = self._zone
        await send(self._client, Node, "", {"metadata": {"name": self.name, "labels": labels}})
        await self._report()

    async def _report(self) -> None:
        now = timestamp(self._wall_clock())
        ready = {"type": "Ready", "status": "True", "reason": "KubeletReady", "lastHeartbeatTime": now}
        status = {
            "capacity": {"cpu": "4", "memory": "8Gi", "pods": "110"},
            "allocatable": {"cpu": "4", "memory": "8Gi", "pods": "110"},
            "conditions": [ready],
        }
        await self._client.patch(
            Node, self.name, "", {"status": status}, kind=PatchKind.STRATEGIC, subresource="status"
        )

    async def _renew(self) -> None:
        path = "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases"
        lease: dict[str, Any] = {
            "metadata": {"name": self.name, "namespace": "kube-node-lease"},
            "spec": {"holderIdentity": self.name, "leaseDurationSeconds": 2},
        }
        await self._client.raw("POST", path, headers=JSON, body=msgspec.json.encode(lease))
        for count in itertools.count(1):
            await asyncio.sleep(0.5)
            if self.alive and count % 4 == 0:
                with contextlib.suppress(NotFound):  # somebody deleted it
                    await self._report()
            if self.alive:
                at = f"{timestamp(self._wall_clock())[:-1]}.{int(self._wall_clock() * 1e6) % 1_000_000:06}Z"
                body = msgspec.json.encode({"spec": {"renewTime": at}})
                headers = {"content-type": "application/merge-patch+json"}
                await self._client.raw("PATCH", f"{path}/{self.name}", headers=headers, body=body)

    def _on_pod(self, key: NamespacedName, old: Pod | None, new: Pod | None) -> None:
        if new is None or self._tasks is None:
            return
        uid = new.metadata.uid
        if new.metadata.deletion_timestamp is not None:
            if f"{uid} ends" not in self._known:
                self._known.add(f"{uid} ends")
                self._tasks.create_task(self._end(new))
        elif uid not in self._known:
            self._known.add(uid)
            self._tasks.create_task(self._begin(new))
        elif uid in self._running and _ready(new.status.conditions) != _said_ready(self._running[uid][1]):
            self._tasks.create_task(self._write(*self._running[uid]))  # somebody took us for dead

    async def _begin(self, pod: Pod) -> None:
        await asyncio.sleep(self._start_s * (0.5 + self._rng.random()))
        node = await self._client.get(Node, self.name)
        while not node.spec.pod_cidr:
            await asyncio.sleep(0.05)
            node = await self._client.get(Node, self.name)
        address = node.spec.pod_cidr.rpartition(".")[0] + f".{self._next_host}"
        self._next_host += 1
        now = timestamp(self._wall_clock())
        status = {
            "phase": "Running",
            "podIP": address,
            "podIPs": [{"ip": address}],
            "startTime": now,
            "conditions": [{"type": "Ready", "status": "True", "lastTransitionTime": now}],
        }
        self._running[pod.metadata.uid] = (pod, status)
        await self._write(pod, status)
        if pod.spec.restart_policy != "Always":  # a pod of a Job: it ends, well unless it says otherwise
            await asyncio.sleep(self._start_s)
            phase = "Failed" if FAILS in pod.metadata.annotations else "Succeeded"
            now = timestamp(self._wall_clock())
            unready = {"type": "Ready", "status": "False", "lastTransitionTime": now}
            self._running[pod.metadata.uid] = (pod, {"phase": phase, "conditions": [unready]})
            await self._write(*self._running[pod.metadata.uid])

    async def _write(self, pod: Pod, status: dict[str, Any]) -> None:
        await self._live()
        meta = pod.metadata
        with contextlib.suppress(NotFound):
            await self._client.patch(
                Pod,
                meta.name,
                meta.namespace,
                {"status": status},
                kind=PatchKind.STRATEGIC,
                subresource="status",
            )

    async def _end(self, pod: Pod) -> None:
        await asyncio.sleep(self._start_s * self._rng.random())
        await self._live()
        self._running.pop(pod.metadata.uid, None)
        meta = pod.metadata
        with contextlib.suppress(ApiError):
            await self._client.delete(Pod, meta.name, meta.namespace, grace_period_s=0, uid=meta.uid)

    async def _live(self) -> None:
        while not self.alive:  # noqa: ASYNC110 - the tests set a plain flag
            await asyncio.sleep(0.1)


def _ready(conditions: Iterable[Condition]) -> str:
    return next((one.status for one in conditions if one.type == "Ready"), "False")


def _said_ready(status: dict[str, Any]) -> str:
    return str(status["conditions"][0]["status"])


async def send(client: Client, cls: type[Object], namespace: str, body: dict[str, Any]) -> None:
    """Create from a JSON-shaped body."""
    resource: Resource = cls.resource
    whole = {"apiVersion": resource.api_version, "kind": resource.kind, **body}
    await client.raw("POST", resource.path(namespace), headers=JSON, body=msgspec.json.encode(whole))


class Cluster:
    """`client` is the administrator's, orderly; the parts have clients of their own."""

    def __init__(
        self, client: Client, nodes: list[PretendNode], parts: list[Callable[[], Coroutine[Any, Any, None]]]
    ) -> None:
        self.client = client
        self.nodes = nodes
        self._parts = parts
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """The scheduler and the controllers, without any memory."""
        self._tasks = [asyncio.ensure_future(part()) for part in self._parts]

    async def crash(self) -> None:
        """End them in the middle of whatever they do."""
        for task in self._tasks:
            task.cancel()
        for result in await asyncio.gather(*self._tasks, return_exceptions=True):
            if isinstance(result, Exception):
                raise result

    async def until(self, holds: Callable[[], Any], *, within_s: float = 60.0) -> float:
        """Virtual seconds until the awaited check is true."""
        loop = asyncio.get_running_loop()
        start = loop.time()
        while not await holds():
            if loop.time() - start > within_s:
                raise AssertionError(f"not within {within_s} s")
            await asyncio.sleep(0.005)
        return loop.time() - start

    async def pods(self, namespace: str = "demo") -> list[Pod]:
        return list((await self.client.list(Pod, namespace)).items)


@asynccontextmanager
async def cluster(
    node_count: int = 3,
    *,
    seed: int = 1,
    late_s: float = 0.0,
    watch_events: int = 0,
    repeats: float = 0.0,
    options: ControllerOptions | None = None,
) -> AsyncIterator[Cluster]:
    """`late_s` and `watch_events` make the scheduler's and the controllers' transports disorderly."""
    rng = Random(seed)

    def client(server: Any, name: str, *, orderly: bool) -> Client:
        transport: Transport = LocalTransport(server, ADMIN, user_agent=name, share=64)
        if not orderly and (late_s or watch_events or repeats):
            transport = Disorder(
                transport, Random(rng.random()), late_s=late_s, watch_events=watch_events, repeats=repeats
            )
        return Client(transport)

    chosen = msgspec.structs.replace(
        options or ControllerOptions.named("lab"),
        cluster_cidrs=("10.244.0.0/16",),
        load_balancer_pool=("192.0.2.0/28",),
        root_ca_pem="PEM",
    )
    settings = Settings(advertise_address="192.0.2.254")
    async with in_memory(settings, clock=wall_clock, rng=Random(seed)) as server:
        nodes = [
            PretendNode(client(server, f"node-{n}", orderly=True), f"node-{n}", Random(rng.random()))
            for n in range(node_count)
        ]

        def controllers() -> Coroutine[Any, Any, None]:
            own = client(server, "controllers", orderly=False)
            return run_controllers(own, chosen, wall_clock=wall_clock, rng=Random(rng.random()))

        def scheduler() -> Coroutine[Any, Any, None]:
            own, profile = client(server, "scheduler", orderly=False), SchedulerProfile.named("lab")
            return run_scheduler(own, profile, wall_clock=wall_clock, rng=Random(rng.random()))

        one = Cluster(client(server, "admin", orderly=True), nodes, [controllers, scheduler])
        one.start()
        agents = [asyncio.ensure_future(node.run()) for node in nodes]
        try:
            yield one
        finally:
            for agent in agents:
                agent.cancel()
            for result in await asyncio.gather(*agents, return_exceptions=True):
                if isinstance(result, Exception):
                    raise result
            await one.crash()
