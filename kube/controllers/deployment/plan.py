"""What a Deployment needs done next. Pure: one step of the rollout; its effects bring the next one about."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import msgspec

from kube.controllers.deployment import rollout, status
from kube.controllers.deployment.revisions import (
    REVISION,
    find_new,
    next_revision,
    replica_set_body,
    revised_annotations,
    revision_of,
    scale_annotations,
)
from kube.controllers.pods import condition, is_terminal
from kube.objects import Condition, Deployment, DeploymentStatus, Pod, ReplicaSet


class CreateSet(msgspec.Struct, frozen=True, kw_only=True):
    body: Mapping[str, Any]
    replicas: int


class ScaleSet(msgspec.Struct, frozen=True, kw_only=True):
    replica_set: ReplicaSet
    replicas: int
    annotations: Mapping[str, str]


class AnnotateSet(msgspec.Struct, frozen=True, kw_only=True):
    replica_set: ReplicaSet
    annotations: Mapping[str, str]
    min_ready_seconds: int


class DeleteSet(msgspec.Struct, frozen=True, kw_only=True):
    replica_set: ReplicaSet


class SetRevision(msgspec.Struct, frozen=True, kw_only=True):
    """On the Deployment itself, for `kubectl rollout history`."""

    revision: int


Op: TypeAlias = CreateSet | ScaleSet | AnnotateSet | DeleteSet | SetRevision


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    ops: tuple[Op, ...] = ()
    status: DeploymentStatus
    again_in_s: float | None = None


def plan(deployment: Deployment, owned: Sequence[ReplicaSet], pods: Sequence[Pod], now: float) -> Plan:
    """`owned`: its ReplicaSets; `pods`: those of all of them (only Recreate asks)."""
    live = [one for one in owned if one.metadata.deletion_timestamp is None]
    new = find_new(deployment, live)
    old = [one for one in live if new is None or one.metadata.uid != new.metadata.uid]
    everyone = [*([new] if new else []), *old]
    if deployment.metadata.deletion_timestamp is not None:
        return Plan(status=status.counted(deployment, new, everyone, now))
    conditions = status.paused_or_resumed(deployment, now)
    if conditions is not None:
        deployment = _with_conditions(deployment, conditions)
    if deployment.spec.paused or rollout.is_scaling(deployment, everyone):
        ops = _scale(deployment, new, old)
        if deployment.spec.paused:
            ops += _revise(deployment, new, old)
        return Plan(ops=ops, status=status.counted(deployment, new, everyone, now))
    if deployment.spec.strategy.type == "Recreate":
        ops = _recreate(deployment, new, old, pods)
    else:
        ops = _roll(deployment, new, old)
    return _rolled(deployment, new, old, ops, now)


def _rolled(
    deployment: Deployment, new: ReplicaSet | None, old: list[ReplicaSet], ops: tuple[Op, ...], now: float
) -> Plan:
    everyone = [*([new] if new else []), *old]
    made = next((op for op in ops if isinstance(op, CreateSet)), None)
    after = status.rolled(deployment, new, everyone, now)
    if status.has_deadline(deployment):
        if made is not None:
            name = made.body["metadata"]["name"]
            conditions = status.found_or_made(after.conditions, name, made=True, now=now)
            after = msgspec.structs.replace(after, conditions=conditions)
        elif new is not None and condition(after.conditions, "Progressing") is None:
            conditions = status.found_or_made(after.conditions, new.metadata.name, made=False, now=now)
            after = msgspec.structs.replace(after, conditions=conditions)
    due_in_s = status.deadline_in(deployment, after.conditions, now)
    if not ops and status.is_complete(deployment, after):
        ops = _forget_history(deployment, old)
    again_in_s = None if due_in_s is None else max(0.0, due_in_s) + 1.0  # API times are whole seconds
    return Plan(ops=ops, status=after, again_in_s=again_in_s)


def _with_conditions(deployment: Deployment, conditions: tuple[Condition, ...]) -> Deployment:
    before = deployment.status
    return msgspec.structs.replace(deployment, status=msgspec.structs.replace(before, conditions=conditions))


def _scale_op(deployment: Deployment, replica_set: ReplicaSet, replicas: int) -> ScaleSet:
    surge = rollout.limits(deployment).surge
    return ScaleSet(
        replica_set=replica_set,
        replicas=replicas,
        annotations=scale_annotations(deployment.spec.replicas, surge),
    )


def _resize(
    deployment: Deployment, replica_sets: Sequence[ReplicaSet], sizes: rollout.Sizes
) -> tuple[Op, ...]:
    """Also refreshes the annotations of active sets that keep their size."""
    ops: list[Op] = []
    for one in replica_sets:
        replicas = sizes.get(one.metadata.name, one.spec.replicas)
        op = _scale_op(deployment, one, replicas)
        said = op.annotations.items() <= one.metadata.annotations.items()
        if replicas != one.spec.replicas or (replicas > 0 and not said):
            ops.append(op)
    return tuple(ops)


def _scale(deployment: Deployment, new: ReplicaSet | None, old: Sequence[ReplicaSet]) -> tuple[Op, ...]:
    everyone = [*([new] if new else []), *old]
    return _resize(deployment, everyone, rollout.scaled_sizes(deployment, new, old))


def _revise(deployment: Deployment, new: ReplicaSet | None, old: Sequence[ReplicaSet]) -> tuple[Op, ...]:
    """The new ReplicaSet carries the highest revision and the Deployment's annotations."""
    if new is None:
        return ()
    ops: list[Op] = []
    revision = max(next_revision(old), revision_of(new))
    annotations = revised_annotations(deployment, new, revision)
    min_ready_s = deployment.spec.min_ready_seconds
    if annotations != new.metadata.annotations or new.spec.min_ready_seconds != min_ready_s:
        ops.append(AnnotateSet(replica_set=new, annotations=annotations, min_ready_seconds=min_ready_s))
    if deployment.metadata.annotations.get(REVISION) != str(revision):
        ops.append(SetRevision(revision=revision))
    return tuple(ops)


