"""What a Job needs done, and how it stands. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from kube.controllers.clock import seconds, timestamp
from kube.controllers.job import indexes, policies
from kube.controllers.job.kinds import TrackedJob, TrackedStatus, Uncounted
from kube.controllers.options import ControllerOptions
from kube.controllers.pods import condition, is_active, is_ready, is_terminal
from kube.objects import Condition, Pod

FINALIZER = "batch.kubernetes.io/job-tracking"


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """`create` lists completion indexes, None for a Job without; `release` are pods to take our finalizer off."""

    create: tuple[int | None, ...] = ()
    failures: Mapping[int, int] = {}  # of an index, when it is created
    delete: tuple[Pod, ...] = ()
    release: tuple[Pod, ...] = ()
    status: TrackedStatus
    again_in_s: float | None = None
    expired: bool = False  # ttlSecondsAfterFinished has passed


class _Ended(msgspec.Struct, frozen=True, kw_only=True):
    """Pods whose end is known: all that ever were, by outcome."""

    succeeded: int
    failed: int
    indexes: frozenset[int]
    failed_indexes: frozenset[int]
    pods: tuple[Pod, ...]  # that failed and are there still
    uncounted: Uncounted
    counted_succeeded: int
    counted_failed: int


def finished(job: TrackedJob) -> Condition | None:
    return next(
        (one for one in job.status.conditions if one.type in ("Complete", "Failed") and one.status == "True"),
        None,
    )


def _is_indexed(job: TrackedJob) -> bool:
    return job.spec.completion_mode == "Indexed"


def _has_failed(job: TrackedJob, pod: Pod) -> bool:
    """A pod that is deleted before its end has failed too, unless the Job waits for ends."""
    if pod.status.phase == "Failed":
        return True
    ends_awaited = job.spec.pod_replacement_policy == "Failed"
    return (
        pod.metadata.deletion_timestamp is not None and pod.status.phase != "Succeeded" and not ends_awaited
    )


def _ended(job: TrackedJob, pods: Sequence[Pod]) -> _Ended:
    """Counts are sums of three: counted before, noted as uncounted, and seen just now."""
    before = job.status.uncounted_terminated_pods
    noted = {*before.succeeded, *before.failed}
    tracked = {pod.metadata.uid: pod for pod in pods if FINALIZER in pod.metadata.finalizers}
    new_succeeded = [
        uid for uid, pod in tracked.items() if pod.status.phase == "Succeeded" and uid not in noted
    ]
    failed = tuple(pod for pod in pods if _has_failed(job, pod))
    new_failed = [
        pod.metadata.uid
        for pod in failed
        if pod.metadata.uid in tracked and pod.metadata.uid not in noted and not _ignored(job, pod)
    ]
    still = Uncounted(
        succeeded=(*(uid for uid in before.succeeded if uid in tracked), *new_succeeded),
        failed=(*(uid for uid in before.failed if uid in tracked), *new_failed),
    )
    counted_succeeded = job.status.succeeded + sum(uid not in tracked for uid in before.succeeded)
    counted_failed = job.status.failed + sum(uid not in tracked for uid in before.failed)
    done = {
        index
        for pod in pods
        if pod.status.phase == "Succeeded" and (index := indexes.index_of(pod)) is not None
    }
    all_indexes = indexes.parse(job.status.completed_indexes) | done if _is_indexed(job) else set()
    succeeded = len(all_indexes) if _is_indexed(job) else counted_succeeded + len(still.succeeded)
    return _Ended(
        succeeded=succeeded,
        failed=counted_failed + len(still.failed),
        indexes=frozenset(all_indexes),
        failed_indexes=policies.failed_indexes(job, failed),
        pods=failed,
        uncounted=still,
        counted_succeeded=counted_succeeded,
        counted_failed=counted_failed,
    )


def _ignored(job: TrackedJob, pod: Pod) -> bool:
    return policies.ruling(job, pod).action == "Ignore"


def plan(job: TrackedJob, pods: Sequence[Pod], now: float, options: ControllerOptions) -> Plan:
    """`pods`: all that the Job controls."""
    ended = _ended(job, pods)
    active = [pod for pod in pods if is_active(pod)]
    noted = {*job.status.uncounted_terminated_pods.succeeded, *job.status.uncounted_terminated_pods.failed}
    over = finished(job)
    release = tuple(
        pod
        for pod in pods
        if FINALIZER in pod.metadata.finalizers
        and (
            pod.metadata.uid in noted
            or over is not None
            or job.metadata.deletion_timestamp is not None
            or (pod in ended.pods and _ignored(job, pod))
        )
        and (is_terminal(pod) or pod.metadata.deletion_timestamp is not None)
    )
    if over is not None:
        return _after_the_end(job, over, active, ended, release, pods, now)
    started_at = job.status.start_time
    if started_at is None and not job.spec.suspend:
        started_at = timestamp(now)
    verdict = _verdict(job, ended, pods, started_at, now)
    conditions = _conditions(job, verdict, now)
    deleting = verdict is not None or job.spec.suspend
    create: tuple[int | None, ...] = ()
    again_in_s = None
    delete: list[Pod] = []
    if job.metadata.deletion_timestamp is not None:
        pass
    elif deleting:
        delete = active
    else:
        create, delete = _difference(job, active, _leaving(job, pods), ended)
        backoff_s = _backoff_s(job, pods, ended, now, options)
        if create and backoff_s > 0:
            create, again_in_s = (), backoff_s
        again_in_s = _sooner(again_in_s, _deadline_s(job, started_at, now))
    settled = not ended.uncounted.succeeded and not ended.uncounted.failed
    status = _status(job, pods, [pod for pod in active if pod not in delete] if deleting else active, ended)
    status = msgspec.structs.replace(
        status,
        start_time=None if job.spec.suspend else started_at,
        conditions=_concluded(conditions, verdict, now) if verdict and settled and not active else conditions,
        completion_time=timestamp(now)
        if verdict and verdict[0] == "Complete" and settled and not active
        else job.status.completion_time,
    )
    return Plan(
        create=create,
        failures=policies.next_failures(job, ended.pods) if create else {},
        delete=tuple(delete),
        release=release,
        status=status,
        again_in_s=again_in_s,
    )


def _leaving(job: TrackedJob, pods: Sequence[Pod]) -> list[Pod]:
    """Pods on their way out that hold their place until they have ended (podReplacementPolicy: Failed)."""
    if job.spec.pod_replacement_policy != "Failed":
        return []
    return [pod for pod in pods if pod.metadata.deletion_timestamp is not None and not is_terminal(pod)]


def _after_the_end(
    job: TrackedJob,
    over: Condition,
    active: list[Pod],
    ended: _Ended,
    release: tuple[Pod, ...],
    pods: Sequence[Pod],
    now: float,
) -> Plan:
    ttl_s = job.spec.ttl_seconds_after_finished
    ended_at = seconds(over.last_transition_time) if over.last_transition_time else now
    left_s = None if ttl_s is None else ended_at + ttl_s - now
    return Plan(
        delete=tuple(active),
        release=release,
        status=_status(job, pods, active, ended),
        again_in_s=left_s if left_s is not None and left_s > 0 else None,
        expired=left_s is not None and left_s <= 0 and job.metadata.deletion_timestamp is None,
    )


def _status(job: TrackedJob, pods: Sequence[Pod], active: Sequence[Pod], ended: _Ended) -> TrackedStatus:
    return msgspec.structs.replace(
        job.status,
        active=len(active),
        ready=sum(is_ready(pod) for pod in active),
        succeeded=ended.succeeded if _is_indexed(job) else ended.counted_succeeded,
        failed=ended.counted_failed,
        terminating=sum(pod.metadata.deletion_timestamp is not None and not is_terminal(pod) for pod in pods),
        completed_indexes=indexes.render(ended.indexes),
        failed_indexes=None
        if job.spec.backoff_limit_per_index is None
        else indexes.render(ended.failed_indexes),
        uncounted_terminated_pods=ended.uncounted,
    )


def _verdict(
    job: TrackedJob, ended: _Ended, pods: Sequence[Pod], started_at: str | None, now: float
) -> tuple[str, str, str] | None:
    """Type, reason and message of the end; None: it goes on. What was announced stays."""
    for announced, type_ in (("FailureTarget", "Failed"), ("SuccessCriteriaMet", "Complete")):
        given = condition(job.status.conditions, announced)
        if given is not None and given.status == "True":
            return type_, given.reason, given.message
    for pod in ended.pods:
        ruling = policies.ruling(job, pod)
        if ruling.action == "FailJob":
            return "Failed", "PodFailurePolicy", ruling.message
    limit = 6 if job.spec.backoff_limit is None else job.spec.backoff_limit
    restarts = 0
    if (job.spec.template.get("spec") or {}).get("restartPolicy") == "OnFailure":
        restarts = sum(
            status.restart_count
            for pod in pods
            if pod.status.phase in ("Running", "Pending")
            for status in (*pod.status.container_statuses, *pod.status.init_container_statuses)
        )
    if ended.failed > limit or (restarts > 0 and restarts >= limit):
        return "Failed", "BackoffLimitExceeded", "Job has reached the specified backoff limit"
    deadline_s = _deadline_s(job, started_at, now)
    if deadline_s is not None and deadline_s <= 0:
        return "Failed", "DeadlineExceeded", "Job was active longer than specified deadline"
    return _verdict_of_indexes(job, ended) or _completed(job, ended, pods)


def _verdict_of_indexes(job: TrackedJob, ended: _Ended) -> tuple[str, str, str] | None:
    most, failed = job.spec.max_failed_indexes, len(ended.failed_indexes)
    if most is not None and failed > most:
        why = "Job has exceeded the specified maximal number of failed indexes"
        return "Failed", "MaxFailedIndexesExceeded", why
    if failed and failed + len(ended.indexes) >= (job.spec.completions or 0):
        return "Failed", "FailedIndexes", "Job has failed indexes"
    rule = policies.success_rule(job, ended.indexes)
    return None if rule is None else ("Complete", "SuccessPolicy", f"Matched rules at index {rule}")


def _completed(job: TrackedJob, ended: _Ended, pods: Sequence[Pod]) -> tuple[str, str, str] | None:
    completions = job.spec.completions
    if completions is None:
        done = ended.succeeded > 0 and not any(is_active(pod) for pod in pods)
    else:
        done = ended.succeeded >= completions
    return ("Complete", "CompletionsReached", "Reached expected number of succeeded pods") if done else None


def _deadline_s(job: TrackedJob, started_at: str | None, now: float) -> float | None:
    """Seconds left of activeDeadlineSeconds."""
    allowed_s = job.spec.active_deadline_seconds
    if allowed_s is None or started_at is None or job.spec.suspend:
        return None
    return seconds(started_at) + allowed_s - now


def _made(type_: str, reason: str, message: str, now: float, status: str = "True") -> Condition:
    at = timestamp(now)
    return Condition(
        type=type_, status=status, reason=reason, message=message, last_probe_time=at, last_transition_time=at
    )


def _conditions(job: TrackedJob, verdict: tuple[str, str, str] | None, now: float) -> tuple[Condition, ...]:
    """The end is announced (SuccessCriteriaMet, FailureTarget) before the last pods are gone (KEP-3998)."""
    conditions = job.status.conditions
    if verdict is not None:
        announced = "SuccessCriteriaMet" if verdict[0] == "Complete" else "FailureTarget"
        if condition(conditions, announced) is None:
            conditions = (*conditions, _made(announced, verdict[1], verdict[2], now))
        return conditions
    suspended = condition(conditions, "Suspended")
    if job.spec.suspend and (suspended is None or suspended.status != "True"):
        made = _made("Suspended", "JobSuspended", "Job suspended", now)
    elif not job.spec.suspend and suspended is not None and suspended.status == "True":
        made = _made("Suspended", "JobResumed", "Job resumed", now, "False")
    else:
        return conditions
    return (*(one for one in conditions if one.type != "Suspended"), made)


def _concluded(
    conditions: tuple[Condition, ...], verdict: tuple[str, str, str], now: float
) -> tuple[Condition, ...]:
    return (*conditions, _made(verdict[0], verdict[1], verdict[2], now))


def _difference(
    job: TrackedJob, active: list[Pod], leaving: list[Pod], ended: _Ended
) -> tuple[tuple[int | None, ...], list[Pod]]:
    """Completion indexes to start, pods too many."""
    parallelism = 1 if job.spec.parallelism is None else job.spec.parallelism
    completions = job.spec.completions
    if completions is None:
        wanted = min(parallelism, len(active)) if ended.succeeded else parallelism
    else:
        wanted = min(parallelism, completions - ended.succeeded - len(ended.failed_indexes))
    if len(active) > wanted:
        ordered = sorted(active, key=lambda pod: (is_ready(pod), pod.metadata.creation_timestamp or ""))
        return (), ordered[: len(active) - wanted]
    missing = max(0, wanted - len(active) - len(leaving))
    if not _is_indexed(job):
        return (None,) * missing, []
    busy = {indexes.index_of(pod) for pod in (*active, *leaving)} | ended.indexes | ended.failed_indexes
    free = (index for index in range(completions or 0) if index not in busy)
    return tuple(index for index, _ in zip(free, range(missing), strict=False)), []


def _backoff_s(
    job: TrackedJob, pods: Sequence[Pod], ended: _Ended, now: float, options: ControllerOptions
) -> float:
    """Seconds to wait after the last failure: 10, 20, 40, … up to ten minutes."""
    failed = [pod for pod in ended.pods if indexes.index_of(pod) not in ended.failed_indexes]
    if not failed or not ended.failed:
        return 0.0
    last = max((_ended_at(pod) or now) for pod in failed)
    succeeded_since = any((_ended_at(pod) or 0) > last for pod in pods if pod.status.phase == "Succeeded")
    if succeeded_since:
        return 0.0
    delay_s = min(options.job_backoff_s * 2.0 ** (len(failed) - 1), options.job_backoff_max_s)
    return last + delay_s - now


def _ended_at(pod: Pod) -> float | None:
    times = [
        status.state.terminated.finished_at
        for status in pod.status.container_statuses
        if status.state.terminated is not None and status.state.terminated.finished_at
    ]
    if times:
        return max(seconds(text) for text in times)
    if pod.metadata.deletion_timestamp is not None:
        return seconds(pod.metadata.deletion_timestamp)
    ready = condition(pod.status.conditions, "Ready")
    return seconds(ready.last_transition_time) if ready is not None and ready.last_transition_time else None


def _sooner(left: float | None, right: float | None) -> float | None:
    return min((each for each in (left, right) if each is not None and each > 0), default=None)
