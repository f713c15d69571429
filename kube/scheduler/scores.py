"""How good a node is for a pod, 0 to 100 a plugin; the parts that only look at one node."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from kube.scheduler import selectors
from kube.scheduler.filters import tolerates
from kube.scheduler.nodes import NodeInfo
from kube.scheduler.pods import NodeWishes, PodInfo
from kube.scheduler.profile import SchedulerProfile
from kube.scheduler.state import ClusterState

MIB: Final = 1 << 20
IMAGE_MIN_BYTES: Final = 23 * MIB
IMAGE_MAX_BYTES_PER_CONTAINER: Final = 1000 * MIB


class LocalScore(NamedTuple):
    """`fit` and `balanced` are final; the others still count things and are compared between nodes."""

    intolerable: int  # PreferNoSchedule taints the pod does not tolerate
    affinity: int  # sum of the weights of matching preferred terms
    fit: int
    balanced: int


def local_score(wishes: NodeWishes, node: NodeInfo, profile: SchedulerProfile) -> LocalScore:
    return LocalScore(
        intolerable=sum(
            1
            for taint in node.taints
            if taint.effect == "PreferNoSchedule"
            and not any(tolerates(one, taint) for one in wishes.tolerations)
        ),
        affinity=sum(
            weight
            for weight, term in wishes.preferred_terms
            if selectors.node_matches(term, node.name, node.labels)
        ),
        fit=_fit(wishes, node, profile),
        balanced=_balanced(wishes, node),
    )


def _fit(wishes: NodeWishes, node: NodeInfo, profile: SchedulerProfile) -> int:
    total = weights = 0
    wanted = dict(wishes.score_requests)
    for name, weight in profile.fit_resources:
        capacity = node.allocatable.get(name, 0)
        if not capacity:
            continue
        used = node.score_requested.get(name, 0) + wanted.get(name, 0)
        if used > capacity:
            part = 0 if profile.fit_strategy == "LeastAllocated" else 100
        elif profile.fit_strategy == "LeastAllocated":
            part = (capacity - used) * 100 // capacity
        else:
            part = used * 100 // capacity
        total += part * weight
        weights += weight
    return total // weights if weights else 0


def _evenness(node: NodeInfo, more: dict[str, int]) -> int:
    """100 when cpu and memory are used to the same part, 50 when one is full and the other empty."""
    parts = [
        min(1.0, (node.requested.get(name, 0) + more.get(name, 0)) / node.allocatable[name])
        for name in ("cpu", "memory")
        if node.allocatable.get(name)
    ]
    deviation = abs(parts[0] - parts[1]) / 2 if len(parts) == 2 else 0.0
    return int(100 * (1 - deviation))


def _balanced(wishes: NodeWishes, node: NodeInfo) -> int:
    """Better when the pod makes the node more even. Pods without requests change nothing and are not compared."""
    if not wishes.requests:
        return 0
    change = _evenness(node, dict(wishes.requests)) - _evenness(node, {})
    return 50 + (50 + change) // 2


def normalised(raw: Sequence[int], *, reverse: bool = False) -> list[int]:
    """Scaled so that the highest is 100; `reverse`: so that the highest is 0."""
    high = max(raw, default=0)
    if high == 0:
        return [100 if reverse else 0] * len(raw)
    scaled = [100 * value // high for value in raw]
    return [100 - value for value in scaled] if reverse else scaled


def image_locality(pod: PodInfo, feasible: Sequence[NodeInfo], state: ClusterState) -> list[int] | None:
    """Nodes that hold more of the pod's images; widespread images count more, so that one node is not flooded."""
    if not any(name in state.image_nodes for name in pod.images):
        return None
    node_count = max(1, len(state.nodes))
    high = IMAGE_MAX_BYTES_PER_CONTAINER * max(1, pod.container_count)

    def score(node: NodeInfo) -> int:
        held = sum(
            node.images[name] * state.image_nodes.get(name, 0) // node_count
            for name in pod.images
            if name in node.images
        )
        bounded = min(max(held, IMAGE_MIN_BYTES), high)
        return 100 * (bounded - IMAGE_MIN_BYTES) // (high - IMAGE_MIN_BYTES)

    return [score(node) for node in feasible]
