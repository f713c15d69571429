"""The agent: watches its pods, gives each a worker, keeps the Node alive, serves logs and exec."""

import asyncio
import contextlib
import os
import signal
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor
from random import Random
from typing import Any

from kube.client import Client
from kube.events import Recorder
from kube.objects import NamespacedName, Node, ObjectMeta, Pod, Service
from kube.scheduler.quantity import amount
from kube.watch import Informer
from linux import process
from linux.logging_kv import get_logger
from nodeagent.cgroups import apply as cgroups_apply
from nodeagent.cni.apply import Cni
from nodeagent.housekeeping_drive import Housekeeping
from nodeagent.images.builtin.apply import find_busybox
from nodeagent.images.drive import ImageSupply
from nodeagent.network_drive import NodeNetwork
from nodeagent.node import apply as node_apply
from nodeagent.node import disk as node_disk
from nodeagent.node.drive import NodeKeeper
from nodeagent.node.plan import NodeState
from nodeagent.options import Options
from nodeagent.places import Places
from nodeagent.pods import disk as pods_disk
from nodeagent.pods.admission import Room, refusal, resize_refusal, room_of
from nodeagent.pods.drive import PodWorker
from nodeagent.pods.live import Host
from nodeagent.pods.security_disk import apparmor_enabled
from nodeagent.pods.setup import NodeSetup
from nodeagent.pods.status import NodeFacts
from nodeagent.pods.watch_drive import SourceWatches
from nodeagent.runtime.apply import OciRuntime, trial_start
from nodeagent.runtime.records import PodRuntime, SandboxRecord
from nodeagent.runtime.trial import Verdict, candidates, choose
from nodeagent.static.disk import Folder
from nodeagent.static.drive import StaticPods
from nodeagent.static.plan import StaticPod, mirrored_uid

logger = get_logger("knode")
_FETCHES = 8  # more would each want a connection, and the API server's time, for themselves
_THREADS = 16  # container starts that may wait for the runtime at the same time
_REFRESH_VOLUMES_S = 60.0  # tokens near their end, and what a lost watch may have missed
_WORKER_RESTART_S = 2.0
# Keys and objects of this and of any other podnet on the machine: nothing for containers of podnet/host.
_OWN_DIRS = ("/etc/podnet", "/var/lib/podnet", "/root/.kube")


