"""PodTopologySpread: as even as asked over zones, hosts or any other label of nodes."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, NamedTuple

from kube.objects import HOSTNAME_LABEL, ZONE_LABEL
from kube.scheduler import selectors
from kube.scheduler.filters import Refusal, matches_node, untolerated
from kube.scheduler.neighbours import labels_of
from kube.scheduler.nodes import NodeInfo
from kube.scheduler.pods import PodInfo, Spread
from kube.scheduler.selectors import Selector
from kube.scheduler.state import ClusterState

MISSING_LABEL: Final = Refusal(
    "PodTopologySpread",
    ("node(s) didn't match pod topology spread constraints (missing required label)",),
    preemptable=False,
)
SPREAD_OWNERS: Final = frozenset({"ReplicaSet", "StatefulSet", "ReplicationController"})
TOO_SKEWED: Final = Refusal(
    "PodTopologySpread", ("node(s) didn't match pod topology spread constraints",), preemptable=True
)


class SpreadRule(NamedTuple):
    """A hard constraint with the cluster counted in."""

    constraint: Spread
    counts: Mapping[str, int]  # topology value → matching pods
    minimum: int
    self_match: int


def matching_per_node(state: ClusterState, namespace: str, selector: Selector | None) -> dict[str, int]:
    """Running pods of the namespace that the selector means, per node; terminating ones do not count."""
    found: dict[str, int] = {}
    for group in state.running:
        if group[0] == namespace and selectors.matches(selector, labels_of(group)):
            for node, count in state.running.of(group).items():
                found[node] = found.get(node, 0) + count
    return found


def _included(constraint: Spread, pod: PodInfo, node: NodeInfo) -> bool:
    """NodeAffinityPolicy and nodeTaintsPolicy: which nodes count at all (KEP-3094)."""
    if constraint.honor_affinity and not matches_node(pod.wishes, node):
        return False
    return not constraint.honor_taints or untolerated(node.taints, pod.wishes.tolerations) is None


def _has_keys(node: NodeInfo, constraints: Iterable[Spread]) -> bool:
    return all(constraint.topology_key in node.labels for constraint in constraints)


def _self_match(constraint: Spread, pod: PodInfo) -> int:
    return int(selectors.matches(constraint.selector, pod.labels))


def hard_rules(pod: PodInfo, state: ClusterState) -> tuple[SpreadRule, ...]:
    hard = [constraint for constraint in pod.spread if constraint.hard]
    if not hard:
        return ()
    nodes = [node for node in state.nodes.values() if node.node is not None and _has_keys(node, hard)]
    rules = []
    for constraint in hard:
        per_node = matching_per_node(state, pod.namespace, constraint.selector)
        counts: dict[str, int] = {}
        for node in nodes:
            if _included(constraint, pod, node):
                value = node.labels[constraint.topology_key]
                counts[value] = counts.get(value, 0) + per_node.get(node.name, 0)
        enough = len(counts) >= constraint.min_domains
        minimum = min(counts.values(), default=0) if enough else 0
        rules.append(SpreadRule(constraint, counts, minimum, _self_match(constraint, pod)))
    return tuple(rules)


def refuse(rules: tuple[SpreadRule, ...], node: NodeInfo) -> Refusal | None:
    for constraint, counts, minimum, self_match in rules:
        value = node.labels.get(constraint.topology_key)
        if value is None:
            return MISSING_LABEL
        if counts.get(value, 0) + self_match - minimum > constraint.max_skew:
            return TOO_SKEWED
    return None


def default_selector(pod: PodInfo, state: ClusterState) -> Selector | None:
    """The pods that belong together by the services and the controller that mean this pod; None: nothing does."""
    together: set[selectors.Requirement] = set()
    for wanted in state.services.get(pod.namespace, {}).values():
        if wanted and all(pod.labels.get(key) == value for key, value in wanted.items()):
            together.update(selectors.equality(wanted))
    for owner in pod.pod.metadata.owner_references:
        if owner.controller and owner.kind in SPREAD_OWNERS:
            known = state.owner_selectors.get(owner.uid)
            # The watch of the owner may lag behind that of the pod: then its labels stand in.
            together.update(selectors.equality(pod.labels) if known is None else known)
    return tuple(sorted(together)) or None


def soft_constraints(pod: PodInfo, state: ClusterState) -> tuple[tuple[Spread, ...], bool]:
    """The constraints to score by, and whether they are the system's own (KEP-3895: only without any of the pod)."""
    if pod.spread:
        return tuple(constraint for constraint in pod.spread if not constraint.hard), False
    selector = default_selector(pod, state)
    if selector is None:
        return (), True
    return (
        Spread(topology_key=HOSTNAME_LABEL, max_skew=3, selector=selector, hard=False),
        Spread(topology_key=ZONE_LABEL, max_skew=5, selector=selector, hard=False),
    ), True


def scores(pod: PodInfo, feasible: Sequence[NodeInfo], state: ClusterState) -> list[int] | None:
    """0 to 100 for each feasible node, fewer matching pods being better; None: nothing to compare."""
    constraints, by_system = soft_constraints(pod, state)
    if not constraints:
        return None
    # The system's constraints must not shut out nodes without a zone label; the pod's own do.
    counted = [by_system or _has_keys(node, constraints) for node in feasible]
    raw = [0.0] * len(feasible)
    for constraint in constraints:
        _add_costs(raw, constraint, pod, feasible, counted, state, by_system=by_system)
    return _normalised([round(cost) for cost in raw], counted)


def _add_costs(
    raw: list[float],
    constraint: Spread,
    pod: PodInfo,
    feasible: Sequence[NodeInfo],
    counted: list[bool],
    state: ClusterState,
    *,
    by_system: bool,
) -> None:
    key = constraint.topology_key
    per_node = matching_per_node(state, pod.namespace, constraint.selector)
    if key == HOSTNAME_LABEL:
        weight = math.log(sum(counted) + 2)
        for index, node in enumerate(feasible):
            if counted[index] and key in node.labels:
                raw[index] += per_node.get(node.name, 0) * weight + constraint.max_skew - 1
        return
    counts = {
        node.labels[key]: 0
        for node, used in zip(feasible, counted, strict=True)
        if used and key in node.labels
    }
    if not counts:
        return
    own = pod.spread
    for name, count in per_node.items():
        node = state.nodes[name]
        value = node.labels.get(key)
        if value in counts and (by_system or _has_keys(node, own)) and _included(constraint, pod, node):
            counts[value] += count
    weight = math.log(len(counts) + 2)
    for index, node in enumerate(feasible):
        value = node.labels.get(key)
        if counted[index] and value is not None:
            raw[index] += counts[value] * weight + constraint.max_skew - 1


def _normalised(costs: list[int], counted: list[bool]) -> list[int]:
    used = [cost for cost, valid in zip(costs, counted, strict=True) if valid]
    if not used:
        return [0] * len(costs)
    low, high = min(used), max(used)
    if high == 0:
        return [100 if valid else 0 for valid in counted]
    return [
        100 * (high + low - cost) // high if valid else 0 for cost, valid in zip(costs, counted, strict=True)
    ]
