"""InterPodAffinity: which pods want to be near which, or far from them, in both directions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Final, NamedTuple

from kube.scheduler import selectors
from kube.scheduler.filters import Refusal
from kube.scheduler.nodes import NodeInfo
from kube.scheduler.pods import NO_TERMS, LabelGroup, PodInfo, PodTerm
from kube.scheduler.selectors import Labels
from kube.scheduler.state import ClusterState, NodeCounts

Domain = tuple[str, str]  # topology key, value of that label

NO_AFFINITY: Final = Refusal(
    "InterPodAffinity", ("node(s) didn't match pod affinity rules",), preemptable=False
)
ANTI_AFFINITY: Final = Refusal(
    "InterPodAffinity", ("node(s) didn't match pod anti-affinity rules",), preemptable=True
)
THEIR_ANTI_AFFINITY: Final = Refusal(
    "InterPodAffinity", ("node(s) didn't satisfy existing pods anti-affinity rules",), preemptable=True
)


class Neighbourhood(NamedTuple):
    """What the pods that are already placed mean for one pod."""

    forbidden_by_them: frozenset[Domain] = frozenset()
    forbidden_by_us: frozenset[Domain] = frozenset()
    wanted_keys: tuple[str, ...] = ()
    wanted: frozenset[Domain] = frozenset()
    first_of_its_kind: bool = False  # nobody matches our affinity yet, but we do ourselves


NOWHERE_SPECIAL: Final = Neighbourhood()


@lru_cache(maxsize=8192)
def labels_of(group: LabelGroup) -> Labels:
    return dict(group[1])


def means(term: PodTerm, namespace: str, labels: Labels, namespaces: Mapping[str, Labels]) -> bool:
    """Whether a term speaks of a pod with these labels in this namespace."""
    if namespace not in term.namespaces and not (
        term.namespace_selector is not None
        and selectors.matches(term.namespace_selector, namespaces.get(namespace, {}))
    ):
        return False
    return selectors.matches(term.selector, labels)


def _placed(state: ClusterState) -> Iterator[tuple[LabelGroup, Mapping[str, int]]]:
    """All placed pods by labels; terminating ones are still neighbours."""
    counters: tuple[NodeCounts[LabelGroup], ...] = (state.running, state.terminating)
    for counter in counters:
        for group in counter:
            yield group, counter.of(group)


def _domains(state: ClusterState, key: str, nodes: Mapping[str, int]) -> Iterator[tuple[Domain, int]]:
    for name, count in nodes.items():
        value = state.nodes[name].labels.get(key)
        if value is not None:
            yield (key, value), count


def neighbourhood(pod: PodInfo, state: ClusterState) -> Neighbourhood:
    if not len(state.terms) and pod.terms is NO_TERMS:
        return NOWHERE_SPECIAL
    namespaces = state.namespaces
    theirs: set[Domain] = set()
    for key in state.terms:
        for term in key[1].anti_required:
            if means(term, pod.namespace, pod.labels, namespaces):
                theirs |= {domain for domain, _ in _domains(state, term.topology_key, state.terms.of(key))}
    ours: set[Domain] = set()
    wanted: set[Domain] = set()
    required, anti_required = pod.terms.required, pod.terms.anti_required
    for (namespace, label_set), nodes in _placed(state) if required or anti_required else ():
        labels = labels_of((namespace, label_set))
        for term in anti_required:
            if means(term, namespace, labels, namespaces):
                ours |= {domain for domain, _ in _domains(state, term.topology_key, nodes)}
        if required and all(means(term, namespace, labels, namespaces) for term in required):
            for term in required:
                wanted |= {domain for domain, _ in _domains(state, term.topology_key, nodes)}
    alone = not wanted and all(means(term, pod.namespace, pod.labels, namespaces) for term in required)
    return Neighbourhood(
        forbidden_by_them=frozenset(theirs),
        forbidden_by_us=frozenset(ours),
        wanted_keys=tuple(term.topology_key for term in required),
        wanted=frozenset(wanted),
        first_of_its_kind=bool(required) and alone,
    )


def refuse(near: Neighbourhood, node: NodeInfo) -> Refusal | None:
    if near is NOWHERE_SPECIAL:
        return None
    labels = node.labels
    if any(key not in labels for key in near.wanted_keys):
        return NO_AFFINITY
    if not near.first_of_its_kind and any((key, labels[key]) not in near.wanted for key in near.wanted_keys):
        return NO_AFFINITY
    if any(labels.get(key) == value for key, value in near.forbidden_by_us):
        return ANTI_AFFINITY
    if any(labels.get(key) == value for key, value in near.forbidden_by_them):
        return THEIR_ANTI_AFFINITY
    return None


def scores(
    pod: PodInfo, feasible: Sequence[NodeInfo], state: ClusterState, hard_weight: int
) -> list[int] | None:
    """0 to 100 for each feasible node; None when no preference is in play."""
    pull = _pull(pod, state, hard_weight)
    if not pull:
        return None
    keys = {key for key, _ in pull}
    raw = [sum(pull.get((key, node.labels.get(key, "")), 0) for key in keys) for node in feasible]
    low, high = min(raw), max(raw)
    if low == high:
        return [0] * len(raw)
    return [100 * (value - low) // (high - low) for value in raw]


def _pull(pod: PodInfo, state: ClusterState, hard_weight: int) -> dict[Domain, int]:
    pull: dict[Domain, int] = {}

    def add(key: str, nodes: Mapping[str, int], weight: int) -> None:
        for domain, count in _domains(state, key, nodes):
            pull[domain] = pull.get(domain, 0) + weight * count

    namespaces = state.namespaces
    ours = [(item.weight, item.term) for item in pod.terms.preferred]
    ours += [(-item.weight, item.term) for item in pod.terms.anti_preferred]
    for (namespace, label_set), nodes in _placed(state) if ours else ():
        labels = labels_of((namespace, label_set))
        for weight, term in ours:
            if means(term, namespace, labels, namespaces):
                add(term.topology_key, nodes, weight)
    for key in state.terms:
        terms = key[1]
        theirs = [(hard_weight, term) for term in terms.required]
        theirs += [(item.weight, item.term) for item in terms.preferred]
        theirs += [(-item.weight, item.term) for item in terms.anti_preferred]
        for weight, term in theirs:
            if weight and means(term, pod.namespace, pod.labels, namespaces):
                add(term.topology_key, state.terms.of(key), weight)
    return pull
