"""Job with the parts of its status that only its controller reads."""

from __future__ import annotations

from typing import Any

from kube.objects import Job, JobSpec, JobStatus, Value


class Uncounted(Value):
    """Uids of ended pods that are in no count yet, because their finalizer may still be there (KEP-2307)."""

    succeeded: tuple[str, ...] = ()
    failed: tuple[str, ...] = ()


class TrackedStatus(JobStatus):
    uncounted_terminated_pods: Uncounted = Uncounted()
    failed_indexes: str | None = None


class TrackedSpec(JobSpec):
    pod_replacement_policy: str = ""
    pod_failure_policy: dict[str, Any] | None = None
    success_policy: dict[str, Any] | None = None
    backoff_limit_per_index: int | None = None
    max_failed_indexes: int | None = None
    managed_by: str | None = None  # another controller's name: the Job is none of our business (KEP-4368)


class TrackedJob(Job):
    spec: TrackedSpec = TrackedSpec()
    status: TrackedStatus = TrackedStatus()
