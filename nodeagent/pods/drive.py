"""One pod from its arrival to its end: plan, act, report, wait; each pod in a task of its own."""

import asyncio
import os
import time
from collections.abc import Callable, Mapping
from random import Random
from typing import Any, NamedTuple

from msgspec.structs import replace

from kube.client import ApiError, Client, NotFound
from kube.events import Recorder
from kube.objects import Pod
from kube.objects.containers import Container
from linux.logging_kv import get_logger
from nodeagent.cni.conflist import NetworkList
from nodeagent.cni.invocation import PluginError
from nodeagent.images.drive import Got, ImageSupply
from nodeagent.images.manifest import Image
from nodeagent.pods import apply, disk
from nodeagent.pods.backoff import restarted
from nodeagent.pods.env import service_variables
from nodeagent.pods.fetch_drive import SourceFetcher
from nodeagent.pods.fields import InvalidField
from nodeagent.pods.hooks_drive import HookFailed, run_hook, run_in_container
from nodeagent.pods.launch import NoCommand
from nodeagent.pods.mounts import UnsupportedVolume
from nodeagent.pods.plan import (
    Action,
    CreateSandbox,
    EnsureImage,
    Finish,
    KillContainer,
    RemoveRun,
    RemoveSandbox,
    StartContainer,
    plan,
)
from nodeagent.pods.report_drive import StatusWriter
from nodeagent.pods.sources import MissingSource, Ref, Source, refs_of_env, refs_of_volumes
from nodeagent.pods.state import Facts, Waiting
from nodeagent.pods.status import NodeFacts, pod_status
from nodeagent.pods.times import rfc3339
from nodeagent.pods.users import UserRefused
from nodeagent.probes.drive import ProbeRounds, has_probes, initial_health
from nodeagent.runtime import apply as runtime_apply
from nodeagent.runtime.records import ContainerRecord, PodRuntime
from nodeagent.volumes.apply import VolumeFailed
from nodeagent.volumes.files import is_generated

logger = get_logger("knode.pods")
_RETRY_S = 5.0
_CONFIG_ERRORS = (MissingSource, UserRefused, NoCommand, InvalidField, VolumeFailed, UnsupportedVolume)


class Host(NamedTuple):
    """What a worker uses of the agent."""

    client: Client
    recorder: Recorder
    setup: apply.NodeSetup
    images: ImageSupply
    status_facts: NodeFacts
    network: Callable[[], NetworkList | None]
    services: Callable[[], list[Any]]
    services_synced: Callable[[], Any]
    rng: Random


