"""What one node alone must offer a pod. Each filter says nothing, or why the node will not do.

A reason that other pods' leaving could remove is `Preemptable`; the others are final for this node.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final, NamedTuple, TypeAlias

from kube.objects import Taint
from kube.scheduler import selectors
from kube.scheduler.nodes import UNSCHEDULABLE_TAINT, NodeInfo
from kube.scheduler.pods import HostPort, NodeWishes, Tolerated


class Refusal(NamedTuple):
    """Why a node was refused: the plugin, what users read (one text per shortage), and if preemption may help."""

    plugin: str
    reasons: tuple[str, ...]
    preemptable: bool


NodeFilter: TypeAlias = Callable[[NodeWishes, NodeInfo], Refusal | None]

HARD_EFFECTS: Final = frozenset({"NoSchedule", "NoExecute"})


def tolerates(toleration: Tolerated, taint: Taint) -> bool:
    if toleration.effect and toleration.effect != taint.effect:
        return False
    if toleration.key and toleration.key != taint.key:
        return False
    match toleration.operator:
        case "Exists":
            return True
        case "Equal" | "":
            return bool(toleration.key) and toleration.value == taint.value
        case _:
            return False


def untolerated(taints: Iterable[Taint], tolerations: tuple[Tolerated, ...]) -> Taint | None:
    """The first taint that keeps the pod away."""
    for taint in taints:
        if taint.effect in HARD_EFFECTS and not any(tolerates(one, taint) for one in tolerations):
            return taint
    return None


_CORDON = Taint(key=UNSCHEDULABLE_TAINT, effect="NoSchedule")


def node_unschedulable(wishes: NodeWishes, node: NodeInfo) -> Refusal | None:
    if not node.unschedulable or any(tolerates(one, _CORDON) for one in wishes.tolerations):
        return None
    return Refusal("NodeUnschedulable", ("node(s) were unschedulable",), preemptable=False)


def node_name(wishes: NodeWishes, node: NodeInfo) -> Refusal | None:
    if wishes.node_name in ("", node.name):
        return None
    return Refusal("NodeName", ("node(s) didn't match the requested node name",), preemptable=False)


def taint_toleration(wishes: NodeWishes, node: NodeInfo) -> Refusal | None:
    if untolerated(node.taints, wishes.tolerations) is None:
        return None
    return Refusal("TaintToleration", ("node(s) had untolerated taint(s)",), preemptable=False)


def matches_node(wishes: NodeWishes, node: NodeInfo) -> bool:
    """NodeSelector and required node affinity together."""
    if not selectors.matches(wishes.node_selector, node.labels):
        return False
    if wishes.required_terms is None:
        return True
    return any(selectors.node_matches(term, node.name, node.labels) for term in wishes.required_terms)


def node_affinity(wishes: NodeWishes, node: NodeInfo) -> Refusal | None:
    if matches_node(wishes, node):
        return None
    return Refusal("NodeAffinity", ("node(s) didn't match Pod's node affinity/selector",), preemptable=False)


def _ports_meet(one: HostPort, other: HostPort) -> bool:
    """The unspecified address takes the port on every address."""
    if one[1:] != other[1:]:
        return False
    return one[0] == other[0] or "0.0.0.0" in (one[0], other[0])


def node_ports(wishes: NodeWishes, node: NodeInfo) -> Refusal | None:
    if not wishes.host_ports or not node.used_ports:
        return None
    if any(_ports_meet(port, used) for port in wishes.host_ports for used in node.used_ports):
        reason = "node(s) didn't have free ports for the requested pod ports"
        return Refusal("NodePorts", (reason,), preemptable=True)
    return None


def resources_fit(wishes: NodeWishes, node: NodeInfo) -> Refusal | None:
    """Pods count first; then each resource. A request above what the node has at all cannot be helped by preemption."""
    reasons: list[str] = []
    preemptable = True
    if len(node.pods) + 1 > node.allocatable.get("pods", 0):
        reasons.append("Too many pods")
    for name, amount in wishes.requests:
        capacity = node.allocatable.get(name, 0)
        if amount > capacity - node.requested.get(name, 0):
            reasons.append(f"Insufficient {name}")
            preemptable = preemptable and amount <= capacity
    return Refusal("NodeResourcesFit", tuple(reasons), preemptable) if reasons else None


# In kube-scheduler's order: the first refusal is what users read.
NODE_FILTERS: Final[tuple[NodeFilter, ...]] = (
    node_unschedulable,
    node_name,
    taint_toleration,
    node_affinity,
    node_ports,
    resources_fit,
)


def refuse(wishes: NodeWishes, node: NodeInfo) -> Refusal | None:
    for node_filter in NODE_FILTERS:
        refusal = node_filter(wishes, node)
        if refusal is not None:
            return refusal
    return None
