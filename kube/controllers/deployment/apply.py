"""The Deployment controller: carries out the plan on its ReplicaSets and writes status and revision."""

from __future__ import annotations

import msgspec

from kube.client import AlreadyExists, Conflict, Forbidden, NotFound
from kube.controllers import owners
from kube.controllers.context import Context
from kube.controllers.deployment import plan, revisions
from kube.controllers.status import status_patch
from kube.objects import Deployment, DeploymentStatus, NamespacedName, Pod, ReplicaSet, key_of
from kube.watch import WorkQueue

_OWNED, _ORPHANS, _NAMESPACE = "controlled by", "orphans in", "namespace"


class Deployments:
    name = "deployment-controller"

    def __init__(self, context: Context) -> None:
        self._context = context
        self._deployments = context.mirror(Deployment)
        self._sets = context.mirror(ReplicaSet)
        self._pods = context.mirror(Pod)
        self._pods.add_index(_OWNED, owners.controlled_by)
        self._sets.add_index(_OWNED, owners.controlled_by)
        self._sets.add_index(_ORPHANS, owners.orphan_in)
        self._deployments.add_index("uid", lambda one: (one.metadata.uid,))
        self._deployments.add_index(_NAMESPACE, lambda one: (one.metadata.namespace,))
        self.queue: WorkQueue[NamespacedName] = WorkQueue()
        self._deployments.subscribe(self._on_deployment)
        self._sets.subscribe(self._on_set)
        self._pods.subscribe(self._on_pod)

    def _on_deployment(self, key: NamespacedName, old: Deployment | None, new: Deployment | None) -> None:
        if new is not None:
            self.queue.add(key)

    def _on_set(self, key: NamespacedName, old: ReplicaSet | None, new: ReplicaSet | None) -> None:
        for one in (old, new):
            ref = owners.controller_of(one) if one is not None else None
            for deployment in self._deployments.by("uid", ref.uid) if ref is not None else ():
                self.queue.add(key_of(deployment))
        if new is not None and owners.controller_of(new) is None:
            for deployment in self._deployments.by(_NAMESPACE, key.namespace):
                if deployment.spec.selector.matches(new.metadata.labels):
                    self.queue.add(key_of(deployment))

    def _on_pod(self, key: NamespacedName, old: Pod | None, new: Pod | None) -> None:
        """Only the end of a pod matters, and only to Recreate: the rest comes through ReplicaSet statuses."""
        ref = owners.controller_of(old) if old is not None and new is None else None
        replica_set = self._sets.get(key.namespace, ref.name) if ref is not None else None
        owner = owners.controller_of(replica_set) if replica_set is not None else None
        if owner is not None:
            self.queue.add(NamespacedName(key.namespace, owner.name))

    async def reconcile(self, key: NamespacedName) -> None:
        deployment = self._deployments.objects.get(key)
        if deployment is None:
            return
        owned = await self._claim(deployment)
        pods = [pod for one in owned for pod in self._pods.by(_OWNED, one.metadata.uid)]
        todo = plan.plan(deployment, owned, pods, self._context.wall_clock())
        after = todo.status
        try:
            for op in todo.ops:
                await self._apply(deployment, op)
        except AlreadyExists:
            after = await self._collided(deployment, todo)
        await self._write_status(deployment, after)
        if todo.again_in_s is not None:
            self.queue.add_after(key, todo.again_in_s)

    async def _claim(self, deployment: Deployment) -> list[ReplicaSet]:
        write, uid = self._context.write, deployment.metadata.uid
        selector = deployment.spec.selector
        owned = []
        for one in self._sets.by(_OWNED, uid):
            if selector.matches(one.metadata.labels) or one.metadata.deletion_timestamp is not None:
                owned.append(one)
                continue
            try:
                await write.patch(one, owners.without_owners(one, (uid,)))
            except (NotFound, Conflict):
                continue
        if deployment.metadata.deletion_timestamp is None:
            orphans = [
                one
                for one in self._sets.by(_ORPHANS, deployment.metadata.namespace)
                if one.metadata.deletion_timestamp is None and selector.matches(one.metadata.labels)
            ]
            owned += [await write.patch(one, owners.adopted(one, deployment)) for one in orphans]
        return owned

    async def _apply(self, deployment: Deployment, op: plan.Op) -> None:
        write = self._context.write
        match op:
            case plan.CreateSet(body=body, replicas=replicas):
                try:
                    made = await write.create(ReplicaSet, deployment.metadata.namespace, body)
                except Forbidden as error:
                    if "being terminated" in error.message:
                        return
                    raise
                if replicas:
                    self._say_scaled(deployment, made.metadata.name, 0, replicas)
            case plan.ScaleSet(replica_set=one, replicas=replicas, annotations=annotations):
                body = {"metadata": {"annotations": dict(annotations)}, "spec": {"replicas": replicas}}
                await write.patch(one, body)
                if replicas != one.spec.replicas:
                    self._say_scaled(deployment, one.metadata.name, one.spec.replicas, replicas)
            case plan.AnnotateSet(replica_set=one, annotations=annotations, min_ready_seconds=min_ready_s):
                spec = {"minReadySeconds": min_ready_s or None}
                await write.patch(one, {"metadata": {"annotations": dict(annotations)}, "spec": spec})
            case plan.DeleteSet(replica_set=one):
                await write.delete(one)
            case plan.SetRevision(revision=revision):
                body = {"metadata": {"annotations": {revisions.REVISION: str(revision)}}}
                await write.patch(deployment, body)

    def _say_scaled(self, deployment: Deployment, name: str, before: int, after: int) -> None:
        way = "up" if after > before else "down"
        message = f"Scaled {way} replica set {name} from {before} to {after}"
        self._context.tell(self.name, deployment, "Normal", "ScalingReplicaSet", message)

    async def _collided(self, deployment: Deployment, todo: plan.Plan) -> DeploymentStatus:
        """The name is taken: by our own set that the watch has not shown yet, or by another template with our hash."""
        made = next(op for op in todo.ops if isinstance(op, plan.CreateSet))
        name, namespace = made.body["metadata"]["name"], deployment.metadata.namespace
        existing = await self._context.client.get(ReplicaSet, name, namespace)
        ref = owners.controller_of(existing)
        ours = ref is not None and ref.uid == deployment.metadata.uid
        if ours and revisions.same_template(existing.spec.template, deployment.spec.template):
            self._sets.made(existing, self._context.now())
            self.queue.add(key_of(deployment))
            return todo.status
        count = (deployment.status.collision_count or 0) + 1
        return msgspec.structs.replace(todo.status, collision_count=count)

    async def _write_status(self, deployment: Deployment, after: DeploymentStatus) -> None:
        current = self._deployments.objects.get(key_of(deployment))
        if current is None or current.metadata.uid != deployment.metadata.uid:
            return
        patch = status_patch(current.status, after)
        if patch is not None:
            await self._context.write.patch_status(current, patch)
