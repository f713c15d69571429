"""A pod's containers: image, start, probes, end."""

import asyncio
import contextlib
import os
import time
from collections.abc import Mapping
from typing import TypeVar

from kube.client import ApiError
from kube.objects.containers import Container, EphemeralContainer
from linux.logging_kv import get_logger
from nodeagent.images.drive import Got
from nodeagent.images.manifest import Image
from nodeagent.pods import apply, disk
from nodeagent.pods.backoff import restarted
from nodeagent.pods.env import service_variables
from nodeagent.pods.fetch_drive import SourceFetcher
from nodeagent.pods.fields import InvalidField
from nodeagent.pods.hooks_drive import HookFailed, run_hook, run_in_container
from nodeagent.pods.launch import NoCommand
from nodeagent.pods.live import LivePod
from nodeagent.pods.mounts import UnsupportedVolume
from nodeagent.pods.plan import KillContainer
from nodeagent.pods.security_disk import ProfileMissing
from nodeagent.pods.sources import MissingSource, refs_of_env, refs_of_pulls, registry_credentials
from nodeagent.pods.state import Waiting
from nodeagent.pods.users import UserRefused
from nodeagent.probes.drive import ProbeRounds, has_probes, initial_health
from nodeagent.runtime import apply as runtime_apply
from nodeagent.runtime.records import ContainerRecord
from nodeagent.volumes.apply import VolumeFailed

logger = get_logger("knode.containers")
V = TypeVar("V")
_RETRY_S = 5.0
_POST_START_S = 3600.0
_FRESH_S = 1.0
_AFTER_HOOK_S = 2.0  # what SIGTERM gets even if preStop took the whole grace period


class NoTarget(Exception):
    """An ephemeral container's target does not run."""


_CONFIG_ERRORS = (
    MissingSource,
    UserRefused,
    NoCommand,
    NoTarget,
    InvalidField,
    VolumeFailed,
    UnsupportedVolume,
    ProfileMissing,
)


