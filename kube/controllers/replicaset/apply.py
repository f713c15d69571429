"""The ReplicaSet controller: adopts, makes and deletes pods, and writes the status."""

from __future__ import annotations

from typing import Generic, TypeVar

from kube.client import ApiError, Forbidden
from kube.controllers import owners
from kube.controllers.apply import all_at_once, slow_start
from kube.controllers.claims import Claims, claims
from kube.controllers.context import Context
from kube.controllers.mirror import Mirror
from kube.controllers.replicaset import plan
from kube.controllers.replicaset.kinds import Replicating, ReplicationController, selector_of
from kube.controllers.status import status_patch
from kube.objects import NamespacedName, Pod, ReplicaSet, key_of
from kube.watch import WorkQueue

_OWNED, _ORPHANS, _BY_UID = "controlled by", "orphans in", "uid"
_WAIT_PER_POD_S, _WAIT_LEAST_S = 0.0001, 0.005


R = TypeVar("R", ReplicaSet, ReplicationController)


class _Replicators(Generic[R]):
    """Both kinds: they differ in how they select."""

    def __init__(self, context: Context, cls: type[R], name: str) -> None:
        self.name = name
        self._context = context
        self._sets: Mirror[R] = context.mirror(cls)
        self._pods = context.mirror(Pod)
        self._pods.add_index(_OWNED, owners.controlled_by)
        self._pods.add_index(_ORPHANS, owners.orphan_in)
        self._sets.add_index(_BY_UID, lambda one: (one.metadata.uid,))
        self._sets.add_index("namespace", lambda one: (one.metadata.namespace,))
        self.queue: WorkQueue[NamespacedName] = WorkQueue()
        self._sets.subscribe(self._on_set)
        self._pods.subscribe(self._on_pod)

    def _on_set(self, key: NamespacedName, old: R | None, new: R | None) -> None:
        if new is not None:
            self.queue.add(key)

    def _on_pod(self, key: NamespacedName, old: Pod | None, new: Pod | None) -> None:
        if plan.facts(old) == plan.facts(new):
            return
        for pod in (old, new):
            ref = owners.controller_of(pod) if pod is not None else None
            if ref is not None:
                # Looking at a thousand pods for each of a thousand changes would take minutes: big sets wait a little.
                wait_s = self._pods.count(_OWNED, ref.uid) * _WAIT_PER_POD_S
                for replica_set in self._sets.by(_BY_UID, ref.uid):
                    self.queue.add_after(key_of(replica_set), wait_s if wait_s > _WAIT_LEAST_S else 0)
        if new is not None and owners.controller_of(new) is None:
            for replica_set in self._sets.by("namespace", key.namespace):
                if _selects(replica_set, new):
                    self.queue.add(key_of(replica_set))

    async def reconcile(self, key: NamespacedName) -> None:
        replica_set = self._sets.objects.get(key)
        if replica_set is None:
            return
        owned = await self._claim(replica_set)
        now = self._context.wall_clock()
        todo = plan.plan(replica_set, owned, now, self._context.options.burst_replicas)
        failure = None
        if todo.create:
            failure = await self._create(replica_set, todo.create)
        elif todo.delete:
            failure = await self._delete(replica_set, todo.delete)
        await self._write_status(replica_set, failure)
        if failure is not None:
            self.queue.add_rate_limited(key)

    async def _claim(self, replica_set: R) -> list[Pod]:
        write, uid = self._context.write, replica_set.metadata.uid
        pods = self._pods.by(_OWNED, uid)
        if replica_set.metadata.deletion_timestamp is None:
            pods += self._pods.by(_ORPHANS, replica_set.metadata.namespace)
        may_adopt = _has_selector(replica_set)
        claimed: Claims = claims(uid, selector_of(replica_set), pods, may_adopt=may_adopt)
        return await write.claim(replica_set, claimed)

    async def _create(self, replica_set: R, count: int) -> tuple[str, str] | None:
        context = self._context
        body = plan.pod_body(replica_set.spec.template, replica_set)

        async def create() -> None:
            pod = await context.write.create(Pod, replica_set.metadata.namespace, body)
            message = f"Created pod: {pod.metadata.name}"
            context.tell(self.name, replica_set, "Normal", "SuccessfulCreate", message)

        _, failures = await slow_start(count, create)
        if not failures or _namespace_ends(failures[0]):
            return None
        message = f"Error creating: {failures[0].message}"
        context.tell(self.name, replica_set, "Warning", "FailedCreate", message)
        return "FailedCreate", failures[0].message

    async def _delete(self, replica_set: R, pods: tuple[Pod, ...]) -> tuple[str, str] | None:
        context = self._context

        async def delete(pod: Pod) -> None:
            await context.write.delete(pod)
            message = f"Deleted pod: {pod.metadata.name}"
            context.tell(self.name, replica_set, "Normal", "SuccessfulDelete", message)

        failures = await all_at_once(delete(pod) for pod in pods)
        if not failures:
            return None
        return "FailedDelete", failures[0].message

    async def _write_status(self, replica_set: R, failure: tuple[str, str] | None) -> None:
        context = self._context
        owned = self._pods.by(_OWNED, replica_set.metadata.uid)
        now = context.wall_clock()
        current = self._sets.objects.get(key_of(replica_set), replica_set)
        status = plan.status(replica_set, owned, now, failure)
        patch = status_patch(current.status, status, keep_zero=frozenset({"replicas"}))
        if patch is not None and current.metadata.uid == replica_set.metadata.uid:
            await context.write.patch_status(replica_set, patch)
        wait_s = plan.next_available_in(replica_set, owned, now)
        if wait_s is not None:
            self.queue.add_after(key_of(replica_set), wait_s)


class ReplicaSets(_Replicators[ReplicaSet]):
    def __init__(self, context: Context) -> None:
        super().__init__(context, ReplicaSet, "replicaset-controller")


class ReplicationControllers(_Replicators[ReplicationController]):
    def __init__(self, context: Context) -> None:
        super().__init__(context, ReplicationController, "replication-controller")


def _has_selector(replica_set: Replicating) -> bool:
    selector = selector_of(replica_set)
    return bool(selector.match_labels or selector.match_expressions)


def _selects(replica_set: Replicating, pod: Pod) -> bool:
    return _has_selector(replica_set) and selector_of(replica_set).matches(pod.metadata.labels)


def _namespace_ends(error: ApiError) -> bool:
    """A namespace that is being deleted takes no pods: nothing to report, nothing to retry."""
    return isinstance(error, Forbidden) and "being terminated" in error.message