class Agent:
    """All of one node."""

    def __init__(self, options: Options) -> None:
        self.options = options
        self.places = Places(options.root_dir, options.run_dir)
        self.client = Client.from_kubeconfig(options.kubeconfig, user_agent="knode")
        self.recorder = Recorder(self.client, "kubelet", wall_clock=_now, host=options.node_name)
        self.workers: dict[str, PodWorker] = {}
        self.host: Host | None = None
        self.housekeeping = Housekeeping(
            options, self.places, lambda: list(self.workers.values()), self._pressure_changed
        )
        self._runtime_version = ""
        self.network = NodeNetwork(options, self.places)
        self._not_ready = ("NodeStarting", "the container runtime is being tried")
        node_only = f"metadata.name={options.node_name}"
        self.nodes = Informer(self.client, Node, field_selector=node_only)
        self.pods = Informer(self.client, Pod, field_selector=f"spec.nodeName={options.node_name}")
        self.services = Informer(self.client, Service)
        self.statics = StaticPods(
            self.client,
            Folder(options.static_pod_dir, options.node_name),
            self._start_static,
            lambda: self.workers,
            self._mirrors,
            lambda: next(iter(self.nodes.cache.values()), None),
        )
        self._found: dict[str, PodRuntime] = {}
        self._group: asyncio.TaskGroup | None = None

    async def run(self) -> None:
        """Until cancelled. Containers live on."""
        machine = node_disk.read_machine(self.options.root_dir)
        keeper = NodeKeeper(
            self.client, machine, self._state, labels=dict(self.options.labels), lease_s=self.options.lease_s
        )
        self._keeper = keeper
        self.nodes.subscribe(keeper.observe)
        self.nodes.subscribe(self._on_node)
        async with asyncio.TaskGroup() as group:
            self._group = group
            group.create_task(keeper.run())
            group.create_task(self.nodes.run())
            group.create_task(self.pods.run())
            group.create_task(self.services.run())
            group.create_task(self.recorder.run())
            group.create_task(self._serve())
            await self.network.start(self.client, self._spawn, self._refresh_network)
            verdict = await asyncio.to_thread(self._choose_runtime)
            self.host = self._host(verdict, machine.cpu_count, machine.memory_bytes)
            await asyncio.to_thread(node_apply.prepare_kernel)
            self.network.load()
            found = await asyncio.to_thread(pods_disk.load_pods, self.places)
            sandboxes = [each.sandbox for each in found.values() if each.sandbox]
            await asyncio.to_thread(self.network.free_attachments, self.host.setup.cni, sandboxes)
            self._not_ready = ("", "")
            self._refresh_network()
            self._found = found
            if self.options.static_pod_dir:
                self.statics.begin()
                group.create_task(self.statics.run())
            await self._adopt(found)
            group.create_task(self._refresh_volumes())
            group.create_task(self.housekeeping.run())

    # the node

    def _state(self) -> NodeState:
        images: list[tuple[str, int]] = []
        if self.host:
            with contextlib.suppress(OSError):
                images = self.host.images.listed()
        return NodeState(
            name=self.options.node_name,
            ips=self.options.node_ips,
            port=self.options.port,
            runtime_version=self._runtime_version,
            not_ready=self._not_ready if self._not_ready[0] else self.network.not_ready,
            images=tuple(images[:50]),
            max_pods=self.options.max_pods,
            reserved=self._reserved(),
            pressure=self.housekeeping.pressure,
            taints=self.options.taints,
        )

    def _reserved(self) -> dict[str, int]:
        return {name: amount(name, value) for name, value in self.options.reserved}

    def _pressure_changed(self) -> None:
        self._keeper.changed()

    def _choose_runtime(self) -> Verdict:
        os.makedirs(self.places.run_dir, exist_ok=True)
        busybox = find_busybox()
        wanted = self.options.runtime
        verdict = choose(
            candidates(wanted, process.find),
            lambda each: trial_start(each, self.places.run_dir, busybox),
            wanted,
        )
        version = process.run([verdict.candidate.program, "--version"]).stdout.split()
        self._runtime_version = f"{verdict.candidate.name}://{version[2] if len(version) > 2 else 'unknown'}"
        logger.info(
            "container runtime chosen", runtime=self._runtime_version, cgroups=verdict.candidate.cgroups
        )
        if verdict.note:
            logger.warning("container runtime is not the first choice", why=verdict.note)
        missing = cgroups_apply.missing_controllers() if verdict.candidate.cgroups else ()
        if missing:
            logger.warning("cgroup controllers are missing: no limits by them", controllers=",".join(missing))
        return verdict

    def _host(self, verdict: Verdict, cpu_count: int, memory_bytes: int) -> Host:
        options = self.options
        conmon = process.find("conmon")
        if conmon is None:
            raise FileNotFoundError("conmon is not installed: apt-get install -y conmon")
        secrets = (os.path.dirname(path) for path in (options.kubeconfig, options.tls_key) if path)
        hidden = (*options.hide, *secrets, options.root_dir, options.run_dir, *_OWN_DIRS)
        setup = NodeSetup(
            places=self.places,
            runtime=OciRuntime(verdict.candidate, self.places.runtime_root, conmon),
            cni=Cni(options.cni_bin_dir, options.cni_cache_dir),
            cluster_dns=options.cluster_dns,
            cluster_domain=options.cluster_domain,
            node_resolv=node_disk.read_resolv(options.resolv_conf),
            node_ips=options.node_ips,
            node_cpu_milli=cpu_count * 1000 - self._reserved().get("cpu", 0),
            node_memory_bytes=memory_bytes - self._reserved().get("memory", 0),
            cgroup_root=(options.cgroup_root or f"/podnet/{options.node_name}")
            if verdict.candidate.cgroups
            else "",
            capabilities=node_disk.own_capabilities(),
            pids_max=options.pod_max_pids,
            seccomp_default=options.seccomp_default,
        )
        images = ImageSupply(
            store_dir=self.places.images,
            shared_dir=options.image_dir,
            run_dir=options.run_dir,
            hidden=hidden,
            pull_netns=options.pull_netns,
        )
        return Host(
            client=self.client,
            recorder=self.recorder,
            setup=setup,
            images=images,
            status_facts=NodeFacts(options.node_ips, verdict.candidate.name),
            network=lambda: self.network.list,
            sandbox_of=self._sandbox_of,
            services=lambda: list(self.services.cache.values()),
            services_synced=self.services.wait_synced,
            watches=SourceWatches(self.client, self._spawn),
            fetching=asyncio.Semaphore(_FETCHES),
            resize_refusal=lambda pod: resize_refusal(pod, self._room(), self._present()),
            rng=Random(),
        )

    def _on_node(self, _key: NamespacedName, old: Node | None, new: Node | None) -> None:
        if new and (old is None or old.spec.pod_cidrs != new.spec.pod_cidrs):
            self._refresh_network()

    def _refresh_network(self) -> None:
        """Once the runtime works and the ranges are known; then the node is ready."""
        node = next(iter(self.nodes.cache.values()), None)
        ranges = node.spec.pod_cidrs if node else ()
        if self.host is None or not ranges or not self.network.configure(ranges, self.host.setup.cni):
            return
        self._keeper.changed()
        for worker in self.workers.values():
            worker.poke()

    # pods

    async def _adopt(self, found: dict[str, PodRuntime]) -> None:
        """Take up what an earlier agent left, end what nobody wants any more, then follow the API."""
        await self.pods.wait_synced()
        self.pods.subscribe(lambda _key, old, new: self._on_pod(old, new, found))
        for uid, runtime in list(found.items()):
            logger.info("removing a pod that is not wanted any more", uid=uid)
            meta = ObjectMeta(
                uid=uid, name=_recorded(runtime, "pod_name"), namespace=_recorded(runtime, "pod_namespace")
            )
            self._start_worker(Pod(metadata=meta), runtime, gone=True)
        found.clear()

    def _on_pod(self, old: Pod | None, new: Pod | None, found: dict[str, PodRuntime]) -> None:
        if old and (new is None or new.metadata.uid != old.metadata.uid):
            worker = self.workers.get(old.metadata.uid)
            if worker:
                worker.vanish()
        if new is None:
            return
        if mirrored_uid(new):
            shown = self.workers.get(mirrored_uid(new))
            if shown and old is None:
                shown.mirror_appeared()
            return
        worker = self.workers.get(new.metadata.uid)
        if worker:
            worker.update(new)
        else:
            self._start_worker(new, found.pop(new.metadata.uid, PodRuntime()))

    def _start_static(self, static: StaticPod) -> None:
        self._start_worker(static.pod, self._found.pop(static.uid, PodRuntime()), static=True)

    def _mirrors(self) -> dict[str, Pod]:
        return {str(key): pod for key, pod in self.pods.cache.items() if mirrored_uid(pod)}

    def _start_worker(
        self, pod: Pod, runtime: PodRuntime, *, gone: bool = False, static: bool = False
    ) -> None:
        assert self.host is not None
        worker = PodWorker(self.host, pod, runtime, gone=gone, static=static)
        if not gone and not runtime.sandbox and pod.status.phase in {"", "Pending"}:
            why = refusal(pod, self._room(), self._present())
            if why is not None:
                worker.refuse(why)
        self.workers[pod.metadata.uid] = worker
        _ = self._spawn(self._keep(worker))

    def _room(self) -> Room:
        node = next(iter(self.nodes.cache.values()), None)
        options = self.options
        if node is None:
            return Room(options.node_name)
        return room_of(
            node,
            unsafe_sysctls=options.unsafe_sysctls,
            apparmor=apparmor_enabled(),
            pressure=self.housekeeping.pressure,
        )

    def _present(self) -> list[Pod]:
        """Pods that hold what they asked of the node."""
        return [
            worker.pod
            for worker in self.workers.values()
            if worker.facts.evicted is None
            and not worker.facts.gone
            and worker.pod.status.phase not in {"Succeeded", "Failed"}
        ]

    async def _keep(self, worker: PodWorker) -> None:
        """One pod's trouble is not the others': its worker is replaced by one that looks at the disk again."""
        uid = worker.pod.metadata.uid
        while True:
            try:
                await worker.run()
                break
            except Exception:
                logger.exception("pod worker failed, starting it again", pod=worker.pod.metadata.name)
                await asyncio.sleep(_WORKER_RESTART_S)
                runtime = (await asyncio.to_thread(pods_disk.load_pods, self.places)).get(uid, PodRuntime())
                assert self.host is not None
                worker = PodWorker(
                    self.host, worker.pod, runtime, gone=worker.facts.gone, static=worker.static
                )
                self.workers[uid] = worker
        self.workers.pop(uid, None)

    def worker_of(self, namespace: str, name: str) -> PodWorker | None:
        """The newest pod of the name."""
        pod = self.pods.cache.get(NamespacedName(namespace, name))
        return self.workers.get(mirrored_uid(pod) or pod.metadata.uid) if pod else None

    def _sandbox_of(self, namespace: str, name: str) -> SandboxRecord | None:
        worker = self.worker_of(namespace, name)
        return worker.runtime.sandbox if worker else None

    async def _refresh_volumes(self) -> None:
        while True:
            await asyncio.sleep(_REFRESH_VOLUMES_S)
            for worker in list(self.workers.values()):
                await worker.refresh_volumes()

    async def _serve(self) -> None:
        from nodeagent.server.serve import serve

        await serve(self)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        assert self._group is not None
        return self._group.create_task(work)


def _recorded(runtime: PodRuntime, field: str) -> str:
    return str(getattr(runtime.sandbox, field)) if runtime.sandbox else ""


def _now() -> float:
    import time

    return time.time()


async def run(options: Options) -> None:
    """Run the agent until SIGTERM or SIGINT."""
    loop = asyncio.get_running_loop()
    threads = ThreadPoolExecutor(_THREADS)
    loop.set_default_executor(threads)
    task = asyncio.current_task()
    assert task is not None
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, task.cancel)
    agent = Agent(options)
    try:
        await agent.run()
    except asyncio.CancelledError:
        logger.info("told to end; containers live on")
    finally:
        await agent.client.close()
        # A thread may wait for a registry or a container's start: what it leaves half done, the next start finds.
        threads.shutdown(wait=False, cancel_futures=True)
        loop.set_default_executor(ThreadPoolExecutor(1))