class ContainersDrive:
    """Failures become Events and waiting states; nothing is raised."""

    def __init__(self, live: LivePod, sources: SourceFetcher) -> None:
        self._live = live
        self._sources = sources
        self._images: dict[str, Image] = {}
        self._exits: dict[str, asyncio.Event] = {}
        self._deadlines_s: dict[str, float] = {}  # monotonic, by container id
        self._fresh_until_s: dict[str, float] = {}  # monotonic, by container id
        self._probes: dict[str, tuple[ProbeRounds, asyncio.Task[None]]] = {}

    # starting

    def ensure_image(self, container: Container) -> None:
        """Have the image looked for; the plan goes on when it is here or known to be missing."""
        self._live.note(images={**self._live.facts.images, container.name: False})
        _ = self._live.spawn(self._get_image(container))

    async def _get_image(self, container: Container) -> None:
        def tell(kind: str, reason: str, message: str) -> None:
            self._live.tell(kind, reason, message, container)

        auth = b""
        with contextlib.suppress(ApiError):  # without credentials: the registry may not want any
            secrets = await self._sources.fetch(self._live.pod, refs_of_pulls(self._live.pod))
            auth = registry_credentials(secrets.values())
        found = await self._live.host.images.ensure(container.image, container.image_pull_policy, tell, auth)
        images = dict(self._live.facts.images)
        waiting = _without(self._live.facts.waiting, container.name)
        if isinstance(found, Got):
            self._images[container.name] = found.image
            images[container.name] = True
        else:
            del images[container.name]
            waiting[container.name] = Waiting(
                reason=found.reason, message=found.message, retry_at_s=found.retry_at_s
            )
        self._live.set(images=images, waiting=waiting)

    async def start(self, container: Container, attempt: int) -> None:
        live = self._live
        assert live.runtime.sandbox is not None
        try:
            sources = await self._sources.fetch(live.pod, refs_of_env(live.pod))
            if not live.static:  # those start without an API server as well
                await live.host.services_synced()
            services = service_variables(
                live.host.services(), live.pod.metadata.namespace, links=live.pod.spec.enable_service_links
            )
            order = apply.ContainerOrder(
                pod=live.pod,
                container=container,
                attempt=attempt,
                image=self._images[container.name],
                sandbox=live.runtime.sandbox,
                sources=sources,
                services=services,
                target_pid=self._target_pid(container),
            )
            record = await asyncio.to_thread(apply.start_container, live.host.setup, order)
        except (*_CONFIG_ERRORS, ApiError, OSError) as error:
            reason = "CreateContainerError" if isinstance(error, OSError) else "CreateContainerConfigError"
            live.tell("Warning", "Failed", f"Error: {error}", container)
            waiting = Waiting(reason=reason, message=str(error), retry_at_s=time.time() + _RETRY_S)
            live.note(waiting={**live.facts.waiting, container.name: waiting})
            return
        self._started(container, record)

    def _target_pid(self, container: Container) -> int:
        """The process an ephemeral container wants to look at. Raises NoTarget while it does not run."""
        name = container.target_container_name if isinstance(container, EphemeralContainer) else ""
        if not name:
            return 0
        record = self._live.runtime.latest(name)
        if record is None or not record.running:
            raise NoTarget(f'container "{name}", whose processes it wants to see, does not run')
        return record.pid

    async def resize(self, container: Container, container_id: str) -> None:
        """Resources of a running container; what the kernel refuses is tried again later (KEP-1287)."""
        live, record = self._live, self._live.record(container_id)
        try:
            resized = await asyncio.to_thread(apply.resize, live.host.setup, live.pod, container, record)
        except OSError as error:
            text = f"{container.name}: {error.strerror}: its use may be above the new limit"
            live.note(resize=Waiting(reason="Error", message=text, retry_at_s=time.time() + _RETRY_S))
            live.tell("Warning", "ResizeError", text, container)
            return
        live.put_record(resized)
        live.note(resize=None)
        live.tell("Normal", "ResizeCompleted", f"Pod resize completed: {container.name}", container)

    def _started(self, container: Container, record: ContainerRecord) -> None:
        live = self._live
        before = live.runtime.latest(container.name)
        again = before is not None and before.image == record.image  # another image has not failed yet
        kept = live.facts.delays if again or before is None else _without(live.facts.delays, container.name)
        live.put_record(record)
        live.note(
            images=_without(live.facts.images, container.name),
            waiting=_without(live.facts.waiting, container.name),
            delays=restarted(kept, container.name, time.time()) if again else kept,
        )
        if record.exit is not None:
            live.tell("Warning", "Failed", f"Error: {record.exit.message}", container)
            return
        live.tell("Normal", "Created", f"Created container: {container.name}", container)
        live.tell("Normal", "Started", f"Started container {container.name}", container)
        self._fresh_until_s[record.id] = time.monotonic() + _FRESH_S
        self.watch(record, agent_restarted=False)
        if container.lifecycle and container.lifecycle.post_start:
            _ = live.spawn(self._post_start(container, record))

    async def _post_start(self, container: Container, record: ContainerRecord) -> None:
        live = self._live
        assert container.lifecycle is not None
        assert container.lifecycle.post_start is not None
        hook, runtime = container.lifecycle.post_start, live.host.setup.runtime
        try:
            await run_hook(hook, live.pod, container, record.id, live.ip, runtime, _POST_START_S)
        except HookFailed as error:
            live.tell("Warning", "FailedPostStartHook", f"PostStartHook failed: {error}", container)
            self.begin_kill(KillContainer(record.id, container.name, 30, "FailedPostStartHook"))

    async def discard_unstarted(self) -> None:
        """Runs that a former agent created and did not start, or did not see started: they begin anew."""
        live = self._live
        for record in live.runtime.containers:
            if record.exit is None and not record.started_at:
                await asyncio.to_thread(apply.discard_run, live.host.setup, live.uid, record)
                live.drop_record(record.id)

    # watching

    def watch(self, record: ContainerRecord, *, agent_restarted: bool) -> None:
        """Notice the end of the run, and probe it until then."""
        self._exits[record.id] = asyncio.Event()
        fd = _monitor_fd(record)
        if fd < 0:
            _ = self._live.spawn(self._collect(record))
            return
        loop = asyncio.get_running_loop()

        def ended() -> None:
            loop.remove_reader(fd)
            os.close(fd)
            _ = self._live.spawn(self._collect(record))

        loop.add_reader(fd, ended)
        container = self._live.container(record.name)
        if container and has_probes(container) and not self._live.facts.gone:
            health = {**self._live.facts.health, record.id: initial_health(container)}
            self._live.note(health=health)
            rounds = self._probe_rounds(container, record)
            work = rounds.run(restarted=agent_restarted)
            self._probes[record.id] = (rounds, self._live.spawn(work))
            if self._live.pod.metadata.deletion_timestamp:
                rounds.end_liveness()

    def _probe_rounds(self, container: Container, record: ContainerRecord) -> ProbeRounds:
        live = self._live

        async def run(argv: tuple[str, ...], timeout_s: float) -> tuple[int, str]:
            return await run_in_container(live.host.setup.runtime, record.id, argv, timeout_s)

        return ProbeRounds(
            container,
            live.ip,
            run,
            lambda reason, message: live.tell("Warning", reason, message, container),
            lambda health: live.set(health={**live.facts.health, record.id: health}),
            live.host.rng,
        )

    async def _collect(self, record: ContainerRecord) -> None:
        live = self._live
        _, probe = self._probes.pop(record.id, (None, None))
        if probe:
            _ = probe.cancel()
        ended = await asyncio.to_thread(apply.collect_exit, live.host.setup, live.pod, live.uid, record)
        live.put_record(ended)
        self._exits[record.id].set()
        self._fresh_until_s.pop(record.id, None)
        live.set(
            killing=live.facts.killing - {record.id},
            health=_without(live.facts.health, record.id),
        )
        assert ended.exit is not None
        logger.info("container ended", pod=live.label, container=record.name, code=ended.exit.code)

    def stop_probes(self) -> None:
        for _rounds, task in self._probes.values():
            _ = task.cancel()

    def end_liveness(self) -> None:
        """The pod is being deleted."""
        for rounds, _task in self._probes.values():
            rounds.end_liveness()

    # ending

    def begin_kill(self, action: KillContainer) -> None:
        live = self._live
        if action.id in live.facts.killing:
            return
        live.set(killing=live.facts.killing | {action.id})
        self._deadlines_s[action.id] = time.monotonic() + action.grace_s
        live.tell("Normal", "Killing", action.message, live.container(action.container))
        _ = live.spawn(self._kill(action))

    async def _kill(self, action: KillContainer) -> None:
        record, gone = self._live.record(action.id), self._exits[action.id]
        if action.grace_s > 0 and not gone.is_set():
            await self._pre_stop(action, record)
            number = runtime_apply.signal_number(record.stop_signal)
            await self._until_caught(record, number)
            self._signal(record, number)
            while not gone.is_set() and (left_s := self._deadlines_s[action.id] - time.monotonic()) > 0:
                await _wait(gone, min(left_s, 0.5))  # the deadline may be brought forward meanwhile
        while not gone.is_set():
            self._signal(record, runtime_apply.SIGKILL)
            await _wait(gone, 1.0)
        self._deadlines_s.pop(action.id, None)

    async def _until_caught(self, record: ContainerRecord, number: int) -> None:
        """The kernel drops a signal that a namespace's first process has no handler for: give a process that
        was started a moment ago the time to install it.
        """
        until_s = self._fresh_until_s.get(record.id, 0.0)
        gone = self._exits[record.id]
        while (
            time.monotonic() < until_s and not gone.is_set() and not runtime_apply.catches(record.pid, number)
        ):
            await _wait(gone, 0.02)

    async def _pre_stop(self, action: KillContainer, record: ContainerRecord) -> None:
        live, container = self._live, self._live.container(action.container)
        hook = container.lifecycle.pre_stop if container and container.lifecycle else None
        if hook is None or container is None:
            return
        try:
            runtime = live.host.setup.runtime
            await run_hook(hook, live.pod, container, record.id, live.ip, runtime, action.grace_s)
        except HookFailed as error:
            live.tell("Warning", "FailedPreStopHook", f"PreStopHook failed: {error}", container)
        least_s = time.monotonic() + _AFTER_HOOK_S
        self._deadlines_s[action.id] = max(self._deadlines_s[action.id], least_s)

    def _signal(self, record: ContainerRecord, number: int) -> None:
        if not record.pid or not disk.monitor_alive(record):
            return
        runtime_apply.signal_process(record.pid, number)
        if number == runtime_apply.SIGKILL and record.foreign_pid:
            self._live.host.setup.runtime.kill_all(record.id, number)

    def shorten_kills(self) -> None:
        """A deletion with less grace overtakes the kills that are under way."""
        given = self._live.pod.metadata.deletion_grace_period_seconds
        grace_s = 0 if self._live.facts.gone else given
        if grace_s is None:
            return
        for container_id, deadline_s in self._deadlines_s.items():
            self._deadlines_s[container_id] = min(deadline_s, time.monotonic() + grace_s)

    async def remove_run(self, container_id: str) -> None:
        record = self._live.record(container_id)
        await asyncio.to_thread(apply.remove_run, self._live.host.setup, self._live.uid, record)
        self._live.drop_record(container_id)


def _monitor_fd(record: ContainerRecord) -> int:
    """A pidfd of the run's conmon, readable when it ends; -1 if it has."""
    if not record.monitor_pid or not disk.monitor_alive(record):
        return -1
    try:
        return os.pidfd_open(record.monitor_pid)
    except ProcessLookupError:
        return -1


def _without(values: Mapping[str, V], name: str) -> dict[str, V]:
    return {key: value for key, value in values.items() if key != name}


async def _wait(event: asyncio.Event, timeout_s: float) -> None:
    try:
        async with asyncio.timeout(timeout_s):
            await event.wait()
    except TimeoutError:
        return
