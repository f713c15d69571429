"""A pod as the scheduler reads it: parsed once, hashable where decisions are cached."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple, TypeAlias

import msgspec

from kube.objects import (
    Container,
    NamespacedName,
    NodeSelectorTerm,
    Pod,
    PodAffinity,
    PodAffinityTerm,
    Toleration,
    key_of,
)
from kube.scheduler import quantity
from kube.scheduler.selectors import (
    NodeTerm,
    Requirement,
    Selector,
    equality,
    label_selector,
    node_term,
    requirement,
)

# What a container without requests is taken to need when nodes are compared (not when they are filtered).
ASSUMED_CPU_M = 100
ASSUMED_MEMORY_BYTES = 200 << 20

Requests: TypeAlias = tuple[tuple[str, int], ...]  # sorted by resource; cpu in thousandths
LabelGroup: TypeAlias = tuple[str, frozenset[tuple[str, str]]]  # namespace and labels
HostPort: TypeAlias = tuple[str, str, int]  # address, protocol, port


class PodTerm(NamedTuple):
    """Pods meant by an affinity term. `namespace_selector` None: only `namespaces`."""

    topology_key: str
    selector: Selector | None
    namespaces: frozenset[str]
    namespace_selector: Selector | None


class WeightedTerm(NamedTuple):
    weight: int
    term: PodTerm


class AffinityTerms(NamedTuple):
    """Everything a pod says about its neighbours."""

    required: tuple[PodTerm, ...] = ()
    anti_required: tuple[PodTerm, ...] = ()
    preferred: tuple[WeightedTerm, ...] = ()
    anti_preferred: tuple[WeightedTerm, ...] = ()


NO_TERMS = AffinityTerms()


class Spread(NamedTuple):
    """One topology spread constraint."""

    topology_key: str
    max_skew: int
    selector: Selector | None
    hard: bool
    min_domains: int = 1
    honor_affinity: bool = True
    honor_taints: bool = False


class Tolerated(NamedTuple):
    """One toleration. `key` "" with Exists tolerates every key, `effect` "" every effect."""

    key: str
    operator: str
    value: str
    effect: str


class NodeWishes(NamedTuple):
    """What a pod asks of a node alone; equal wishes get equal answers, so answers are cached by it."""

    requests: Requests
    score_requests: Requests
    tolerations: tuple[Tolerated, ...]
    node_selector: Selector
    required_terms: tuple[NodeTerm, ...] | None
    preferred_terms: tuple[tuple[int, NodeTerm], ...]
    host_ports: tuple[HostPort, ...]
    node_name: str


class PodInfo(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    key: NamespacedName
    uid: str
    pod: Pod
    priority: int
    node_name: str
    group: LabelGroup
    wishes: NodeWishes
    terms: AffinityTerms
    spread: tuple[Spread, ...]
    images: tuple[str, ...]
    container_count: int

    @property
    def labels(self) -> Mapping[str, str]:
        return self.pod.metadata.labels

    @property
    def namespace(self) -> str:
        return self.key.namespace

    @property
    def terminating(self) -> bool:
        return self.pod.metadata.deletion_timestamp is not None


def _container_requests(container: Container) -> dict[str, int]:
    return {name: quantity.amount(name, value) for name, value in container.resources.requests.items()}


def _with_assumed(requests: dict[str, int]) -> dict[str, int]:
    return {
        **requests,
        "cpu": requests.get("cpu", ASSUMED_CPU_M),
        "memory": requests.get("memory", ASSUMED_MEMORY_BYTES),
    }


def _add(left: Mapping[str, int], right: Mapping[str, int]) -> dict[str, int]:
    return {name: left.get(name, 0) + right.get(name, 0) for name in left.keys() | right.keys()}


def _most(left: Mapping[str, int], right: Mapping[str, int]) -> dict[str, int]:
    return {name: max(left.get(name, 0), right.get(name, 0)) for name in left.keys() | right.keys()}


def pod_requests(pod: Pod, *, assumed: bool = False) -> Requests:
    """max(containers and sidecars together, each init container beside the sidecars started before it) + overhead
    (KEP-753). `assumed` fills in what a container did not say, for scoring.
    """

    def of(container: Container) -> dict[str, int]:
        requests = _container_requests(container)
        return _with_assumed(requests) if assumed else requests

    total: dict[str, int] = {}
    for container in pod.spec.containers:
        total = _add(total, of(container))
    sidecars: dict[str, int] = {}
    peak: dict[str, int] = {}
    for container in pod.spec.init_containers:
        if container.restart_policy == "Always":
            sidecars = _add(sidecars, of(container))
            peak = _most(peak, sidecars)
        else:
            peak = _most(peak, _add(of(container), sidecars))
    overhead = {name: quantity.amount(name, value) for name, value in pod.spec.overhead.items()}
    needed = _add(_most(_add(total, sidecars), peak), overhead)
    return tuple(sorted((name, amount) for name, amount in needed.items() if amount))


def _tolerated(toleration: Toleration) -> Tolerated:
    return Tolerated(toleration.key, toleration.operator, toleration.value, toleration.effect)


def _host_ports(pod: Pod) -> Iterator[HostPort]:
    sidecars = (c for c in pod.spec.init_containers if c.restart_policy == "Always")
    for container in (*pod.spec.containers, *sidecars):
        for port in container.ports:
            if port.host_port:
                yield (port.host_ip or "0.0.0.0", port.protocol, port.host_port)


def _label_keys(pod: Pod, keys: Iterable[str], operator: str) -> list[Requirement]:
    labels = pod.metadata.labels
    return [requirement(key, operator, (labels[key],)) for key in keys if key in labels]


def _extended(selector: Selector | None, more: list[Requirement]) -> Selector | None:
    """The selector with matchLabelKeys; the API server may have put them there already."""
    if selector is None or not more:
        return selector
    return tuple(sorted({*selector, *more}))


def _pod_term(pod: Pod, term: PodAffinityTerm) -> PodTerm:
    own = not term.namespaces and term.namespace_selector is None
    keys = [
        *_label_keys(pod, term.match_label_keys, "In"),
        *_label_keys(pod, term.mismatch_label_keys, "NotIn"),
    ]
    return PodTerm(
        topology_key=term.topology_key,
        selector=_extended(label_selector(term.label_selector), keys),
        namespaces=frozenset({pod.metadata.namespace} if own else term.namespaces),
        namespace_selector=label_selector(term.namespace_selector),
    )


def _sides(pod: Pod, affinity: PodAffinity | None) -> tuple[tuple[PodTerm, ...], tuple[WeightedTerm, ...]]:
    if affinity is None:
        return (), ()
    required = affinity.required_during_scheduling_ignored_during_execution
    preferred = affinity.preferred_during_scheduling_ignored_during_execution
    return (
        tuple(_pod_term(pod, term) for term in required),
        tuple(WeightedTerm(item.weight, _pod_term(pod, item.pod_affinity_term)) for item in preferred),
    )


def _affinity_terms(pod: Pod) -> AffinityTerms:
    affinity = pod.spec.affinity
    if affinity is None or (affinity.pod_affinity is None and affinity.pod_anti_affinity is None):
        return NO_TERMS
    required, preferred = _sides(pod, affinity.pod_affinity)
    anti_required, anti_preferred = _sides(pod, affinity.pod_anti_affinity)
    return AffinityTerms(required, anti_required, preferred, anti_preferred)


def _spread(pod: Pod) -> Iterator[Spread]:
    for constraint in pod.spec.topology_spread_constraints:
        keys = _label_keys(pod, constraint.match_label_keys, "In")
        yield Spread(
            topology_key=constraint.topology_key,
            max_skew=constraint.max_skew,
            selector=_extended(label_selector(constraint.label_selector), keys),
            hard=constraint.when_unsatisfiable == "DoNotSchedule",
            min_domains=constraint.min_domains or 1,
            honor_affinity=constraint.node_affinity_policy == "Honor",
            honor_taints=constraint.node_taints_policy == "Honor",
        )


def _wishes(pod: Pod) -> NodeWishes:
    affinity = pod.spec.affinity.node_affinity if pod.spec.affinity else None
    required = affinity.required_during_scheduling_ignored_during_execution if affinity else None
    preferred = affinity.preferred_during_scheduling_ignored_during_execution if affinity else ()

    def terms(listed: Iterable[NodeSelectorTerm]) -> tuple[NodeTerm, ...]:
        return tuple(node_term(term) for term in listed)

    return NodeWishes(
        requests=pod_requests(pod),
        score_requests=pod_requests(pod, assumed=True),
        tolerations=tuple(_tolerated(item) for item in pod.spec.tolerations),
        node_selector=equality(pod.spec.node_selector),
        required_terms=terms(required.node_selector_terms) if required else None,
        preferred_terms=tuple((item.weight, node_term(item.preference)) for item in preferred),
        host_ports=tuple(sorted(_host_ports(pod))),
        node_name=pod.spec.node_name,
    )


def image_name(image: str) -> str:
    """With the tag that a pull without one would get."""
    return image if "@" in image or ":" in image.rsplit("/", 1)[-1] else f"{image}:latest"


def pod_info(pod: Pod) -> PodInfo:
    containers = (*pod.spec.init_containers, *pod.spec.containers)
    return PodInfo(
        key=key_of(pod),
        uid=pod.metadata.uid,
        pod=pod,
        priority=pod.spec.priority or 0,
        node_name=pod.spec.node_name,
        group=(pod.metadata.namespace, frozenset(pod.metadata.labels.items())),
        wishes=_wishes(pod),
        terms=_affinity_terms(pod),
        spread=tuple(_spread(pod)),
        images=tuple(image_name(container.image) for container in containers),
        container_count=len(containers),
    )
