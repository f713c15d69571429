"""The Job controller."""

from __future__ import annotations

from collections.abc import Mapping

from kube.client import Conflict, Forbidden, NotFound
from kube.controllers import owners
from kube.controllers.apply import all_at_once
from kube.controllers.claims import claims
from kube.controllers.context import Context
from kube.controllers.job import plan
from kube.controllers.job.kinds import TrackedJob
from kube.controllers.job.template import pod_body
from kube.controllers.status import status_patch
from kube.objects import NamespacedName, Pod, key_of
from kube.watch import WorkQueue

_OWNED = "controlled by"
_ORPHANS = "orphans in"
_OURSELVES = "kubernetes.io/job-controller"
_NAMESPACE = "namespace"


class Jobs:
    name = "job-controller"

    def __init__(self, context: Context) -> None:
        self._context = context
        self._jobs = context.mirror(TrackedJob)
        self._pods = context.mirror(Pod)
        self._pods.add_index(_OWNED, owners.controlled_by)
        self._pods.add_index(_ORPHANS, owners.orphan_in)
        self._jobs.add_index("uid", lambda one: (one.metadata.uid,))
        self._jobs.add_index(_NAMESPACE, lambda one: (one.metadata.namespace,))
        self.queue: WorkQueue[NamespacedName] = WorkQueue()
        self._jobs.subscribe(self._on_job)
        self._pods.subscribe(self._on_pod)

    def _on_job(self, key: NamespacedName, old: TrackedJob | None, new: TrackedJob | None) -> None:
        self.queue.add(key)

    def _on_pod(self, key: NamespacedName, old: Pod | None, new: Pod | None) -> None:
        """Changes of a moment together, and often: a Job's pods end in bunches."""
        for pod in (old, new):
            ref = owners.controller_of(pod) if pod is not None else None
            if ref is not None and ref.kind == "Job":
                job = NamespacedName(key.namespace, ref.name)
                self.queue.add_after(job, self._context.options.job_batch_s)
        if new is not None and owners.controller_of(new) is None:
            for one in self._jobs.by(_NAMESPACE, key.namespace):
                if one.spec.selector is not None and one.spec.selector.matches(new.metadata.labels):
                    self.queue.add(key_of(one))

    async def reconcile(self, key: NamespacedName) -> None:
        job = self._jobs.objects.get(key)
        if job is None:
            await self._release_lost(key)
            return
        if job.spec.managed_by not in (None, _OURSELVES):
            return
        context = self._context
        pods = await self._claim(job)
        todo = plan.plan(job, pods, context.wall_clock(), context.options)
        if todo.expired:
            await context.write.delete(job)
            return
        # What is counted must be written before a finalizer goes: a pod without it may vanish.
        await self._write_status(job, todo)
        await all_at_once(self._release(pod) for pod in todo.release)
        failures = await all_at_once(
            [
                *(self._delete(job, pod) for pod in todo.delete),
                *(self._create(job, index, todo.failures) for index in todo.create),
            ]
        )
        if todo.again_in_s is not None:
            self.queue.add_after(key, todo.again_in_s)
        for failure in failures:
            if not (isinstance(failure, Forbidden) and "being terminated" in failure.message):
                context.tell(self.name, job, "Warning", "FailedCreate", f"Error creating: {failure}")
                raise failure

    async def _claim(self, job: TrackedJob) -> list[Pod]:
        """Our pods, with orphans that the selector matches; what it no longer matches is let go, finalizer and all."""
        write, uid = self._context.write, job.metadata.uid
        pods = self._pods.by(_OWNED, uid)
        if job.spec.selector is None:
            return pods
        if job.metadata.deletion_timestamp is None:
            pods += self._pods.by(_ORPHANS, job.metadata.namespace)
        claimed = claims(uid, job.spec.selector, pods, may_adopt=True)
        adopted = [await write.patch(pod, owners.adopted(pod, job)) for pod in claimed.adopt]
        for pod in claimed.release:
            body = owners.without_owners(pod, (uid,))
            left = [one for one in pod.metadata.finalizers if one != plan.FINALIZER]
            body["metadata"]["finalizers"] = left or None
            try:
                await write.patch(pod, body)
            except (NotFound, Conflict):
                continue
        return [*claimed.owned, *adopted]

    async def _write_status(self, job: TrackedJob, todo: plan.Plan) -> None:
        current = self._jobs.objects.get(key_of(job), job)
        patch = status_patch(current.status, todo.status, keep_zero=frozenset({"ready", "terminating"}))
        if patch is None or current.metadata.uid != job.metadata.uid:
            return
        await self._context.write.patch_status(job, patch)
        before = {one.type for one in current.status.conditions if one.status == "True"}
        for one in todo.status.conditions:
            if one.type in before or one.status != "True":
                continue
            if one.type == "Complete":
                self._context.tell(self.name, job, "Normal", "Completed", "Job completed")
            elif one.type == "Failed":
                self._context.tell(self.name, job, "Warning", one.reason, one.message)
            elif one.type == "Suspended":
                self._context.tell(self.name, job, "Normal", "Suspended", "Job suspended")

    async def _create(self, job: TrackedJob, index: int | None, failures: Mapping[int, int]) -> None:
        body = pod_body(job, index, 0 if index is None else failures.get(index, 0))
        pod = await self._context.write.create(Pod, job.metadata.namespace, body)
        message = f"Created pod: {pod.metadata.name}"
        self._context.tell(self.name, job, "Normal", "SuccessfulCreate", message)

    async def _delete(self, job: TrackedJob, pod: Pod) -> None:
        await self._context.write.delete(pod)
        message = f"Deleted pod: {pod.metadata.name}"
        self._context.tell(self.name, job, "Normal", "SuccessfulDelete", message)

    async def _release(self, pod: Pod) -> None:
        left = [one for one in pod.metadata.finalizers if one != plan.FINALIZER]
        meta = {
            "uid": pod.metadata.uid,
            "resourceVersion": pod.metadata.resource_version,
            "finalizers": left or None,
        }
        try:
            await self._context.write.patch(pod, {"metadata": meta})
        except (NotFound, Conflict):
            self.queue.add_rate_limited(_job_of(pod))

    async def _release_lost(self, key: NamespacedName) -> None:
        """The Job is gone: nobody will count its pods."""
        lost = [
            pod
            for pod in self._pods.objects.values()
            if pod.metadata.namespace == key.namespace
            and plan.FINALIZER in pod.metadata.finalizers
            and (ref := owners.controller_of(pod)) is not None
            and ref.kind == "Job"
            and ref.name == key.name
        ]
        await all_at_once(self._release(pod) for pod in lost)


def _job_of(pod: Pod) -> NamespacedName:
    ref = owners.controller_of(pod)
    return NamespacedName(pod.metadata.namespace, ref.name if ref is not None else "")
