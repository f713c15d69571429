"""Which Job a CronJob starts now, which it ends or forgets, and when to look again. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import tzinfo
from typing import Any

import msgspec

from kube.controllers.clock import seconds, timestamp
from kube.controllers.cronjob.kinds import RecurringJob
from kube.controllers.cronjob.schedule import Schedule
from kube.controllers.job.kinds import TrackedJob
from kube.controllers.job.plan import finished
from kube.controllers.owners import controller_reference
from kube.objects import CronJobStatus, ObjectReference

SCHEDULED_AT = "batch.kubernetes.io/cronjob-scheduled-timestamp"
_TOO_MANY = 100


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """`start_at`: the scheduled time of a Job to start."""

    start_at: float | None = None
    end: tuple[TrackedJob, ...] = ()  # replaced by the new one
    forget: tuple[TrackedJob, ...] = ()  # beyond the history limits
    status: CronJobStatus
    again_in_s: float | None = None
    warning: tuple[str, str] | None = None  # reason, message


def job_name(cron_job: RecurringJob, at: float) -> str:
    """Unix minutes: the same time never starts two Jobs, whoever asks."""
    return f"{cron_job.metadata.name}-{int(at) // 60}"


def missed(schedule: Schedule, zone: tzinfo, since: float, now: float) -> tuple[float | None, int]:
    """The latest time that is due and how many are; counting stops soon after too many."""
    latest: float | None = None
    count = 0
    at = schedule.after(since, zone)
    while at is not None and at <= now:
        latest, count = at, count + 1
        if count > _TOO_MANY:  # jump: only the latest is run anyway
            jump = max(at, now - 3600 * 24)
            later = schedule.after(jump, zone)
            while later is not None and later <= now:
                latest = later
                later = schedule.after(later, zone)
            break
        at = schedule.after(at, zone)
    return latest, count


def plan(
    cron_job: RecurringJob, jobs: Sequence[TrackedJob], schedule: Schedule, zone: tzinfo, now: float
) -> Plan:
    """`jobs`: all that the CronJob controls."""
    status = _status(cron_job, jobs)
    forget = _beyond_limits(cron_job, jobs)
    if cron_job.metadata.deletion_timestamp is not None or cron_job.spec.suspend:
        return Plan(status=status, forget=forget)
    next_at = schedule.after(now, zone)
    if next_at is None:
        return Plan(status=status, forget=forget, warning=("InvalidSchedule", _never(cron_job)))
    again_in_s = next_at - now + 0.1
    since = seconds(
        cron_job.status.last_schedule_time or cron_job.metadata.creation_timestamp or timestamp(now)
    )
    deadline_s = cron_job.spec.starting_deadline_seconds
    if deadline_s is not None:
        since = max(since, now - deadline_s)
    due_at, count = missed(schedule, zone, since, now)
    warning = None
    if count > _TOO_MANY:
        message = (
            "too many missed start times. Set or decrease .spec.startingDeadlineSeconds or check clock skew"
        )
        warning = ("TooManyMissedTimes", message)
    if due_at is None:
        return Plan(status=status, forget=forget, again_in_s=again_in_s)
    active = [job for job in jobs if finished(job) is None and job.metadata.deletion_timestamp is None]
    if any(job.metadata.name == job_name(cron_job, due_at) for job in jobs):
        return Plan(status=_scheduled(status, due_at), forget=forget, again_in_s=again_in_s)
    if active and cron_job.spec.concurrency_policy == "Forbid":
        warning = (
            "JobAlreadyActive",
            "Not starting job because prior execution is running and concurrency policy is Forbid",
        )
        return Plan(status=status, forget=forget, again_in_s=again_in_s, warning=warning)
    end = tuple(active) if cron_job.spec.concurrency_policy == "Replace" else ()
    return Plan(
        start_at=due_at,
        end=end,
        forget=forget,
        status=_scheduled(status, due_at),
        again_in_s=again_in_s,
        warning=warning,
    )


def _never(cron_job: RecurringJob) -> str:
    """A day that no month has; in kube-controller-manager's words, whose parser calls such times equal."""
    return (
        f"invalid schedule: {cron_job.spec.schedule} : "
        "time difference between two schedules is less than 1 second"
    )


def _scheduled(status: CronJobStatus, at: float) -> CronJobStatus:
    return msgspec.structs.replace(status, last_schedule_time=timestamp(at))


def _status(cron_job: RecurringJob, jobs: Sequence[TrackedJob]) -> CronJobStatus:
    active = sorted((job for job in jobs if finished(job) is None), key=lambda job: job.metadata.name)
    completed = [
        job.status.completion_time
        for job in jobs
        if job.status.completion_time and (over := finished(job)) is not None and over.type == "Complete"
    ]
    last = max((*completed, cron_job.status.last_successful_time or ""), default="")
    return CronJobStatus(
        active=tuple(
            ObjectReference(
                api_version="batch/v1",
                kind="Job",
                namespace=job.metadata.namespace,
                name=job.metadata.name,
                uid=job.metadata.uid,
            )
            for job in active
        ),
        last_schedule_time=cron_job.status.last_schedule_time,
        last_successful_time=last or None,
    )


def _beyond_limits(cron_job: RecurringJob, jobs: Sequence[TrackedJob]) -> tuple[TrackedJob, ...]:
    gone: list[TrackedJob] = []
    limits = (
        ("Complete", cron_job.spec.successful_jobs_history_limit),
        ("Failed", cron_job.spec.failed_jobs_history_limit),
    )
    for type_, limit in limits:
        ended = [job for job in jobs if (over := finished(job)) is not None and over.type == type_]
        ended.sort(key=lambda job: (job.status.start_time or "", job.metadata.name))
        if limit is not None:
            gone += ended[: max(0, len(ended) - limit)]
    return tuple(job for job in gone if job.metadata.deletion_timestamp is None)


def job_body(cron_job: RecurringJob, at: float) -> dict[str, Any]:
    template = cron_job.spec.job_template
    meta = template.get("metadata") or {}
    return {
        "metadata": {
            "name": job_name(cron_job, at),
            "namespace": cron_job.metadata.namespace,
            "labels": meta.get("labels") or {},
            "annotations": {**(meta.get("annotations") or {}), SCHEDULED_AT: timestamp(at)},
            "ownerReferences": [controller_reference(cron_job)],
        },
        "spec": template.get("spec") or {},
    }
