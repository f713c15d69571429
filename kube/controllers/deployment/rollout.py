"""The arithmetic of a rolling update: how many pods each ReplicaSet should have next."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import msgspec

from kube.controllers.deployment.revisions import DESIRED_REPLICAS, MAX_REPLICAS, created_order
from kube.controllers.rounding import scaled
from kube.objects import Deployment, ReplicaSet

Sizes = dict[str, int]  # ReplicaSet name → spec.replicas


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """How many pods above, and how many below the wanted number are allowed."""

    surge: int
    unavailable: int


def limits(deployment: Deployment) -> Limits:
    """Surge is rounded up, unavailable down; both zero would never move, so then one may be unavailable."""
    replicas = deployment.spec.replicas
    rolling = deployment.spec.strategy.rolling_update
    if deployment.spec.strategy.type != "RollingUpdate":
        return Limits(surge=0, unavailable=0)
    surge = scaled(rolling.max_surge if rolling else "25%", replicas, up=True)
    unavailable = scaled(rolling.max_unavailable if rolling else "25%", replicas, up=False)
    if not surge and not unavailable:
        unavailable = 1
    return Limits(surge=surge, unavailable=min(unavailable, replicas))


def new_size(deployment: Deployment, new_replicas: int, all_replicas: int) -> int:
    """How far the new ReplicaSet may grow now; `all_replicas` includes its own."""
    wanted = deployment.spec.replicas
    if new_replicas >= wanted or deployment.spec.strategy.type != "RollingUpdate":
        return wanted
    room = wanted + limits(deployment).surge - all_replicas
    return new_replicas + max(0, min(room, wanted - new_replicas))


def old_sizes(deployment: Deployment, new: ReplicaSet, old: Sequence[ReplicaSet]) -> Sizes:
    """The old ReplicaSets that shrink, with their next size: pods that are not available first, then the oldest set."""
    sizes = {one.metadata.name: one.spec.replicas for one in old}
    total = sum(sizes.values())
    least = deployment.spec.replicas - limits(deployment).unavailable
    new_unavailable = new.spec.replicas - _available(new)
    may_go = total + new.spec.replicas - least - new_unavailable
    if not total or may_go <= 0:
        return {}
    by_age = sorted(old, key=created_order)
    for one in by_age:
        broken = sizes[one.metadata.name] - _available(one)
        gone = min(may_go, broken)
        if gone > 0:
            sizes[one.metadata.name] -= gone
            may_go -= gone
    spare = sum(map(_available, (new, *old))) - least
    for one in by_age:
        gone = min(sizes[one.metadata.name], spare)
        if gone > 0:
            sizes[one.metadata.name] -= gone
            spare -= gone
    return _changed(sizes, old)


def _available(one: ReplicaSet) -> int:
    """Its status may be from before it was told to shrink, above all to who has just become leader: pods beyond its size
    are about to go.
    """
    return min(one.status.available_replicas, one.spec.replicas)


def _changed(sizes: Mapping[str, int], replica_sets: Sequence[ReplicaSet]) -> Sizes:
    return {
        one.metadata.name: sizes[one.metadata.name]
        for one in replica_sets
        if sizes[one.metadata.name] != one.spec.replicas
    }


def _annotation(replica_set: ReplicaSet, name: str) -> int | None:
    try:
        return int(replica_set.metadata.annotations[name])
    except (KeyError, ValueError):
        return None


def is_scaling(deployment: Deployment, replica_sets: Sequence[ReplicaSet]) -> bool:
    """The Deployment's size was changed since its ReplicaSets were sized."""
    return any(
        one.spec.replicas > 0 and _annotation(one, DESIRED_REPLICAS) not in (None, deployment.spec.replicas)
        for one in replica_sets
    )


def _is_saturated(deployment: Deployment, new: ReplicaSet | None) -> bool:
    wanted = deployment.spec.replicas
    return (
        new is not None
        and new.spec.replicas == wanted
        and _annotation(new, DESIRED_REPLICAS) == wanted
        and new.status.available_replicas == wanted
    )


def scaled_sizes(deployment: Deployment, new: ReplicaSet | None, old: Sequence[ReplicaSet]) -> Sizes:
    """Sizes after the Deployment's own size was changed; in the middle of a rollout each set in proportion."""
    wanted = deployment.spec.replicas
    everyone = [*([new] if new else []), *old]
    active = [one for one in everyone if one.spec.replicas > 0]
    if len(active) <= 1:
        only = active[0] if active else new or max(old, key=created_order, default=None)
        return {} if only is None or only.spec.replicas == wanted else {only.metadata.name: wanted}
    if _is_saturated(deployment, new):
        return {one.metadata.name: 0 for one in old if one.spec.replicas > 0}
    if deployment.spec.strategy.type != "RollingUpdate":
        return {}
    return _proportional(deployment, active)


def _proportional(deployment: Deployment, active: Sequence[ReplicaSet]) -> Sizes:
    wanted = deployment.spec.replicas
    allowed = wanted + limits(deployment).surge if wanted else 0
    to_add = allowed - sum(one.spec.replicas for one in active)
    # Bigger sets first; among equals the newer grows first, the older shrinks first.
    ordered = sorted(active, key=created_order, reverse=to_add > 0)
    ordered.sort(key=lambda one: -one.spec.replicas)
    sizes = {one.metadata.name: one.spec.replicas for one in ordered}
    added = 0
    for one in ordered:
        share = _share(deployment, one, to_add, added)
        sizes[one.metadata.name] += share
        added += share
    first = ordered[0].metadata.name
    sizes[first] = max(0, sizes[first] + to_add - added)
    return _changed(sizes, active)


def _share(deployment: Deployment, replica_set: ReplicaSet, to_add: int, added: int) -> int:
    left = to_add - added
    if not left:
        return 0
    wanted, replicas = deployment.spec.replicas, replica_set.spec.replicas
    if not wanted:
        share = -replicas
    else:
        most = wanted + limits(deployment).surge
        before = _annotation(replica_set, MAX_REPLICAS) or deployment.status.replicas or most
        share = math.floor(replicas * most / before + 0.5) - replicas
    return max(0, min(share, left)) if to_add > 0 else min(0, max(share, left))
