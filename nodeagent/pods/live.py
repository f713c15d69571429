"""What one pod's worker and its helpers share: the pod as it is known now, and a way to say that it changed."""

import asyncio
import time
from collections.abc import Callable, Coroutine, Sequence
from random import Random
from typing import Any, NamedTuple

from msgspec.structs import replace

from kube.client import Client
from kube.events import Recorder
from kube.objects import Pod, Service
from kube.objects.containers import Container
from nodeagent.cni.conflist import NetworkList
from nodeagent.images.drive import ImageSupply
from nodeagent.pods.backoff import delays_of_runs
from nodeagent.pods.containers import container_named, field_path
from nodeagent.pods.setup import NodeSetup
from nodeagent.pods.state import Facts, Waiting
from nodeagent.pods.status import NodeFacts
from nodeagent.pods.times import rfc3339
from nodeagent.pods.watch_drive import SourceWatches
from nodeagent.runtime.records import ContainerRecord, PodRuntime, SandboxRecord


class Host(NamedTuple):
    """What pod workers use of the agent."""

    client: Client
    recorder: Recorder
    setup: NodeSetup
    images: ImageSupply
    status_facts: NodeFacts
    network: Callable[[], NetworkList | None]
    sandbox_of: Callable[[str, str], SandboxRecord | None]  # by namespace and name of a pod on this node
    services: Callable[[], Sequence[Service]]
    services_synced: Callable[[], Coroutine[Any, Any, None]]
    watches: SourceWatches
    fetching: asyncio.Semaphore  # questions to the API about what pods refer to, at once
    resize_refusal: Callable[[Pod], Waiting | None]
    rng: Random


class LivePod:
    """Changed only in the event loop; every value in it is replaced, never mutated."""

    def __init__(
        self, host: Host, pod: Pod, runtime: PodRuntime, *, gone: bool, static: bool = False
    ) -> None:
        self.host = host
        self.static = static  # of a manifest on this node; what the API has is only its mirror
        self.pod = pod
        self.runtime = runtime
        self.wakeup = asyncio.Event()
        status = pod.status
        statuses = (
            *status.container_statuses,
            *status.init_container_statuses,
            *status.ephemeral_container_statuses,
        )
        self.facts = Facts(
            gone=gone,
            started_at=pod.status.start_time or rfc3339(time.time()),
            known_restarts={each.name: each.restart_count + 1 for each in statuses if each.container_id},
            delays=delays_of_runs(runtime.containers),
        )
        self._group: asyncio.TaskGroup | None = None

    @property
    def uid(self) -> str:
        return self.pod.metadata.uid

    @property
    def label(self) -> str:
        """For logs: namespace/name."""
        return f"{self.pod.metadata.namespace}/{self.pod.metadata.name}"

    @property
    def ip(self) -> str:
        """Where probes find it; "" without a sandbox."""
        sandbox = self.runtime.sandbox
        return sandbox.ips[0] if sandbox and sandbox.ips else ""

    def set(self, **changes: Any) -> None:
        """Change facts and have the plan made again."""
        self.note(**changes)
        self.wakeup.set()

    def note(self, **changes: Any) -> None:
        """Change facts; whoever calls this makes a new plan anyway."""
        self.facts = replace(self.facts, **changes)

    def put_record(self, record: ContainerRecord) -> None:
        """A new run, or a newer state of a known one."""
        others = tuple(each for each in self.runtime.containers if each.id != record.id)
        known = len(others) < len(self.runtime.containers)
        if known:
            containers = tuple(record if each.id == record.id else each for each in self.runtime.containers)
        else:
            containers = (*others, record)
        self.runtime = replace(self.runtime, containers=containers)

    def drop_record(self, container_id: str) -> None:
        kept = tuple(each for each in self.runtime.containers if each.id != container_id)
        self.runtime = replace(self.runtime, containers=kept)

    def record(self, container_id: str) -> ContainerRecord:
        return next(each for each in self.runtime.containers if each.id == container_id)

    def container(self, name: str) -> Container | None:
        return container_named(self.pod, name)

    def tell(self, kind: str, reason: str, message: str, container: Container | None = None) -> None:
        """An Event about the pod or one of its containers; `kind` is Normal or Warning."""
        path = field_path(self.pod, container.name) if container else ""
        self.host.recorder.event(self.pod, kind, reason, message, field_path=path)

    def enter(self, group: asyncio.TaskGroup) -> None:
        """Tasks of the pod belong to this group from now on."""
        self._group = group

    def spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        assert self._group is not None
        return self._group.create_task(work)
