"""A node as the scheduler reads it: what it has, what its pods took. Frozen; a change makes a new one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec

from kube.objects import NamespacedName, Node, Taint
from kube.scheduler import quantity
from kube.scheduler.pods import HostPort, PodInfo, Requests, image_name

UNSCHEDULABLE_TAINT = "node.kubernetes.io/unschedulable"


class NodeInfo(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """`node` is None while pods are known that are bound to a node we have not seen (yet)."""

    name: str
    node: Node | None
    labels: Mapping[str, str] = {}
    taints: tuple[Taint, ...] = ()
    unschedulable: bool = False
    allocatable: Mapping[str, int] = {}
    images: Mapping[str, int] = {}  # name with tag → bytes
    pods: Mapping[NamespacedName, PodInfo] = {}
    requested: Mapping[str, int] = {}
    score_requested: Mapping[str, int] = {}
    used_ports: frozenset[HostPort] = frozenset()


def _sum(totals: Mapping[str, int], requests: Requests, sign: int) -> dict[str, int]:
    changed = dict(totals)
    for name, amount in requests:
        changed[name] = changed.get(name, 0) + sign * amount
    return changed


def _images(node: Node) -> dict[str, int]:
    return {image_name(name): image.size_bytes for image in node.status.images for name in image.names}


def with_node(info: NodeInfo | None, node: Node) -> NodeInfo:
    """The same pods on the node as it is now."""
    before = info or NodeInfo(name=node.metadata.name, node=None)
    return msgspec.structs.replace(
        before,
        node=node,
        labels=node.metadata.labels,
        taints=node.spec.taints,
        unschedulable=node.spec.unschedulable,
        allocatable={
            name: quantity.amount(name, value)
            for name, value in (node.status.allocatable or node.status.capacity).items()
        },
        images=_images(node),
    )


def _ports(pods: Iterable[PodInfo]) -> frozenset[HostPort]:
    return frozenset(port for pod in pods for port in pod.wishes.host_ports)


def with_pod(info: NodeInfo, pod: PodInfo) -> NodeInfo:
    ports = pod.wishes.host_ports
    return msgspec.structs.replace(
        info,
        pods={**info.pods, pod.key: pod},
        requested=_sum(info.requested, pod.wishes.requests, 1),
        score_requested=_sum(info.score_requested, pod.wishes.score_requests, 1),
        used_ports=info.used_ports.union(ports) if ports else info.used_ports,
    )


def without_pod(info: NodeInfo, pod: PodInfo) -> NodeInfo:
    pods = {key: other for key, other in info.pods.items() if key != pod.key}
    return msgspec.structs.replace(
        info,
        pods=pods,
        requested=_sum(info.requested, pod.wishes.requests, -1),
        score_requested=_sum(info.score_requested, pod.wishes.score_requests, -1),
        used_ports=_ports(pods.values()) if pod.wishes.host_ports else info.used_ports,
    )
