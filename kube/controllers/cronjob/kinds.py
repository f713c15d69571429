"""CronJob with its Job template whole: a template is copied with every field anyone put in it."""

from __future__ import annotations

from typing import Any, ClassVar

import msgspec

from kube.objects import CronJob, CronJobStatus, Object, Resource, Value


class RecurringSpec(Value):
    schedule: str = ""
    job_template: dict[str, Any] = msgspec.field(default_factory=dict)
    time_zone: str | None = None
    starting_deadline_seconds: int | None = None
    concurrency_policy: str = "Allow"
    suspend: bool = False
    successful_jobs_history_limit: int | None = None
    failed_jobs_history_limit: int | None = None


class RecurringJob(Object):
    resource: ClassVar[Resource] = CronJob.resource
    spec: RecurringSpec = RecurringSpec()
    status: CronJobStatus = CronJobStatus()
