"""A Deployment's status and conditions, and when its progress deadline is due."""

from __future__ import annotations

from collections.abc import Sequence

from kube.controllers.clock import seconds, timestamp
from kube.controllers.deployment.rollout import limits
from kube.controllers.pods import condition
from kube.objects import Condition, Deployment, DeploymentStatus, ReplicaSet

_FOREVER_S = 2**31 - 1  # kubectl's "no deadline"


def has_deadline(deployment: Deployment) -> bool:
    return deployment.spec.progress_deadline_seconds not in (None, _FOREVER_S)


def counted(
    deployment: Deployment, new: ReplicaSet | None, everyone: Sequence[ReplicaSet], now: float
) -> DeploymentStatus:
    """The numbers and the Available condition; other conditions as they were."""
    available = sum(one.status.available_replicas for one in everyone)
    total = sum(one.spec.replicas for one in everyone)
    enough = available >= deployment.spec.replicas - limits(deployment).unavailable
    made = _condition(
        "Available",
        "True" if enough else "False",
        "MinimumReplicasAvailable" if enough else "MinimumReplicasUnavailable",
        "Deployment has minimum availability."
        if enough
        else "Deployment does not have minimum availability.",
        now,
    )
    return DeploymentStatus(
        replicas=sum(one.status.replicas for one in everyone),
        updated_replicas=new.status.replicas if new else 0,
        ready_replicas=sum(one.status.ready_replicas for one in everyone),
        available_replicas=available,
        unavailable_replicas=max(0, total - available),
        terminating_replicas=sum(one.status.terminating_replicas or 0 for one in everyone),
        observed_generation=deployment.metadata.generation,
        collision_count=deployment.status.collision_count,
        conditions=with_condition(deployment.status.conditions, made),
    )


def _condition(type_: str, status: str, reason: str, message: str, now: float) -> Condition:
    at = timestamp(now)
    return Condition(
        type=type_,
        status=status,
        reason=reason,
        message=message,
        last_update_time=at,
        last_transition_time=at,
    )


def with_condition(conditions: Sequence[Condition], made: Condition) -> tuple[Condition, ...]:
    """Nothing changes while status and reason stay; the transition time stays while the status does."""
    known = condition(conditions, made.type)
    if known is not None and known.status == made.status:
        if known.reason == made.reason:
            return tuple(conditions)
        made = _with_transition(made, known)
    return (*without_condition(conditions, made.type), made)


def _with_transition(made: Condition, known: Condition) -> Condition:
    return Condition(
        type=made.type,
        status=made.status,
        reason=made.reason,
        message=made.message,
        last_update_time=made.last_update_time,
        last_transition_time=known.last_transition_time,
    )


def without_condition(conditions: Sequence[Condition], type_: str) -> tuple[Condition, ...]:
    return tuple(one for one in conditions if one.type != type_)


def is_complete(deployment: Deployment, status: DeploymentStatus) -> bool:
    wanted = deployment.spec.replicas
    return (
        status.updated_replicas == wanted
        and status.replicas == wanted
        and status.available_replicas == wanted
        and status.observed_generation >= deployment.metadata.generation
    )


def _is_progressing(before: DeploymentStatus, after: DeploymentStatus) -> bool:
    return (
        after.updated_replicas > before.updated_replicas
        or after.replicas - after.updated_replicas < before.replicas - before.updated_replicas
        or after.ready_replicas > before.ready_replicas
        or after.available_replicas > before.available_replicas
    )


def deadline_in(deployment: Deployment, conditions: Sequence[Condition], now: float) -> float | None:
    """Seconds until the rollout counts as stuck, negative when it does; None: nothing to wait for."""
    known = condition(conditions, "Progressing")
    if (
        known is None
        or not has_deadline(deployment)
        or known.reason in ("NewReplicaSetAvailable", "ProgressDeadlineExceeded")
        or deployment.spec.paused
    ):
        return None
    since = seconds(known.last_update_time or timestamp(now))
    return since + (deployment.spec.progress_deadline_seconds or 0) - now