def _create(deployment: Deployment, old: Sequence[ReplicaSet], replicas: int) -> tuple[Op, ...]:
    revision = next_revision(old)
    surge = rollout.limits(deployment).surge
    body = replica_set_body(deployment, replicas, revision, surge)
    return (CreateSet(body=body, replicas=replicas), SetRevision(revision=revision))


def _roll(deployment: Deployment, new: ReplicaSet | None, old: Sequence[ReplicaSet]) -> tuple[Op, ...]:
    old_total = sum(one.spec.replicas for one in old)
    if new is None:
        return _create(deployment, old, rollout.new_size(deployment, 0, old_total))
    revise = _revise(deployment, new, old)
    size = rollout.new_size(deployment, new.spec.replicas, new.spec.replicas + old_total)
    if size != new.spec.replicas:
        return (*revise, _scale_op(deployment, new, size))
    return (*revise, *_shrink(deployment, old, rollout.old_sizes(deployment, new, old)))


def _shrink(deployment: Deployment, old: Sequence[ReplicaSet], sizes: rollout.Sizes) -> tuple[Op, ...]:
    return tuple(
        _scale_op(deployment, one, sizes[one.metadata.name]) for one in old if one.metadata.name in sizes
    )


def _recreate(
    deployment: Deployment, new: ReplicaSet | None, old: Sequence[ReplicaSet], pods: Sequence[Pod]
) -> tuple[Op, ...]:
    """The old pods must all be gone before the first new one."""
    active = {one.metadata.name: 0 for one in old if one.spec.replicas > 0}
    if active:
        return _shrink(deployment, old, active)
    old_uids = {one.metadata.uid for one in old}
    if any(
        ref.uid in old_uids and not is_terminal(pod) for pod in pods for ref in pod.metadata.owner_references
    ):
        return ()
    wanted = deployment.spec.replicas
    if new is None:
        return _create(deployment, old, wanted)
    revise = _revise(deployment, new, old)
    if new.spec.replicas != wanted:
        return (*revise, _scale_op(deployment, new, wanted))
    return revise


def _forget_history(deployment: Deployment, old: Sequence[ReplicaSet]) -> tuple[Op, ...]:
    limit = deployment.spec.revision_history_limit
    if limit is None or len(old) <= limit:
        return ()
    oldest = sorted(old, key=revision_of)[: len(old) - limit]
    return tuple(
        DeleteSet(replica_set=one)
        for one in oldest
        if not one.spec.replicas
        and not one.status.replicas
        and one.metadata.generation <= one.status.observed_generation
    )