class PodWorker:
    """`update` and `vanish` tell it of the API's side; `run` ends when nothing of the pod is left."""

    def __init__(self, host: Host, pod: Pod, runtime: PodRuntime, *, gone: bool = False) -> None:
        self.host = host
        self.pod = pod
        self.runtime = runtime
        started_at = pod.status.start_time or rfc3339(time.time())
        known = {
            s.name: s.restart_count + 1
            for s in (*pod.status.container_statuses, *pod.status.init_container_statuses)
            if s.container_id
        }
        self.facts = Facts(gone=gone, started_at=started_at, known_restarts=known)
        self._wakeup = asyncio.Event()
        self._status = StatusWriter(host.client, self._compute_status, self.update)
        self._sources = SourceFetcher(host.client)
        self._images: dict[str, Image] = {}
        self._exits: dict[str, asyncio.Event] = {}
        self._deadlines_s: dict[str, float] = {}
        self._probes: dict[str, asyncio.Task[None]] = {}
        self._volumes_made = False
        self._finished = False
        self._group: asyncio.TaskGroup | None = None

    # what the agent says

    def update(self, pod: Pod) -> None:
        """The API's object has changed; an older one than is known is ignored."""
        known, new = self.pod.metadata.resource_version, pod.metadata.resource_version
        if known.isdigit() and new.isdigit() and int(new) < int(known):
            return
        self.pod = pod
        if pod.metadata.deletion_timestamp:
            self._shorten_kills()
        self._wakeup.set()

    def vanish(self) -> None:
        """The object was deleted without waiting for this node."""
        self._set(gone=True)
        self._shorten_kills()

    def poke(self) -> None:
        """Something outside has changed: the network is ready, for example."""
        self._wakeup.set()

    def evict(self, reason: str, message: str) -> None:
        self._set(evicted=Waiting(reason=reason, message=message))

    # the loop

    async def run(self) -> None:
        """Until the pod is finished. Children (probes, kills, image pulls) end with it."""
        async with asyncio.TaskGroup() as group:
            self._group = group
            status = group.create_task(self._status.run())
            for record in self.runtime.containers:
                if record.exit is None:
                    self._watch(record, restarted=True)
            while not self._finished:
                await self._step()
            for task in (status, *self._probes.values()):
                task.cancel()

    async def _step(self) -> None:
        self._wakeup.clear()
        self._set_quietly(network_ready=self.host.network() is not None)
        todo = plan(self.pod, self.runtime, self.facts, time.time())
        for action in todo.actions:
            await self._perform(action)
            if self._finished:
                return
        if todo.actions:
            self._wakeup.set()
            if all(isinstance(action, KillContainer | EnsureImage) for action in todo.actions):
                self._status.mark()
            return
        if not self.facts.gone:
            self._status.mark()
        await self._sleep(todo.wake_at_s)

    async def _sleep(self, wake_at_s: float | None) -> None:
        timeout_s = None if wake_at_s is None else max(0.0, wake_at_s - time.time()) + 0.01
        try:
            async with asyncio.timeout(timeout_s):
                await self._wakeup.wait()
        except TimeoutError:
            return

    async def _perform(self, action: Action) -> None:
        match action:
            case CreateSandbox(attempt):
                await self._create_sandbox(attempt)
            case RemoveSandbox():
                await self._remove_sandbox()
            case EnsureImage(name):
                self._ensure_image(self._container(name))
            case StartContainer(name, attempt):
                await self._start(self._container(name), attempt)
            case KillContainer():
                self._begin_kill(action)
            case RemoveRun(container_id):
                await self._remove_run(container_id)
            case Finish():
                await self._finish()

    # sandbox and volumes

    async def _create_sandbox(self, attempt: int) -> None:
        try:
            refs = refs_of_volumes(self.pod)
            sources = await self._sources.fetch(self.pod, refs) if refs else {}
            await self._make_volumes(sources, ips=())
            record = await asyncio.to_thread(
                apply.create_sandbox, self.host.setup, self.pod, attempt, self.host.network()
            )
            if any(is_generated(volume) for volume in self.pod.spec.volumes):
                await self._make_volumes(sources, record.ips)
        except (MissingSource, VolumeFailed, UnsupportedVolume, InvalidField) as error:
            self._sandbox_failed("FailedMount", f"MountVolume.SetUp failed: {error}")
        except (PluginError, OSError) as error:
            self._sandbox_failed("FailedCreatePodSandBox", f"Failed to create pod sandbox: {error}")
        except ApiError as error:
            self._sandbox_failed(
                "FailedMount", f"the API server cannot be asked for the pod's volumes: {error}"
            )
        else:
            self.runtime = replace(self.runtime, sandbox=record)
            self._set_quietly(sandbox=None)

    def _sandbox_failed(self, reason: str, message: str) -> None:
        self._tell("Warning", reason, message)
        self._set_quietly(sandbox=Waiting(reason=reason, message=message, retry_at_s=time.time() + _RETRY_S))

    async def _make_volumes(self, sources: Mapping[Ref, Source | None], ips: tuple[str, ...]) -> None:
        if self.pod.spec.volumes:
            await asyncio.to_thread(apply.make_volumes, self.host.setup, self.pod, sources, ips)

    async def refresh_volumes(self) -> None:
        """Bring configMap, secret, projected and downwardAPI volumes to what the API says now."""
        sandbox = self.runtime.sandbox
        if sandbox is None or sandbox.torn_down or not any(is_generated(v) for v in self.pod.spec.volumes):
            return
        try:
            sources = await self._sources.fetch(self.pod, refs_of_volumes(self.pod))
            await self._make_volumes(sources, sandbox.ips)
        except (*_CONFIG_ERRORS, ApiError, OSError) as error:
            logger.debug("volumes were not refreshed", pod=self._name(), error=error)

    async def _remove_sandbox(self) -> None:
        record = self.runtime.sandbox
        assert record is not None
        try:
            ended = await asyncio.to_thread(
                apply.remove_sandbox, self.host.setup, record, self.host.network()
            )
        except (PluginError, OSError) as error:
            self._tell("Warning", "FailedKillPod", f"error killing pod: {error}")
            await asyncio.sleep(_RETRY_S)
            return
        self.runtime = replace(self.runtime, sandbox=ended)

    # containers

    def _ensure_image(self, container: Container) -> None:
        self._set_quietly(images={**self.facts.images, container.name: False})
        _ = self._spawn(self._get_image(container))

    async def _get_image(self, container: Container) -> None:
        def tell(kind: str, reason: str, message: str) -> None:
            self._tell(kind, reason, message, container)

        found = await self.host.images.ensure(container.image, container.image_pull_policy, tell)
        images = dict(self.facts.images)
        waiting = {name: each for name, each in self.facts.waiting.items() if name != container.name}
        if isinstance(found, Got):
            self._images[container.name] = found.image
            images[container.name] = True
        else:
            del images[container.name]
            waiting[container.name] = Waiting(
                reason=found.reason, message=found.message, retry_at_s=found.retry_at_s
            )
        self._set(images=images, waiting=waiting)

    async def _start(self, container: Container, attempt: int) -> None:
        assert self.runtime.sandbox is not None
        try:
            refs = refs_of_env(self.pod)
            sources = await self._sources.fetch(self.pod, refs) if refs else {}
            await self.host.services_synced()
            order = apply.ContainerOrder(
                pod=self.pod,
                container=container,
                attempt=attempt,
                image=self._images[container.name],
                sandbox=self.runtime.sandbox,
                sources=sources,
                services=service_variables(
                    self.host.services(),
                    self.pod.metadata.namespace,
                    links=self.pod.spec.enable_service_links,
                ),
            )
            record = await asyncio.to_thread(apply.start_container, self.host.setup, order)
        except (*_CONFIG_ERRORS, ApiError, OSError) as error:
            reason = "CreateContainerError" if isinstance(error, OSError) else "CreateContainerConfigError"
            self._tell("Warning", "Failed", f"Error: {error}", container)
            waiting = Waiting(reason=reason, message=str(error), retry_at_s=time.time() + _RETRY_S)
            self._set_quietly(waiting={**self.facts.waiting, container.name: waiting})
            return
        self._started(container, record)

    def _started(self, container: Container, record: ContainerRecord) -> None:
        again = self.runtime.latest(container.name) is not None
        self.runtime = replace(self.runtime, containers=(*self.runtime.containers, record))
        self._set_quietly(
            images={name: here for name, here in self.facts.images.items() if name != container.name},
            waiting={name: each for name, each in self.facts.waiting.items() if name != container.name},
            delays=restarted(self.facts.delays, container.name, time.time()) if again else self.facts.delays,
        )
        if record.exit is not None:
            self._tell("Warning", "Failed", f"Error: {record.exit.message}", container)
            return
        self._tell("Normal", "Created", f"Created container: {container.name}", container)
        self._tell("Normal", "Started", f"Started container {container.name}", container)
        self._watch(record, restarted=False)
        hook = container.lifecycle.post_start if container.lifecycle else None
        if hook:
            _ = self._spawn(self._post_start(container, record))

    async def _post_start(self, container: Container, record: ContainerRecord) -> None:
        assert container.lifecycle is not None
        assert container.lifecycle.post_start is not None
        try:
            await run_hook(
                container.lifecycle.post_start,
                self.pod,
                container,
                record.id,
                self._ip(),
                self.host.setup.runtime,
                3600,
            )
        except HookFailed as error:
            self._tell("Warning", "FailedPostStartHook", f"PostStartHook failed: {error}", container)
            self._begin_kill(KillContainer(record.id, container.name, 30, "FailedPostStartHook"))

    def _watch(self, record: ContainerRecord, *, restarted: bool) -> None:
        """Notice the end of the run, and start its probes."""
        self._exits[record.id] = asyncio.Event()
        try:
            fd = (
                os.pidfd_open(record.monitor_pid) if record.monitor_pid and disk.monitor_alive(record) else -1
            )
        except ProcessLookupError:
            fd = -1
        if fd < 0:
            _ = self._spawn(self._collect(record))
            return
        loop = asyncio.get_running_loop()

        def ended() -> None:
            loop.remove_reader(fd)
            os.close(fd)
            _ = self._spawn(self._collect(record))

        loop.add_reader(fd, ended)
        container = self._find_container(record.name)
        if container and has_probes(container) and not self.facts.gone:
            self._set_quietly(health={**self.facts.health, record.id: initial_health(container)})
            self._probes[record.id] = self._spawn(self._probe(container, record, restarted=restarted))

    async def _probe(self, container: Container, record: ContainerRecord, *, restarted: bool) -> None:
        async def run(argv: tuple[str, ...], timeout_s: float) -> tuple[int, str]:
            return await run_in_container(self.host.setup.runtime, record.id, argv, timeout_s)

        rounds = ProbeRounds(
            container,
            self._ip(),
            run,
            lambda reason, message: self._tell("Warning", reason, message, container),
            lambda health: self._set(health={**self.facts.health, record.id: health}),
            self.host.rng,
        )
        await rounds.run(restarted=restarted)

    async def _collect(self, record: ContainerRecord) -> None:
        probe = self._probes.pop(record.id, None)
        if probe:
            probe.cancel()
        ended = await asyncio.to_thread(
            apply.collect_exit, self.host.setup, self.pod, self.pod.metadata.uid, record
        )
        containers = tuple(ended if each.id == record.id else each for each in self.runtime.containers)
        self.runtime = replace(self.runtime, containers=containers)
        self._exits[record.id].set()
        self._set(
            killing=self.facts.killing - {record.id},
            health={key: each for key, each in self.facts.health.items() if key != record.id},
        )
        assert ended.exit is not None
        logger.info("container ended", pod=self._name(), container=record.name, code=ended.exit.code)

    # endings

    def _begin_kill(self, action: KillContainer) -> None:
        if action.id in self.facts.killing:
            return
        self._set(killing=self.facts.killing | {action.id})
        self._deadlines_s[action.id] = time.monotonic() + action.grace_s
        if action.message:
            self._tell("Normal", "Killing", action.message, self._find_container(action.container))
        _ = self._spawn(self._kill(action))

    async def _kill(self, action: KillContainer) -> None:
        record = next(each for each in self.runtime.containers if each.id == action.id)
        container, gone = self._find_container(action.container), self._exits[action.id]
        hook = container.lifecycle.pre_stop if container and container.lifecycle else None
        if hook and container and action.grace_s > 0 and not gone.is_set():
            try:
                await run_hook(
                    hook, self.pod, container, record.id, self._ip(), self.host.setup.runtime, action.grace_s
                )
            except HookFailed as error:
                self._tell("Warning", "FailedPreStopHook", f"PreStopHook failed: {error}", container)
            self._deadlines_s[action.id] = max(self._deadlines_s[action.id], time.monotonic() + 2)
        if action.grace_s > 0:
            self._signal(record, self._stop_signal(container))
            while not gone.is_set() and (left_s := self._deadlines_s[action.id] - time.monotonic()) > 0:
                await _wait(gone, min(left_s, 0.5))
        while not gone.is_set():
            self._signal(record, runtime_apply.SIGKILL)
            await _wait(gone, 1.0)
        self._deadlines_s.pop(action.id, None)

    def _signal(self, record: ContainerRecord, number: int) -> None:
        if record.pid and disk.monitor_alive(record):
            runtime_apply.signal_process(record.pid, number)
            if number == runtime_apply.SIGKILL and self.pod.spec.host_pid:
                self.host.setup.runtime.kill_all(record.id, number)

    def _stop_signal(self, container: Container | None) -> int:
        name = container.lifecycle.stop_signal if container and container.lifecycle else ""
        if not name and container and container.name in self._images:
            name = self._images[container.name].config.stop_signal
        return runtime_apply.signal_number(name)

    def _shorten_kills(self) -> None:
        """A deletion with less grace overtakes a kill that is under way."""
        grace_s = 0.0 if self.facts.gone else self.pod.metadata.deletion_grace_period_seconds
        if grace_s is None:
            return
        for container_id, deadline_s in self._deadlines_s.items():
            self._deadlines_s[container_id] = min(deadline_s, time.monotonic() + grace_s)

    async def _remove_run(self, container_id: str) -> None:
        record = next(each for each in self.runtime.containers if each.id == container_id)
        await asyncio.to_thread(apply.remove_run, self.host.setup, self.pod.metadata.uid, record)
        kept = tuple(each for each in self.runtime.containers if each.id != container_id)
        self.runtime = replace(self.runtime, containers=kept)

    async def _finish(self) -> None:
        meta = self.pod.metadata
        if not self.facts.gone:
            await self._status.flushed()
            try:
                await self.host.client.delete(Pod, meta.name, meta.namespace, grace_period_s=0, uid=meta.uid)
            except NotFound:
                logger.debug("already gone from the API", pod=self._name())
            except ApiError as error:
                if error.code != 409:  # another pod has the name now
                    logger.warning("deletion not confirmed, again soon", pod=self._name(), error=error)
                    await asyncio.sleep(1)
                    return
        await asyncio.to_thread(apply.remove_pod, self.host.setup, meta.uid)
        self._finished = True

    # small things

    def _compute_status(self) -> tuple[Pod, dict[str, Any]]:
        return self.pod, pod_status(self.pod, self.runtime, self.facts, self.host.status_facts, time.time())

    def _set(self, **changes: Any) -> None:
        self._set_quietly(**changes)
        self._wakeup.set()

    def _set_quietly(self, **changes: Any) -> None:
        self.facts = replace(self.facts, **changes)

    def _spawn(self, work: Any) -> asyncio.Task[None]:
        assert self._group is not None
        task: asyncio.Task[None] = self._group.create_task(work)
        return task

    def _container(self, name: str) -> Container:
        found = self._find_container(name)
        assert found is not None
        return found

    def _find_container(self, name: str) -> Container | None:
        everyone = (*self.pod.spec.containers, *self.pod.spec.init_containers)
        return next((container for container in everyone if container.name == name), None)

    def _ip(self) -> str:
        sandbox = self.runtime.sandbox
        return sandbox.ips[0] if sandbox and sandbox.ips else ""

    def _name(self) -> str:
        return f"{self.pod.metadata.namespace}/{self.pod.metadata.name}"

    def _tell(self, kind: str, reason: str, message: str, container: Container | None = None) -> None:
        path = ""
        if container:
            field = "initContainers" if container in self.pod.spec.init_containers else "containers"
            path = f"spec.{field}{{{container.name}}}"
        self.host.recorder.event(self.pod, kind, reason, message, field_path=path)


async def _wait(event: asyncio.Event, timeout_s: float) -> None:
    try:
        async with asyncio.timeout(timeout_s):
            await event.wait()
    except TimeoutError:
        return
