"""Who must go so that a more important pod can run (DefaultPreemption). Pure: the effects are the driver's."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple, TypeAlias

import msgspec

from kube.scheduler import filters, neighbours, selectors, spread, volumes
from kube.scheduler.decide import Unschedulable
from kube.scheduler.pods import PodInfo
from kube.scheduler.selectors import Selector
from kube.scheduler.state import ClusterState

NOT_HELPFUL = "Preemption is not helpful for scheduling"
NO_VICTIMS = "No preemption victims found for incoming pod"


class Budget(NamedTuple):
    """A PodDisruptionBudget: how many pods that it means may go now."""

    namespace: str
    selector: Selector | None
    allowed: int


class Preempt(msgspec.Struct, frozen=True, kw_only=True):
    node: str
    victims: tuple[PodInfo, ...]


class NoPreemption(msgspec.Struct, frozen=True, kw_only=True):
    message: str  # what follows "preemption: "


Preemption: TypeAlias = Preempt | NoPreemption


class _Candidate(NamedTuple):
    node: str
    victims: tuple[PodInfo, ...]
    violations: int


def fits(pod: PodInfo, state: ClusterState, node_name: str) -> bool:
    node = state.nodes[node_name]
    return (
        filters.refuse(pod.wishes, node) is None
        and volumes.refuse(volumes.needs(pod, state.storage, state.pods), node) is None
        and spread.refuse(spread.hard_rules(pod, state), node) is None
        and neighbours.refuse(neighbours.neighbourhood(pod, state), node) is None
    )


def preempt(
    pod: PodInfo, state: ClusterState, refused: Unschedulable, budgets: Sequence[Budget]
) -> Preemption:
    if pod.pod.spec.preemption_policy == "Never":
        return NoPreemption(message="not eligible due to preemptionPolicy=Never.")
    if _waits_for_victims(pod, state):
        return NoPreemption(message="not eligible due to a terminating pod on the nominated node.")
    possible = [name for name, refusal in refused.refusals.items() if refusal.preemptable]
    limit = max(100, len(state.nodes) // 10)
    candidates: list[_Candidate] = []
    for name in possible:
        candidate = _candidate(pod, state, name, budgets)
        if candidate is not None:
            candidates.append(candidate)
            if len(candidates) >= limit:
                break
    if not candidates:
        return NoPreemption(message=_message(refused.refusals, possible))
    best = min(candidates, key=_price)
    return Preempt(node=best.node, victims=best.victims)


def _message(refusals: Mapping[str, object], possible: Sequence[str]) -> str:
    counts = Counter({NOT_HELPFUL: len(refusals) - len(possible), NO_VICTIMS: len(possible)})
    listed = ", ".join(sorted(f"{count} {reason}" for reason, count in counts.items() if count))
    return f"0/{len(refusals)} nodes are available: {listed}."


def _waits_for_victims(pod: PodInfo, state: ClusterState) -> bool:
    nominated = state.nodes.get(pod.pod.status.nominated_node_name)
    if nominated is None:
        return False
    return any(other.terminating and other.priority < pod.priority for other in nominated.pods.values())


def _start(pod: PodInfo) -> str:
    return pod.pod.status.start_time or pod.pod.metadata.creation_timestamp or ""


def _violating(pods: Iterable[PodInfo], budgets: Sequence[Budget]) -> set[str]:
    """Uids of pods whose going, most important first, would overdraw a budget."""
    left = [budget.allowed for budget in budgets]
    overdrawn: set[str] = set()
    for pod in pods:
        for index, (namespace, selector, _) in enumerate(budgets):
            if namespace == pod.namespace and selectors.matches(selector, pod.labels):
                left[index] -= 1
                if left[index] < 0:
                    overdrawn.add(pod.uid)
    return overdrawn


def _candidate(
    pod: PodInfo, state: ClusterState, node_name: str, budgets: Sequence[Budget]
) -> _Candidate | None:
    """Take all less important pods away, then give back as many as fit, those under a budget first."""
    lesser = [other for other in state.nodes[node_name].pods.values() if other.priority < pod.priority]
    if not lesser:
        return None
    trial = state.fork()
    for other in lesser:
        trial.remove_pod(other.key)
    if not fits(pod, trial, node_name):
        return None
    important_first = sorted(sorted(lesser, key=_start), key=lambda other: -other.priority)
    overdrawn = _violating(important_first, budgets)
    victims: list[PodInfo] = []
    for other in sorted(important_first, key=lambda one: one.uid not in overdrawn):
        trial.set_pod(other)
        if not fits(pod, trial, node_name):
            trial.remove_pod(other.key)
            victims.append(other)
    if not victims:
        return None
    return _Candidate(node_name, tuple(victims), sum(one.uid in overdrawn for one in victims))


def _price(candidate: _Candidate) -> tuple[int, int, int, int, tuple[int, ...]]:
    """Cheapest first: broken budgets, the highest victim, all priorities, the number, and who ran longest."""
    highest = max(one.priority for one in candidate.victims)
    earliest = min(_start(one) for one in candidate.victims if one.priority == highest)
    return (
        candidate.violations,
        highest,
        sum(one.priority for one in candidate.victims),
        len(candidate.victims),
        tuple(-ord(char) for char in earliest),  # a later start is cheaper
    )
