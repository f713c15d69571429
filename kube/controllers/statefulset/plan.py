"""The next step of a StatefulSet. Pure: what is done brings the next step about."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from kube.controllers.history.plan import HASH_LABEL
from kube.controllers.pods import available_at, is_available, is_ready, is_terminal
from kube.controllers.statefulset.identity import ordinal_of, ordinals
from kube.controllers.statefulset.kinds import ClaimingStatefulSet
from kube.objects import Pod, StatefulSetStatus


class Create(msgspec.Struct, frozen=True, kw_only=True):
    ordinal: int
    updated: bool  # from the new template, else from the one before


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    create: tuple[Create, ...] = ()
    delete: tuple[Pod, ...] = ()
    again_in_s: float | None = None  # a pod will have been ready long enough


def partition(one: ClaimingStatefulSet) -> int:
    rolling = one.spec.update_strategy.rolling_update
    return (rolling.partition or 0) if rolling is not None else 0


def _is_new(one: ClaimingStatefulSet, ordinal: int) -> bool:
    """Which template a pod is made from. OnDelete and ordinals at or above the partition take the new one."""
    return one.spec.update_strategy.type != "RollingUpdate" or ordinal >= partition(one)


def plan(one: ClaimingStatefulSet, pods: Sequence[Pod], new: str, now: float) -> Plan:
    """`new` is the name of the template's revision: a StatefulSet's pods bear the name, not the hash."""
    if one.metadata.deletion_timestamp is not None:
        return Plan()
    by_ordinal = {ordinal: pod for pod in pods if (ordinal := ordinal_of(one, pod)) is not None}
    wanted = ordinals(one)
    one_by_one = one.spec.pod_management_policy != "Parallel"
    create: list[Create] = []
    delete: list[Pod] = []
    again_in_s: float | None = None
    healthy = True
    for ordinal in wanted:
        pod = by_ordinal.get(ordinal)
        if pod is None:
            create.append(Create(ordinal=ordinal, updated=_is_new(one, ordinal)))
        elif is_terminal(pod) and pod.metadata.deletion_timestamp is None:
            delete.append(pod)
        elif _is_healthy(one, pod, now):
            continue
        else:
            again_in_s = _sooner(again_in_s, _ready_in(one, pod, now))
        healthy = False
        if one_by_one:
            break
    if create or delete or (one_by_one and not healthy):
        return Plan(create=tuple(create), delete=tuple(delete), again_in_s=again_in_s)
    condemned = sorted(
        (pod for ordinal, pod in by_ordinal.items() if ordinal not in wanted),
        key=lambda pod: -(ordinal_of(one, pod) or 0),
    )
    if condemned:
        leaving = [pod for pod in condemned if pod.metadata.deletion_timestamp is not None]
        if one_by_one:
            return Plan(delete=() if leaving else (condemned[0],))
        return Plan(delete=tuple(pod for pod in condemned if pod not in leaving))
    return Plan(delete=_update(one, by_ordinal, new, now), again_in_s=again_in_s)


def _is_healthy(one: ClaimingStatefulSet, pod: Pod, now: float) -> bool:
    return pod.metadata.deletion_timestamp is None and is_available(pod, one.spec.min_ready_seconds, now)


def _ready_in(one: ClaimingStatefulSet, pod: Pod, now: float) -> float | None:
    at = available_at(pod, one.spec.min_ready_seconds)
    return at - now if at is not None and at > now else None


def _sooner(left: float | None, right: float | None) -> float | None:
    return min((each for each in (left, right) if each is not None), default=None)


def _update(one: ClaimingStatefulSet, by_ordinal: dict[int, Pod], new: str, now: float) -> tuple[Pod, ...]:
    """From the highest ordinal down to the partition, one at a time, each healthy before the next."""
    if one.spec.update_strategy.type != "RollingUpdate":
        return ()
    for ordinal in reversed(ordinals(one)):
        if ordinal < partition(one):
            return ()
        pod = by_ordinal.get(ordinal)
        if pod is None or pod.metadata.deletion_timestamp is not None:
            return ()
        if pod.metadata.labels.get(HASH_LABEL) != new:
            return (pod,)
        if not _is_healthy(one, pod, now):
            return ()
    return ()


def status(
    one: ClaimingStatefulSet, pods: Sequence[Pod], old: str, new: str, now: float
) -> StatefulSetStatus:
    """`old` and `new` are revision names, and so the pods' labels. When all pods are new, the old name follows."""
    alive = [
        pod
        for pod in pods
        if ordinal_of(one, pod) is not None
        and not is_terminal(pod)
        and pod.metadata.deletion_timestamp is None
    ]
    min_ready_s = one.spec.min_ready_seconds
    ready = sum(is_ready(pod) for pod in alive)
    updated = sum(pod.metadata.labels.get(HASH_LABEL) == new for pod in alive)
    current = sum(pod.metadata.labels.get(HASH_LABEL) == old for pod in alive)
    total = len(alive)
    over = updated == total == ready == one.spec.replicas and one.spec.update_strategy.type == "RollingUpdate"
    if over:
        old, current = new, updated
    return StatefulSetStatus(
        replicas=total,
        ready_replicas=ready,
        current_replicas=current,
        updated_replicas=updated,
        available_replicas=sum(is_available(pod, min_ready_s, now) for pod in alive),
        current_revision=old,
        update_revision=new,
        observed_generation=one.metadata.generation,
        collision_count=one.status.collision_count or 0,
        conditions=one.status.conditions,
    )
