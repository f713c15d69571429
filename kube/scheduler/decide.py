"""One pod, one cluster, one answer: where it goes, or why it cannot. Pure; chance is an argument."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from random import Random
from typing import TypeAlias

import msgspec

from kube.scheduler import filters, neighbours, scores, spread, volumes
from kube.scheduler.filters import Refusal
from kube.scheduler.nodes import NodeInfo
from kube.scheduler.pods import NodeWishes, PodInfo
from kube.scheduler.profile import SchedulerProfile
from kube.scheduler.scores import LocalScore
from kube.scheduler.state import ClusterState


class Bind(msgspec.Struct, frozen=True, kw_only=True):
    node: str


class Unschedulable(msgspec.Struct, frozen=True, kw_only=True):
    """Every node's refusal; `message` is what users read."""

    refusals: Mapping[str, Refusal]
    message: str

    @property
    def plugins(self) -> frozenset[str]:
        return frozenset(refusal.plugin for refusal in self.refusals.values())


Decision: TypeAlias = Bind | Unschedulable


class LocalMemo:
    """Answers that depend on one node and one pod's wishes, kept while that node stays the same value.

    So the second replica of a Deployment costs one node, not all of them.
    """

    def __init__(self, shapes: int = 128) -> None:
        self._shapes = shapes
        self._answers: dict[NodeWishes, dict[str, tuple[NodeInfo, Refusal | LocalScore]]] = {}

    def of(self, wishes: NodeWishes) -> dict[str, tuple[NodeInfo, Refusal | LocalScore]]:
        answers = self._answers.pop(wishes, None)
        if answers is None:
            answers = {}
            if len(self._answers) >= self._shapes:
                del self._answers[next(iter(self._answers))]
        self._answers[wishes] = answers  # last used goes last
        return answers


def nodes_to_find(node_count: int) -> int:
    """How many feasible nodes are enough to compare (kube-scheduler's adaptive percentageOfNodesToScore)."""
    if node_count < 100:
        return node_count
    percentage = max(5, 50 - node_count // 125)
    return max(100, node_count * percentage // 100)


def _local(
    wishes: NodeWishes,
    node: NodeInfo,
    profile: SchedulerProfile,
    memo: dict[str, tuple[NodeInfo, Refusal | LocalScore]],
) -> Refusal | LocalScore:
    known = memo.get(node.name)
    if known is not None and known[0] is node:
        return known[1]
    answer = filters.refuse(wishes, node) or scores.local_score(wishes, node, profile)
    memo[node.name] = (node, answer)
    return answer


def decide(
    pod: PodInfo, state: ClusterState, profile: SchedulerProfile, rng: Random, memo: LocalMemo | None = None
) -> Decision:
    """The best node that no filter refuses; equals are drawn by lot."""
    answers = (memo or LocalMemo()).of(pod.wishes)
    rules = spread.hard_rules(pod, state)
    near = neighbours.neighbourhood(pod, state)
    stored = volumes.needs(pod, state.storage, state.pods)
    nodes = [node for node in state.nodes.values() if node.node is not None]
    enough = nodes_to_find(len(nodes))
    if enough < len(nodes):  # a random start, or the first nodes would get everything
        start = rng.randrange(len(nodes))
        nodes = nodes[start:] + nodes[:start]
    refusals: dict[str, Refusal] = {}
    feasible: list[NodeInfo] = []
    local: list[LocalScore] = []
    for node in nodes:
        answer = _local(pod.wishes, node, profile, answers)
        if isinstance(answer, LocalScore):
            refusal = (
                volumes.refuse(stored, node) or spread.refuse(rules, node) or neighbours.refuse(near, node)
            )
            if refusal is None:
                feasible.append(node)
                local.append(answer)
                if len(feasible) >= enough:
                    break
                continue
            answer = refusal
        refusals[node.name] = answer
    if not feasible:
        if stored.whole is not None and nodes:  # it is about the pod: the nodes are not counted
            reason = stored.whole.reasons[0]
            message = f"0/{len(nodes)} nodes are available: {reason}."
            return Unschedulable(refusals=dict.fromkeys(refusals, stored.whole), message=message)
        return Unschedulable(refusals=refusals, message=unschedulable_message(len(nodes), refusals.values()))
    return Bind(node=_best(pod, feasible, local, state, profile, rng))


def _best(
    pod: PodInfo,
    feasible: Sequence[NodeInfo],
    local: Sequence[LocalScore],
    state: ClusterState,
    profile: SchedulerProfile,
    rng: Random,
) -> str:
    if len(feasible) == 1:
        return feasible[0].name
    totals = total_scores(pod, feasible, local, state, profile)
    high = max(totals)
    best = [node.name for node, total in zip(feasible, totals, strict=True) if total == high]
    return best[0] if len(best) == 1 else rng.choice(best)


def total_scores(
    pod: PodInfo,
    feasible: Sequence[NodeInfo],
    local: Sequence[LocalScore],
    state: ClusterState,
    profile: SchedulerProfile,
) -> list[int]:
    """Weighted sums; a plugin that has nothing to compare is left out."""
    weights = profile.weights
    parts: list[tuple[int, list[int] | None]] = [
        (weights.taint_toleration, scores.normalised([one.intolerable for one in local], reverse=True)),
        (weights.node_affinity, scores.normalised([one.affinity for one in local])),
        (weights.node_resources_fit, [one.fit for one in local]),
        (weights.balanced_allocation, [one.balanced for one in local]),
        (weights.topology_spread, spread.scores(pod, feasible, state)),
        (
            weights.inter_pod_affinity,
            neighbours.scores(pod, feasible, state, profile.hard_pod_affinity_weight),
        ),
        (weights.image_locality, scores.image_locality(pod, feasible, state)),
    ]
    totals = [0] * len(feasible)
    for weight, part in parts:
        if part is not None:
            totals = [total + weight * score for total, score in zip(totals, part, strict=True)]
    return totals


def unschedulable_message(node_count: int, refusals: Iterable[Refusal]) -> str:
    """kube-scheduler's words: reasons with the number of nodes, in text order."""
    if not node_count:
        return "no nodes available to schedule pods"
    counts = Counter(reason for refusal in refusals for reason in refusal.reasons)
    listed = ", ".join(sorted(f"{count} {reason}" for reason, count in counts.items()))
    return f"0/{node_count} nodes are available: {listed}."
