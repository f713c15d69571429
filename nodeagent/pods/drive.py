"""One pod from its arrival to its end: plan, act, report, wait; each pod in a task of its own."""

import asyncio
import time
from typing import Any

from msgspec.structs import replace

from kube.client import ApiError, NotFound
from kube.objects import Pod, to_dict
from linux.logging_kv import get_logger
from nodeagent.pods import apply
from nodeagent.pods.containers_drive import ContainersDrive
from nodeagent.pods.fetch_drive import SourceFetcher
from nodeagent.pods.live import Host, LivePod
from nodeagent.pods.plan import (
    Action,
    CreateSandbox,
    EnsureImage,
    Finish,
    KillContainer,
    RemoveRun,
    RemoveSandbox,
    ResizeContainer,
    StartContainer,
    deadline_s,
    plan,
)
from nodeagent.pods.report_drive import StatusWriter
from nodeagent.pods.resources import changed
from nodeagent.pods.sandbox_drive import SandboxDrive
from nodeagent.pods.state import Facts, Waiting
from nodeagent.pods.status import pod_status
from nodeagent.runtime.records import ContainerRecord, PodRuntime

logger = get_logger("knode.pods")
_RESIZE_RETRY_S = 3.0  # other pods may have left by then


class PodWorker:
    """`update` and `vanish` tell it of the API's side; `run` ends when nothing of the pod is left."""

    def __init__(
        self, host: Host, pod: Pod, runtime: PodRuntime, *, gone: bool = False, static: bool = False
    ) -> None:
        self._live = LivePod(host, pod, runtime, gone=gone, static=static)
        sources = SourceFetcher(host.client, host.fetching)
        self._sandbox = SandboxDrive(self._live, sources)
        self._containers = ContainersDrive(self._live, sources)
        self._status = StatusWriter(host.client, self._compute_status, self._written)
        self._finished = False

    @property
    def host(self) -> Host:
        return self._live.host

    @property
    def static(self) -> bool:
        return self._live.static

    @property
    def pod(self) -> Pod:
        return self._live.pod

    @property
    def shown(self) -> dict[str, Any]:
        """The pod as the API shows it, with what its status is now."""
        body = to_dict(self.pod)
        return {**body, "kind": "Pod", "apiVersion": "v1", "status": self._compute_status()[1]}

    @property
    def runtime(self) -> PodRuntime:
        return self._live.runtime

    @property
    def facts(self) -> Facts:
        return self._live.facts

    def update(self, pod: Pod) -> None:
        """The API's object has changed; an older one than is known is ignored."""
        known, new = self.pod.metadata.resource_version, pod.metadata.resource_version
        if known.isdigit() and new.isdigit() and int(new) < int(known):
            return
        self._live.pod = pod
        if pod.metadata.deletion_timestamp:
            self._containers.shorten_kills()
            self._containers.end_liveness()
        self._live.wakeup.set()

    def _written(self, pod: Pod) -> None:
        """The object with its new status, as the API returned it."""
        if not self._live.static:
            self.update(pod)

    def vanish(self) -> None:
        """The object was deleted without waiting for this node."""
        self._live.set(gone=True)
        self._containers.shorten_kills()

    def refuse(self, why: Waiting) -> None:
        """Before run(): the pod fails and nothing of it is started."""
        self._live.tell("Warning", why.reason, why.message)
        self._live.note(evicted=why)

    def evict(self, message: str, grace_s: int = 1) -> None:
        """The node takes the pod's place back."""
        self._live.tell("Warning", "Evicted", message)
        self._live.set(evicted=Waiting(reason="Evicted", message=message), evicted_grace_s=grace_s)

    def mirror_appeared(self) -> None:
        """A static pod can be shown in the API now."""
        self._status.forget()

    def poke(self) -> None:
        """Something outside has changed: the network is ready, for example."""
        self._live.wakeup.set()

    async def refresh_volumes(self) -> None:
        await self._sandbox.refresh_volumes()

    async def run(self) -> None:
        """Until the pod is finished. Children (probes, kills, image pulls) end with it."""
        async with asyncio.TaskGroup() as group:
            self._live.enter(group)
            status = group.create_task(self._status.run())
            self._sandbox.follow()
            await self._containers.discard_unstarted()
            for record in self.runtime.containers:
                if record.exit is None:
                    self._containers.watch(record, agent_restarted=True)
            while not self._finished:
                await self._step()
                await asyncio.sleep(0)  # whatever a pod does, leases and other pods have their turn
            _ = status.cancel()
            self._containers.stop_probes()

    async def _step(self) -> None:
        """One plan. Status is written when nothing is left to do at once, so that a start is one write."""
        self._live.wakeup.clear()
        now_s = time.time()
        self._live.note(network_ready=self.host.network() is not None)
        ends_s = deadline_s(self.pod, self.facts)
        if ends_s is not None and now_s >= ends_s and self.facts.evicted is None:
            reason, message = (
                "DeadlineExceeded",
                "Pod was active on the node longer than the specified deadline",
            )
            self._live.tell("Normal", reason, message)
            self._live.note(evicted=Waiting(reason=reason, message=message))
        self._note_resize(now_s)
        todo = plan(self.pod, self.runtime, self.facts, now_s)
        for action in todo.actions:
            await self._perform(action)
            if self._finished:
                return
        slow = all(isinstance(action, KillContainer | EnsureImage) for action in todo.actions)
        if slow and not self.facts.gone:
            self._status.mark()
        if not todo.actions:
            times = [
                at_s for at_s in (todo.wake_at_s, None if self.facts.evicted else ends_s) if at_s is not None
            ]
            await self._sleep(min(times, default=None))

    def _note_resize(self, now_s: float) -> None:
        """Whether the node can give what running containers ask for now."""
        pending = self.facts.resize
        if not any(self._differs(record) for record in self.runtime.containers):
            self._live.note(resize=None)
        elif pending is None or pending.retry_at_s <= now_s:
            why = self.host.resize_refusal(self.pod)
            if why and (pending is None or pending.reason != why.reason):
                self._live.tell("Warning", f"Resize{why.reason}", f"Pod resize {why.reason}: {why.message}")
            self._live.note(resize=replace(why, retry_at_s=now_s + _RESIZE_RETRY_S) if why else None)

    def _differs(self, record: ContainerRecord) -> bool:
        container = self._live.container(record.name)
        return bool(record.running and container and changed(record.resources, container.resources))

    async def _sleep(self, wake_at_s: float | None) -> None:
        timeout_s = None if wake_at_s is None else max(0.0, wake_at_s - time.time()) + 0.01
        try:
            async with asyncio.timeout(timeout_s):
                await self._live.wakeup.wait()
        except TimeoutError:
            return

    async def _perform(self, action: Action) -> None:
        match action:
            case CreateSandbox(attempt):
                await self._sandbox.create(attempt)
            case RemoveSandbox():
                await self._sandbox.remove()
            case EnsureImage(name):
                container = self._live.container(name)
                assert container is not None
                self._containers.ensure_image(container)
            case StartContainer(name, attempt):
                container = self._live.container(name)
                assert container is not None
                await self._containers.start(container, attempt)
            case KillContainer():
                self._containers.begin_kill(action)
            case ResizeContainer(container_id, name):
                container = self._live.container(name)
                assert container is not None
                await self._containers.resize(container, container_id)
            case RemoveRun(container_id):
                await self._containers.remove_run(container_id)
            case Finish():
                await self._finish()

    async def _finish(self) -> None:
        """Confirm the deletion, which takes the object out of the API, and forget the pod."""
        meta = self.pod.metadata
        if not self.facts.gone and not self._live.static:
            await self._status.flushed()
            try:
                await self.host.client.delete(Pod, meta.name, meta.namespace, grace_period_s=0, uid=meta.uid)
            except NotFound:
                logger.debug("already gone from the API", pod=self._live.label)
            except ApiError as error:
                if error.code != 409:  # 409: another pod has the name now
                    logger.warning("deletion not confirmed, again soon", pod=self._live.label, error=error)
                    await asyncio.sleep(1)
                    return
        await asyncio.to_thread(apply.remove_pod, self.host.setup, meta.uid)
        self._finished = True

    def _compute_status(self) -> tuple[Pod, dict[str, Any]]:
        status = pod_status(self.pod, self.runtime, self.facts, self.host.status_facts, time.time())
        if self._live.static:  # the mirror has a UID of its own
            return replace(self.pod, metadata=replace(self.pod.metadata, uid="")), status
        return self.pod, status
