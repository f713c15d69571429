"""What a ReplicaSet needs done. Pure: values in, a Plan out."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from typing import Any

import msgspec

from kube.controllers.clock import seconds, timestamp
from kube.controllers.owners import controller_reference
from kube.controllers.pods import (
    available_at,
    condition,
    is_active,
    is_ready,
    is_terminal,
    ready_since,
    restarts,
)
from kube.controllers.replicaset.kinds import Replicating
from kube.objects import Condition, Pod, ReplicaSetStatus

DELETION_COST = "controller.kubernetes.io/pod-deletion-cost"


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    create: int = 0
    delete: tuple[Pod, ...] = ()


def facts(pod: Pod | None) -> tuple[Any, ...]:
    """What of a pod can change a plan or a status: two versions with equal facts need no second look."""
    if pod is None:
        return ()
    meta = pod.metadata
    return (
        meta.uid,
        meta.labels,
        meta.owner_references,
        meta.deletion_timestamp is not None,
        is_terminal(pod),
        ready_since(pod),
    )


def plan(replica_set: Replicating, owned: Sequence[Pod], now: float, burst: int) -> Plan:
    """`owned` with those just adopted."""
    if replica_set.metadata.deletion_timestamp is not None:
        return Plan()
    active = [pod for pod in owned if is_active(pod)]
    missing = replica_set.spec.replicas - len(active)
    if missing >= 0:
        return Plan(create=min(missing, burst))
    return Plan(delete=tuple(least_useful(active, min(-missing, burst), now)))


def least_useful(pods: Sequence[Pod], count: int, now: float) -> list[Pod]:
    """The pods to delete first (kube-controller-manager's ActivePodsWithRanks)."""
    together = Counter(pod.spec.node_name for pod in pods if pod.spec.node_name)
    return sorted(pods, key=lambda pod: _usefulness(pod, together[pod.spec.node_name], now))[:count]


def _usefulness(pod: Pod, together: int, now: float) -> tuple[Any, ...]:
    """Compared left to right, the lowest goes first. Ages are compared by powers of two, so that nearly equal ones
    are equal and the uid decides.
    """

    def age(since: float | None) -> int:
        return int(math.log2(max(1.0, now - since))) if since else 1 << 30  # an unknown time is the longest

    ready = is_ready(pod)
    created = pod.metadata.creation_timestamp
    return (
        bool(pod.spec.node_name),
        {"Pending": 0, "": 0, "Unknown": 1}.get(pod.status.phase, 2),
        ready,
        _deletion_cost(pod),
        -together,
        age(ready_since(pod)) if ready else 0,
        -restarts(pod),
        age(seconds(created)) if created else 0,
        pod.metadata.uid,
    )


def _deletion_cost(pod: Pod) -> int:
    try:
        return int(pod.metadata.annotations.get(DELETION_COST, "0"))
    except ValueError:
        return 0


def status(
    replica_set: Replicating, owned: Sequence[Pod], now: float, failure: tuple[str, str] | None
) -> ReplicaSetStatus:
    """`failure`: reason and message when pods could not be made or deleted."""
    wanted = ((replica_set.spec.template.get("metadata") or {}).get("labels") or {}).items()
    min_ready_s = replica_set.spec.min_ready_seconds
    active = labeled = ready = available = 0
    for pod in owned:
        if not is_active(pod):
            continue
        active += 1
        labeled += wanted <= pod.metadata.labels.items()
        at = available_at(pod, min_ready_s)
        if at is not None:
            ready += 1
            available += at <= now
    return ReplicaSetStatus(
        replicas=active,
        fully_labeled_replicas=labeled,
        ready_replicas=ready,
        available_replicas=available,
        terminating_replicas=sum(pod.metadata.deletion_timestamp is not None for pod in owned),
        observed_generation=replica_set.metadata.generation,
        conditions=_conditions(replica_set.status.conditions, failure, now),
    )


def _conditions(
    before: tuple[Condition, ...], failure: tuple[str, str] | None, now: float
) -> tuple[Condition, ...]:
    others = tuple(one for one in before if one.type != "ReplicaFailure")
    if failure is None:
        return others
    known = condition(before, "ReplicaFailure")
    if known is not None and (known.reason, known.message) == failure:
        return before
    made = Condition(
        type="ReplicaFailure",
        status="True",
        reason=failure[0],
        message=failure[1],
        last_transition_time=timestamp(now),
    )
    return (*others, made)


def next_available_in(replica_set: Replicating, owned: Sequence[Pod], now: float) -> float | None:
    """Seconds until another ready pod has been ready long enough; None: nothing to wait for."""
    if not replica_set.spec.min_ready_seconds:
        return None
    times = (available_at(pod, replica_set.spec.min_ready_seconds) for pod in owned if is_active(pod))
    return min((at - now for at in times if at is not None and at > now), default=None)


def pod_body(template: dict[str, Any], owner: Replicating) -> dict[str, Any]:
    """The pod that the template describes, named after its owner."""
    meta = template.get("metadata") or {}
    kept = {field: meta[field] for field in ("labels", "annotations", "finalizers") if meta.get(field)}
    return {
        "metadata": {
            **kept,
            "generateName": f"{owner.metadata.name}-",
            "namespace": owner.metadata.namespace,
            "ownerReferences": [controller_reference(owner)],
        },
        "spec": template.get("spec") or {},
    }
