"""The cluster as indexes that the decision needs, kept by small steps: a change costs what it touches.

`ClusterState` is the one mutable value of the scheduler; its parts (NodeInfo, PodInfo) are frozen. A decision only
reads it; a hypothesis (preemption) works on a `fork`.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping
from typing import Generic, TypeVar

from kube.objects import NamespacedName, Node
from kube.scheduler.nodes import NodeInfo, with_node, with_pod, without_pod
from kube.scheduler.pods import NO_TERMS, AffinityTerms, LabelGroup, PodInfo
from kube.scheduler.selectors import Labels, Selector
from kube.scheduler.volumes import Storage

K = TypeVar("K", bound=Hashable)


class NodeCounts(Generic[K]):
    """How many pods of each group a node has; copy-on-write so that a fork is cheap."""

    def __init__(self, groups: dict[K, dict[str, int]] | None = None) -> None:
        self._groups = groups if groups is not None else {}
        self._shared: set[K] = set()

    def __iter__(self) -> Iterator[K]:
        return iter(self._groups)

    def __len__(self) -> int:
        return len(self._groups)

    def of(self, group: K) -> Mapping[str, int]:
        return self._groups[group]

    def add(self, group: K, node: str, amount: int) -> None:
        nodes = self._groups.get(group)
        if nodes is None:
            nodes = self._groups[group] = {}
        elif group in self._shared:
            nodes = self._groups[group] = dict(nodes)
            self._shared.discard(group)
        count = nodes.get(node, 0) + amount
        if count:
            nodes[node] = count
        else:
            nodes.pop(node, None)
            if not nodes:
                del self._groups[group]

    def fork(self) -> NodeCounts[K]:
        other = NodeCounts[K](dict(self._groups))
        other._shared = set(self._groups)
        self._shared |= set(self._groups)
        return other


def _matters(before: Node, after: Node) -> bool:
    """Whether a decision could differ: heartbeats change a node every few seconds, and must not empty the memo."""
    return (
        before.metadata.labels != after.metadata.labels
        or before.spec != after.spec
        or before.status.allocatable != after.status.allocatable
        or before.status.capacity != after.status.capacity
        or before.status.images != after.status.images
    )


class ClusterState:
    """All nodes with their pods, and pods counted by labels and by affinity terms."""

    def __init__(self) -> None:
        self.nodes: dict[str, NodeInfo] = {}
        self.namespaces: dict[str, Labels] = {}
        self.running: NodeCounts[LabelGroup] = NodeCounts()  # by labels, without terminating pods
        self.terminating: NodeCounts[LabelGroup] = NodeCounts()
        self.terms: NodeCounts[tuple[str, AffinityTerms]] = NodeCounts()  # by namespace and terms
        self.pods: dict[NamespacedName, PodInfo] = {}
        self.image_nodes: dict[str, int] = {}  # image name → number of nodes that have it
        self.services: dict[str, dict[str, Labels]] = {}  # namespace → service → its selector
        self.storage = Storage()
        self.owner_selectors: dict[str, Selector] = {}  # uid of a ReplicaSet, … → its selector

    def fork(self) -> ClusterState:
        other = ClusterState()
        other.nodes = dict(self.nodes)
        other.namespaces = self.namespaces
        other.running = self.running.fork()
        other.terminating = self.terminating.fork()
        other.terms = self.terms.fork()
        other.pods = dict(self.pods)
        other.image_nodes = self.image_nodes
        other.services = self.services
        other.owner_selectors = self.owner_selectors
        other.storage = self.storage
        return other

    def set_node(self, node: Node) -> None:
        name = node.metadata.name
        before = self.nodes.get(name)
        if before is not None and before.node is not None and not _matters(before.node, node):
            return
        after = with_node(before, node)
        self.nodes[name] = after
        self._count_images(before, -1)
        self._count_images(after, 1)

    def remove_node(self, name: str) -> None:
        """Pods still bound to the node are kept: they go when the API says so."""
        info = self.nodes.get(name)
        if info is None:
            return
        self._count_images(info, -1)
        if info.pods:
            self.nodes[name] = NodeInfo(
                name=name,
                node=None,
                pods=info.pods,
                requested=info.requested,
                score_requested=info.score_requested,
                used_ports=info.used_ports,
            )
        else:
            del self.nodes[name]

    def _count_images(self, info: NodeInfo | None, amount: int) -> None:
        for image in info.images if info else ():
            count = self.image_nodes.get(image, 0) + amount
            if count:
                self.image_nodes[image] = count
            else:
                self.image_nodes.pop(image, None)

    def set_pod(self, pod: PodInfo) -> None:
        """Puts a pod that has a node there, instead of what was known under its name."""
        before = self.pods.get(pod.key)
        if before is pod:
            return
        if before is not None:
            self.remove_pod(pod.key)
        info = self.nodes.get(pod.node_name) or NodeInfo(name=pod.node_name, node=None)
        self.nodes[pod.node_name] = with_pod(info, pod)
        self.pods[pod.key] = pod
        self._count_pod(pod, 1)

    def remove_pod(self, key: NamespacedName) -> None:
        pod = self.pods.pop(key, None)
        if pod is None:
            return
        info = without_pod(self.nodes[pod.node_name], pod)
        if info.node is None and not info.pods:
            del self.nodes[pod.node_name]
        else:
            self.nodes[pod.node_name] = info
        self._count_pod(pod, -1)

    def _count_pod(self, pod: PodInfo, amount: int) -> None:
        counts = self.terminating if pod.terminating else self.running
        counts.add(pod.group, pod.node_name, amount)
        if pod.terms is not NO_TERMS:
            self.terms.add((pod.namespace, pod.terms), pod.node_name, amount)
