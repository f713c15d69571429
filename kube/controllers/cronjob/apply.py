"""The CronJob controller."""

from __future__ import annotations

from kube.client import AlreadyExists, Forbidden
from kube.controllers import owners
from kube.controllers.context import Context
from kube.controllers.cronjob import plan, schedule
from kube.controllers.cronjob.kinds import RecurringJob
from kube.controllers.job.kinds import TrackedJob
from kube.controllers.status import status_patch
from kube.objects import NamespacedName, key_of
from kube.watch import WorkQueue

_OWNED = "controlled by"


class CronJobs:
    name = "cronjob-controller"

    def __init__(self, context: Context) -> None:
        self._context = context
        self._cron_jobs = context.mirror(RecurringJob)
        self._jobs = context.mirror(TrackedJob)
        self._jobs.add_index(_OWNED, owners.controlled_by)
        self.queue: WorkQueue[NamespacedName] = WorkQueue()
        self._cron_jobs.subscribe(self._on_cron_job)
        self._jobs.subscribe(self._on_job)

    def _on_cron_job(self, key: NamespacedName, old: RecurringJob | None, new: RecurringJob | None) -> None:
        if new is not None:
            self.queue.add(key)

    def _on_job(self, key: NamespacedName, old: TrackedJob | None, new: TrackedJob | None) -> None:
        for job in (old, new):
            ref = owners.controller_of(job) if job is not None else None
            if ref is not None and ref.kind == "CronJob":
                self.queue.add(NamespacedName(key.namespace, ref.name))

    async def reconcile(self, key: NamespacedName) -> None:
        cron_job = self._cron_jobs.objects.get(key)
        if cron_job is None:
            return
        context = self._context
        try:
            times = schedule.parse(cron_job.spec.schedule)
            zone = schedule.zone_of(cron_job.spec.time_zone)
        except ValueError as error:
            context.tell(self.name, cron_job, "Warning", "UnparseableSchedule", str(error))
            return
        jobs = self._jobs.by(_OWNED, cron_job.metadata.uid)
        todo = plan.plan(cron_job, jobs, times, zone, context.wall_clock())
        if todo.warning is not None:
            context.tell(self.name, cron_job, "Warning", *todo.warning)
        for job in (*todo.end, *todo.forget):
            await context.write.delete(job)
        if todo.start_at is not None:
            await self._start(cron_job, todo.start_at)
        current = self._cron_jobs.objects.get(key, cron_job)
        patch = status_patch(current.status, todo.status)
        if patch is not None:
            await context.write.patch_status(cron_job, patch)
        if todo.again_in_s is not None:
            self.queue.add_after(key, todo.again_in_s)

    async def _start(self, cron_job: RecurringJob, at: float) -> None:
        context = self._context
        try:
            job = await context.write.create(
                TrackedJob, cron_job.metadata.namespace, plan.job_body(cron_job, at)
            )
        except AlreadyExists:
            return
        except Forbidden as error:
            if "being terminated" in error.message:
                return
            raise
        message = f"Created job {key_of(job).name}"
        context.tell(self.name, cron_job, "Normal", "SuccessfulCreate", message)