def rolled(
    deployment: Deployment, new: ReplicaSet | None, everyone: Sequence[ReplicaSet], now: float
) -> DeploymentStatus:
    """The status with its Progressing and ReplicaFailure conditions."""
    status = counted(deployment, new, everyone, now)
    return DeploymentStatus(
        replicas=status.replicas,
        updated_replicas=status.updated_replicas,
        ready_replicas=status.ready_replicas,
        available_replicas=status.available_replicas,
        unavailable_replicas=status.unavailable_replicas,
        terminating_replicas=status.terminating_replicas,
        observed_generation=status.observed_generation,
        collision_count=status.collision_count,
        conditions=_with_failure(_with_progress(deployment, new, status, now), new, everyone),
    )


def _with_progress(
    deployment: Deployment, new: ReplicaSet | None, status: DeploymentStatus, now: float
) -> tuple[Condition, ...]:
    conditions = status.conditions
    if not has_deadline(deployment):
        return without_condition(conditions, "Progressing")
    known = condition(conditions, "Progressing")
    done = known is not None and known.reason == "NewReplicaSetAvailable"
    if done and status.replicas == status.updated_replicas:
        return conditions
    what = f'ReplicaSet "{new.metadata.name}"' if new else f'Deployment "{deployment.metadata.name}"'
    if is_complete(deployment, status):
        made = _condition(
            "Progressing", "True", "NewReplicaSetAvailable", f"{what} has successfully progressed.", now
        )
        return with_condition(conditions, made)
    if _is_progressing(deployment.status, status):
        made = _condition("Progressing", "True", "ReplicaSetUpdated", f"{what} is progressing.", now)
        if known is not None and known.status == "True":  # a new update time even when only that differs
            made = _with_transition(made, known)
        return (*without_condition(conditions, "Progressing"), made)
    due_in_s = deadline_in(deployment, conditions, now)
    if due_in_s is not None and due_in_s < 0:
        made = _condition(
            "Progressing", "False", "ProgressDeadlineExceeded", f"{what} has timed out progressing.", now
        )
        return with_condition(conditions, made)
    return conditions


def _with_failure(
    conditions: tuple[Condition, ...], new: ReplicaSet | None, everyone: Sequence[ReplicaSet]
) -> tuple[Condition, ...]:
    """What keeps a ReplicaSet from making pods is shown on the Deployment; the new one's word comes first."""
    ordered = [*([new] if new else []), *everyone]
    failures = (condition(one.status.conditions, "ReplicaFailure") for one in ordered)
    failure = next((one for one in failures if one is not None), None)
    others = without_condition(conditions, "ReplicaFailure")
    return others if failure is None else with_condition(conditions, failure)


def found_or_made(
    conditions: Sequence[Condition], name: str, *, made: bool, now: float
) -> tuple[Condition, ...]:
    reason = "NewReplicaSetCreated" if made else "FoundNewReplicaSet"
    message = f'{"Created" if made else "Found"} new replica set "{name}"'
    return with_condition(conditions, _condition("Progressing", "True", reason, message, now))


def paused_or_resumed(deployment: Deployment, now: float) -> tuple[Condition, ...] | None:
    """The conditions after a change of spec.paused; None when it is already said."""
    if not has_deadline(deployment):
        return None
    conditions = deployment.status.conditions
    known = condition(conditions, "Progressing")
    if known is not None and known.reason == "ProgressDeadlineExceeded":
        return None
    said = known is not None and known.reason == "DeploymentPaused"
    if deployment.spec.paused == said:
        return None
    reason, message = (
        ("DeploymentPaused", "Deployment is paused")
        if deployment.spec.paused
        else ("DeploymentResumed", "Deployment is resumed")
    )
    return with_condition(conditions, _condition("Progressing", "Unknown", reason, message, now))
