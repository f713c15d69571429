"""The loop around `decide`: watches feed the state, decisions become bindings, refusals become conditions.

A pod counts on its node from the moment it is decided (assumed), before the API has confirmed: hundreds of pods that
arrive at once are spread by what was just decided, and binding them overlaps.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Coroutine
from random import Random
from typing import Any, TypeVar

import msgspec

from kube.client import AlreadyExists, ApiError, Client, Conflict, NotFound, PatchKind
from kube.events import Recorder
from kube.measures import Measures
from kube.objects import (
    Namespace,
    NamespacedName,
    Node,
    Object,
    PersistentVolume,
    PersistentVolumeClaim,
    Pod,
    PodDisruptionBudget,
    ReplicaSet,
    Service,
    StatefulSet,
    StorageClass,
    key_of,
)
from kube.scheduler import binding, volumes
from kube.scheduler.changes import node_happenings, same_to_scheduler
from kube.scheduler.decide import Bind, LocalMemo, Unschedulable, decide
from kube.scheduler.metrics import SchedulerMetrics
from kube.scheduler.pods import PodInfo, pod_info
from kube.scheduler.preempt import Budget, NoPreemption, Preempt, preempt
from kube.scheduler.profile import SchedulerProfile
from kube.scheduler.queue import Happening, SchedulingQueue, Waiting
from kube.scheduler.selectors import label_selector
from kube.scheduler.state import ClusterState
from kube.watch import Informer

_log = logging.getLogger(__name__)

_JSON = {"content-type": "application/json"}
_CLAIMS_WITHIN_S = 600.0  # bindTimeoutSeconds of VolumeBinding
SELECTED_NODE = "volume.kubernetes.io/selected-node"

K = TypeVar("K")
V = TypeVar("V")


class Scheduler:
    """`wall_clock` gives Unix seconds; waiting is in loop time."""

    def __init__(
        self,
        client: Client,
        profile: SchedulerProfile,
        *,
        wall_clock: Callable[[], float],
        rng: Random,
        measures: Measures | None = None,
    ) -> None:
        self._client = client
        self._profile = profile
        self._wall_clock = wall_clock
        self._rng = rng
        self._recorder = Recorder(client, profile.scheduler_name, wall_clock=wall_clock)
        self._wakeup = asyncio.Event()
        self.state = ClusterState()
        self.queue = SchedulingQueue(
            initial_backoff_s=profile.initial_backoff_s,
            max_backoff_s=profile.max_backoff_s,
            flush_s=profile.unschedulable_flush_s,
            on_ready=self._wakeup.set,
        )
        self._metrics = SchedulerMetrics(measures or Measures(), profile.scheduler_name, self.queue.counts)
        self._memo = LocalMemo()
        self._assumed: dict[NamespacedName, PodInfo] = {}
        self._nominated: dict[NamespacedName, PodInfo] = {}
        self._budgets: dict[NamespacedName, Budget] = {}
        self._flight = asyncio.Semaphore(profile.bindings_in_flight)
        self._storage_changed = asyncio.Event()
        self._tasks: asyncio.TaskGroup | None = None

    async def run(self) -> None:
        """Schedule until cancelled."""
        client = self._client
        placeable = "status.phase!=Succeeded,status.phase!=Failed"
        nodes = Informer(client, Node, on_change=self._on_node)
        pods = Informer(client, Pod, field_selector=placeable, on_change=self._on_pod)
        others: tuple[Informer[Any], ...] = (
            Informer(client, Namespace, on_change=self._on_namespace),
            Informer(client, Service, on_change=self._on_service),
            Informer(client, ReplicaSet, on_change=self._on_owner),
            Informer(client, StatefulSet, on_change=self._on_owner),
            Informer(client, PodDisruptionBudget, on_change=self._on_budget),
            Informer(client, PersistentVolumeClaim, on_change=self._on_claim),
            Informer(client, PersistentVolume, on_change=self._on_volume),
            Informer(client, StorageClass, on_change=self._on_class),
        )
        async with asyncio.TaskGroup() as tasks:
            self._tasks = tasks
            tasks.create_task(self._recorder.run())
            informers: tuple[Informer[Any], ...] = (nodes, pods, *others)
            for informer in informers:
                tasks.create_task(informer.run())
            for informer in informers:
                await informer.wait_synced()
            await self._schedule()

    async def _schedule(self) -> None:
        while True:
            self._wakeup.clear()
            while (waiting := self.queue.pop(self._now())) is not None:
                self._try(waiting)
                await asyncio.sleep(0)  # bindings start and watches are read between two decisions
            wake_at = self.queue.next_wake_at()
            delay_s = None if wake_at is None else max(0.0, wake_at - self._now())
            try:
                async with asyncio.timeout(delay_s):
                    await self._wakeup.wait()
            except TimeoutError:
                continue

    def _now(self) -> float:
        return asyncio.get_running_loop().time()

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        assert self._tasks is not None, "only called inside run()"
        self._tasks.create_task(work)

    def _try(self, waiting: Waiting) -> None:
        pod, begun_at = waiting.pod, self._now()
        decision = decide(pod, self._state_for(pod), self._profile, self._rng, self._memo)
        self._metrics.decided(self._now() - begun_at)
        match decision:
            case Bind(node=node):
                placed = msgspec.structs.replace(pod, node_name=node)
                self._assumed[pod.key] = placed
                self._nominated.pop(pod.key, None)
                self.state.set_pod(placed)
                self._start(self._bind(waiting, placed))
            case Unschedulable():
                self.queue.refused(waiting, decision.plugins)
                self._metrics.attempted("unschedulable", self._now() - begun_at)
                self._refused(pod, decision)

    def _state_for(self, pod: PodInfo) -> ClusterState:
        """With the pods for which others are being evicted, unless this pod is more important."""
        ahead = [
            one for one in self._nominated.values() if one.priority >= pod.priority and one.key != pod.key
        ]
        if not ahead:
            return self.state
        state = self.state.fork()
        for one in ahead:
            if one.key not in state.pods:
                state.set_pod(one)
        return state

    async def _bind(self, waiting: Waiting, pod: PodInfo) -> None:
        node = pod.node_name
        try:
            if volumes.claim_names(pod):
                await self._bind_claims(pod)
            async with self._flight:
                await self._client.raw(
                    "POST",
                    Pod.resource.path(pod.key.namespace, pod.key.name, "binding"),
                    headers=_JSON,
                    body=msgspec.json.encode(binding.binding(pod, node)),
                )
        except TimeoutError:
            self._forget(pod)
            self.queue.failed(waiting, self._now())
            self._say(
                pod, "Warning", "FailedScheduling", f"binding volumes: not bound in {_CLAIMS_WITHIN_S:g} s"
            )
        except (NotFound, Conflict, AlreadyExists):
            self._forget(pod)  # gone or bound by someone else: the watch tells which
            self.queue.drop(pod.key)
        except ApiError as error:
            self._metrics.attempted("error", self._now() - waiting.tried_at)
            self._forget(pod)
            self.queue.failed(waiting, self._now())
            self._say(pod, "Warning", "FailedScheduling", f"binding rejected: {error}")
        else:
            self._metrics.attempted("scheduled", self._now() - waiting.tried_at)
            self._metrics.placed(waiting.attempts, self._now() - waiting.added_at)
            self.queue.drop(pod.key)
            self._say(pod, "Normal", "Scheduled", f"Successfully assigned {pod.key} to {node}")

    async def _bind_claims(self, pod: PodInfo) -> None:
        """Says on each unbound claim where its pod will be, and waits until its volume is there. Raises TimeoutError."""
        asked = volumes.needs(pod, self.state.storage, {})
        patch = {"metadata": {"annotations": {SELECTED_NODE: pod.node_name}}}
        for (namespace, name), _ in asked.unbound:
            await self._client.patch(PersistentVolumeClaim, name, namespace, patch)
        async with asyncio.timeout(_CLAIMS_WITHIN_S):
            while self._assumed.get(pod.key) is pod and volumes.needs(pod, self.state.storage, {}).unbound:
                self._storage_changed.clear()
                await self._storage_changed.wait()

    def _say(self, pod: PodInfo, type_: str, reason: str, message: str) -> None:
        action = "Binding" if reason == "Scheduled" else "Scheduling"
        self._recorder.event(pod.pod, type_, reason, message, action=action)

    def _forget(self, pod: PodInfo) -> None:
        assumed = self._assumed.get(pod.key)
        if assumed is pod:
            del self._assumed[pod.key]
            self.state.remove_pod(pod.key)
            self.queue.happened(Happening.POD_GONE, self._now())

    def _refused(self, pod: PodInfo, decision: Unschedulable) -> None:
        message = decision.message
        nominated: str | None = None
        if any(refusal.preemptable for refusal in decision.refusals.values()):
            preemption = preempt(pod, self._state_for(pod), decision, tuple(self._budgets.values()))
            match preemption:
                case Preempt(node=node, victims=victims):
                    nominated = node
                    self._metrics.preempted(len(victims))
                    self._nominated[pod.key] = msgspec.structs.replace(pod, node_name=node)
                    for victim in victims:
                        self._start(self._evict(victim, pod, node))
                case NoPreemption(message=why):
                    message = f"{message} preemption: {why}"
                    if not why.startswith("not eligible") and pod.key in self._nominated:
                        del self._nominated[pod.key]
                        nominated = ""
        elif decision.refusals:
            count = len(decision.refusals)
            message = f"{message} preemption: 0/{count} nodes are available: {count} Preemption is not helpful for scheduling."
        self._say(pod, "Warning", "FailedScheduling", message)
        patch = binding.unschedulable(pod.pod, "Unschedulable", message, self._wall_clock(), nominated)
        if patch is not None:
            self._start(self._patch_status(pod, patch))

    async def _patch_status(self, pod: PodInfo, patch: dict[str, Any]) -> None:
        try:
            await self._client.patch(
                Pod, pod.key.name, pod.key.namespace, patch, kind=PatchKind.STRATEGIC, subresource="status"
            )
        except ApiError as error:
            _log.debug("status of %s was not written: %s", pod.key, error)

    async def _evict(self, victim: PodInfo, pod: PodInfo, node: str) -> None:
        await self._patch_status(victim, binding.disrupted(self._profile.scheduler_name, self._wall_clock()))
        try:
            await self._client.delete(Pod, victim.key.name, victim.key.namespace, uid=victim.uid)
        except (NotFound, Conflict):
            return
        except ApiError as error:
            _log.warning("pod %s was not preempted: %s", victim.key, error)
            return
        self._say(victim, "Normal", "Preempted", f"Preempted by pod {pod.uid} on node {node}")

    # What the watches report.

    def _on_pod(self, key: NamespacedName, old: Pod | None, new: Pod | None) -> None:
        if new is None:
            self._pod_gone(key, old)
        elif new.spec.node_name:
            self._pod_placed(key, new)
        elif new.metadata.deletion_timestamp is not None:
            self.queue.drop(key)
            self._nominated.pop(key, None)
        elif new.spec.scheduler_name == self._profile.scheduler_name:
            assumed = self._assumed.get(key)
            if assumed is not None and assumed.uid != new.metadata.uid:
                self._forget(assumed)
                assumed = None
            if assumed is None:
                self._queue_pod(new)

    def _queue_pod(self, pod: Pod) -> None:
        info = pod_info(pod)
        self.queue.put(info, self._now())
        if pod.spec.scheduling_gates:
            message = "Scheduling is blocked due to non-empty scheduling gates"
            patch = binding.unschedulable(pod, "SchedulingGated", message, self._wall_clock(), None)
            if patch is not None:
                self._start(self._patch_status(info, patch))

    def _pod_placed(self, key: NamespacedName, pod: Pod) -> None:
        self._assumed.pop(key, None)
        self._nominated.pop(key, None)
        self.queue.drop(key)
        before = self.state.pods.get(key)
        if (
            before is not None
            and same_to_scheduler(before.pod, pod)
            and before.node_name == pod.spec.node_name
        ):
            return
        info = pod_info(pod)
        self.state.set_pod(info)
        if before is None or before.group != info.group or info.terminating != before.terminating:
            self.queue.happened(Happening.POD_PLACED, self._now())

    def _pod_gone(self, key: NamespacedName, old: Pod | None) -> None:
        self.queue.drop(key)
        self._nominated.pop(key, None)
        if self._assumed.pop(key, None) is not None:
            self._storage_changed.set()  # it may be waiting for its volumes
        if key in self.state.pods:
            self.state.remove_pod(key)
            self.queue.happened(Happening.POD_GONE, self._now())

    def _on_node(self, key: NamespacedName, old: Node | None, new: Node | None) -> None:
        if new is None:
            self.state.remove_node(key.name)
        else:
            self.state.set_node(new)
        for what in node_happenings(old, new):
            self.queue.happened(what, self._now())

    def _on_namespace(self, key: NamespacedName, old: Namespace | None, new: Namespace | None) -> None:
        if new is None:
            self.state.namespaces.pop(key.name, None)
            return
        self.state.namespaces[key.name] = new.metadata.labels
        if old is None or old.metadata.labels != new.metadata.labels:
            self.queue.happened(Happening.NAMESPACE_LABELS, self._now())

    def _on_service(self, key: NamespacedName, old: Service | None, new: Service | None) -> None:
        services = self.state.services.setdefault(key.namespace, {})
        if new is None:
            services.pop(key.name, None)
        else:
            services[key.name] = new.spec.selector

    def _on_claim(self, key: NamespacedName, old: object, new: PersistentVolumeClaim | None) -> None:
        _put(self.state.storage.claims, key, new)
        self._on_storage()

    def _on_volume(self, key: NamespacedName, old: object, new: PersistentVolume | None) -> None:
        _put(self.state.storage.volumes, key.name, new)
        self._on_storage()

    def _on_class(self, key: NamespacedName, old: object, new: StorageClass | None) -> None:
        _put(self.state.storage.classes, key.name, new)
        self._on_storage()

    def _on_storage(self) -> None:
        self._storage_changed.set()
        self.queue.happened(Happening.STORAGE, self._now())

    def _on_owner(self, key: NamespacedName, old: Object | None, new: Object | None) -> None:
        if old is not None and (new is None or new.metadata.uid != old.metadata.uid):
            self.state.owner_selectors.pop(old.metadata.uid, None)
        if isinstance(new, ReplicaSet | StatefulSet):
            self.state.owner_selectors[new.metadata.uid] = label_selector(new.spec.selector) or ()

    def _on_budget(
        self, key: NamespacedName, old: PodDisruptionBudget | None, new: PodDisruptionBudget | None
    ) -> None:
        if new is None:
            self._budgets.pop(key, None)
            return
        selector = label_selector(new.spec.selector)
        self._budgets[key_of(new)] = Budget(key.namespace, selector, new.status.disruptions_allowed)


def _put(known: dict[K, V], key: K, value: V | None) -> None:
    if value is None:
        known.pop(key, None)
    else:
        known[key] = value


async def run(
    client: Client,
    profile: SchedulerProfile,
    *,
    wall_clock: Callable[[], float] = time.time,
    rng: Random | None = None,
    measures: Measures | None = None,
) -> None:
    """Schedule until cancelled; `measures` is where it counts."""
    rng = rng or Random()
    await Scheduler(client, profile, wall_clock=wall_clock, rng=rng, measures=measures).run()
