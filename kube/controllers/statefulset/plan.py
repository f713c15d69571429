"""The next step of a StatefulSet. Pure: what is done brings the next step about."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from kube.controllers.history.plan import HASH_LABEL
from kube.controllers.pods import available_at, is_available, is_ready, is_terminal
from kube.controllers.rounding import scaled
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
        leave = _first_condemned if one_by_one else _all_condemned
        return Plan(delete=leave(one, condemned, now))
    return Plan(delete=_update(one, by_ordinal, new, now), again_in_s=again_in_s)


def _all_condemned(one: ClaimingStatefulSet, condemned: Sequence[Pod], now: float) -> tuple[Pod, ...]:
    return tuple(pod for pod in condemned if pod.metadata.deletion_timestamp is None)


def _first_condemned(one: ClaimingStatefulSet, condemned: Sequence[Pod], now: float) -> tuple[Pod, ...]:
    """The highest ordinal, when none is leaving; an unhealthy pod goes only when it is the only one that is."""
    highest = condemned[0]
    if highest.metadata.deletion_timestamp is not None:
        return ()
    unhealthy = [pod for pod in condemned if not _is_healthy(one, pod, now)]
    return (highest,) if highest not in unhealthy or unhealthy[-1] is highest else ()


def _is_healthy(one: ClaimingStatefulSet, pod: Pod, now: float) -> bool:
    return pod.metadata.deletion_timestamp is None and is_available(pod, one.spec.min_ready_seconds, now)


def _ready_in(one: ClaimingStatefulSet, pod: Pod, now: float) -> float | None:
    at = available_at(pod, one.spec.min_ready_seconds)
    return at - now if at is not None and at > now else None


def _sooner(left: float | None, right: float | None) -> float | None:
    return min((each for each in (left, right) if each is not None), default=None)


def max_unavailable(one: ClaimingStatefulSet) -> int:
    """How many pods may be missing in a rolling update; a percentage rounds up, and one may always."""
    rolling = one.spec.update_strategy.rolling_update
    wanted = rolling.max_unavailable if rolling is not None else None
    return max(1, scaled(1 if wanted is None else wanted, one.spec.replicas, up=True))


def _update(one: ClaimingStatefulSet, by_ordinal: dict[int, Pod], new: str, now: float) -> tuple[Pod, ...]:
    """From the highest ordinal down to the partition, as many at a time as may be unavailable. An old pod that is
    unhealthy already makes no other one unavailable: it does not wait for the others.
    """
    if one.spec.update_strategy.type != "RollingUpdate":
        return ()
    pods = [(ordinal, by_ordinal.get(ordinal)) for ordinal in reversed(ordinals(one))]
    unhealthy = {ordinal for ordinal, pod in pods if pod is None or not _is_healthy(one, pod, now)}
    old = [
        (ordinal, pod)
        for ordinal, pod in pods
        if ordinal >= partition(one)
        and pod is not None
        and pod.metadata.deletion_timestamp is None
        and pod.metadata.labels.get(HASH_LABEL) != new
    ]
    broken = [pod for ordinal, pod in old if ordinal in unhealthy]
    whole = [pod for ordinal, pod in old if ordinal not in unhealthy]
    most = max_unavailable(one)
    on_their_way = len(unhealthy) - len(broken)
    return (*broken[: max(0, most - on_their_way)], *whole[: max(0, most - len(unhealthy))])


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
