"""The StatefulSet controller."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from kube.client import AlreadyExists, ApiError, Forbidden
from kube.controllers import owners
from kube.controllers.apply import all_at_once
from kube.controllers.claims import claims
from kube.controllers.context import Context
from kube.controllers.history.apply import History
from kube.controllers.history.plan import HASH_LABEL, Present, template_of
from kube.controllers.statefulset import plan, retention
from kube.controllers.statefulset.identity import (
    claim_bodies,
    claim_name,
    is_named_for,
    ordinal_of,
    ordinals,
    pod_body,
)
from kube.controllers.statefulset.kinds import ClaimingStatefulSet
from kube.controllers.status import status_patch
from kube.objects import NamespacedName, PersistentVolumeClaim, Pod, key_of
from kube.watch import WorkQueue

_OWNED = "controlled by"
_ORPHANS = "orphans in"
_KEPT_ZEROS = frozenset({"replicas", "availableReplicas", "collisionCount"})


class StatefulSets:
    name = "statefulset-controller"

    def __init__(self, context: Context) -> None:
        self._context = context
        self._sets = context.mirror(ClaimingStatefulSet)
        self._pods = context.mirror(Pod)
        self._pods.add_index(_OWNED, owners.controlled_by)
        self._pods.add_index(_ORPHANS, owners.orphan_in)
        self._sets.add_index("uid", lambda one: (one.metadata.uid,))
        self._sets.add_index("namespace", lambda one: (one.metadata.namespace,))
        self._claims = context.mirror(PersistentVolumeClaim)
        self._history = History(context)
        self.queue: WorkQueue[NamespacedName] = WorkQueue()
        self._sets.subscribe(self._on_set)
        self._pods.subscribe(self._on_pod)
        self._claims.subscribe(self._on_claim)

    def _on_set(
        self, key: NamespacedName, old: ClaimingStatefulSet | None, new: ClaimingStatefulSet | None
    ) -> None:
        if new is not None:
            self.queue.add(key)

    def _on_pod(self, key: NamespacedName, old: Pod | None, new: Pod | None) -> None:
        for one in owners.concerned(self._sets, old, new, is_named_for):
            self.queue.add(key_of(one))

    def _on_claim(
        self, key: NamespacedName, old: PersistentVolumeClaim | None, new: PersistentVolumeClaim | None
    ) -> None:
        for one in self._sets.by("namespace", key.namespace) if old is None or new is None else ():
            if retention.is_asked_for(one):
                self.queue.add(key_of(one))

    async def reconcile(self, key: NamespacedName) -> None:
        one = self._sets.objects.get(key)
        if one is None or one.metadata.deletion_timestamp is not None:
            return
        new = await self._history.record(one, one.spec.template, one.status.collision_count)
        if new is None:
            count = (one.status.collision_count or 0) + 1
            await self._context.write.patch_status(one, {"collisionCount": count})
            return
        pods = await self._own(one)
        await self._keep_claims(one, pods)
        old_name, old_template = self._before(one, new)
        now = self._context.wall_clock()
        todo = plan.plan(one, pods, new.name, now)
        templates = {True: (one.spec.template, new.name), False: (old_template, old_name)}
        work = [self._create(one, each.ordinal, *templates[each.updated]) for each in todo.create]
        failures = await all_at_once([*work, *(self._delete(one, pod) for pod in todo.delete)])
        await self._write_status(one, old_name, new)
        if todo.again_in_s is not None:
            self.queue.add_after(key, todo.again_in_s)
        used = {pod.metadata.labels.get(HASH_LABEL, "") for pod in pods} | {new.name, old_name}
        await self._history.forget(one, used, one.spec.revision_history_limit)
        for failure in failures:
            raise failure

    async def _own(self, one: ClaimingStatefulSet) -> list[Pod]:
        """Our pods, after strangers of our labels and names were adopted and others let go."""
        orphans = [pod for pod in self._pods.by(_ORPHANS, one.metadata.namespace) if is_named_for(one, pod)]
        owned = self._pods.by(_OWNED, one.metadata.uid)
        whose = claims(one.metadata.uid, one.spec.selector, [*owned, *orphans], may_adopt=True)
        return await self._context.write.claim(one, whose)

    async def _keep_claims(self, one: ClaimingStatefulSet, pods: Iterable[Pod]) -> None:
        """Before pods go: a claim that is to go with its pod must be the pod's by then."""
        by_ordinal = {ordinal_of(one, pod): pod for pod in pods}
        work = []
        for ordinal in {*by_ordinal, *ordinals(one)} - {None}:
            assert ordinal is not None
            pod = by_ordinal.get(ordinal)
            owner = retention.owner_of_claim(one, ordinal, pod)
            for template in one.spec.volume_claim_templates:
                claim = self._claims.get(one.metadata.namespace, claim_name(one, template, ordinal))
                patch = retention.owners_patch(claim, one, pod, owner) if claim is not None else None
                if claim is not None and patch is not None:
                    work.append(self._context.write.patch(claim, patch))
        for failure in await all_at_once(work):
            raise failure

    def _before(self, one: ClaimingStatefulSet, new: Present) -> tuple[str, dict[str, Any]]:
        """Name and template of the revision that a rollout starts from."""
        for revision in self._history.of(one):
            if revision.metadata.name == one.status.current_revision:
                return revision.metadata.name, template_of(revision)
        return new.name, one.spec.template

    async def _create(
        self, one: ClaimingStatefulSet, ordinal: int, template: dict[str, Any], revision: str
    ) -> None:
        context, namespace = self._context, one.metadata.namespace
        name = f"{one.metadata.name}-{ordinal}"
        try:
            for claim in claim_bodies(one, ordinal):
                try:
                    await context.write.create(PersistentVolumeClaim, namespace, claim)
                except AlreadyExists:
                    continue  # of an earlier pod of this name: that is its purpose
            await context.write.create(Pod, namespace, pod_body(one, template, ordinal, revision))
        except Forbidden as error:
            if "being terminated" not in error.message:
                raise
        except ApiError as error:
            message = f"create Pod {name} in StatefulSet {one.metadata.name} failed error: {error}"
            context.tell(self.name, one, "Warning", "FailedCreate", message)
            raise
        else:
            message = f"create Pod {name} in StatefulSet {one.metadata.name} successful"
            context.tell(self.name, one, "Normal", "SuccessfulCreate", message)

    async def _delete(self, one: ClaimingStatefulSet, pod: Pod) -> None:
        await self._context.write.delete(pod)
        message = f"delete Pod {pod.metadata.name} in StatefulSet {one.metadata.name} successful"
        self._context.tell(self.name, one, "Normal", "SuccessfulDelete", message)

    async def _write_status(self, one: ClaimingStatefulSet, old_name: str, new: Present) -> None:
        current = self._sets.objects.get(key_of(one))
        if current is None or current.metadata.uid != one.metadata.uid:
            return
        pods = self._pods.by(_OWNED, one.metadata.uid)
        now = self._context.wall_clock()
        status = plan.status(one, pods, old_name, new.name, now)
        patch = status_patch(current.status, status, keep_zero=_KEPT_ZEROS)
        if patch is not None:
            await self._context.write.patch_status(current, patch)
