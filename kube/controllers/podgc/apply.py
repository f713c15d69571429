"""The pod garbage collector: one key, looked at when a node goes or a pod has none, and now and then."""

from __future__ import annotations

from typing import Literal

from kube.controllers.context import Context
from kube.controllers.podgc.plan import removals
from kube.objects import NamespacedName, Node, Pod
from kube.watch import WorkQueue

_ALL: Literal["pods"] = "pods"


class PodCollector:
    name = "pod-garbage-collector-controller"

    def __init__(self, context: Context) -> None:
        self._context = context
        self._nodes = context.mirror(Node)
        self._pods = context.mirror(Pod)
        self._lost_since: dict[str, float] = {}  # loop time
        self.queue: WorkQueue[str] = WorkQueue()
        self._nodes.subscribe(self._on_node)
        self._pods.subscribe(self._on_pod)
        self.queue.add(_ALL)

    def _on_node(self, key: NamespacedName, old: Node | None, new: Node | None) -> None:
        if new is None:
            self.queue.add(_ALL)

    def _on_pod(self, key: NamespacedName, old: Pod | None, new: Pod | None) -> None:
        if new is not None and new.metadata.deletion_timestamp is not None and not new.spec.node_name:
            self.queue.add(_ALL)

    async def reconcile(self, key: str) -> None:
        context = self._context
        options, now = context.options, context.now()
        bound = {pod.spec.node_name for pod in self._pods.objects.values() if pod.spec.node_name}
        lost = {name for name in bound if self._nodes.get("", name) is None}
        self._lost_since = {name: self._lost_since.get(name, now) for name in lost}
        pods = list(self._pods.objects.values())
        quarantine_s = options.orphaned_pod_quarantine_s
        for removal in removals(pods, self._lost_since, now, quarantine_s, options.terminated_pods_kept):
            if removal.message:
                wall = context.wall_clock()
                await context.write.disrupt(removal.pod, "DeletionByPodGC", removal.message, wall)
            await context.write.delete(removal.pod, grace_period_s=0)
        self.queue.add_after(key, quarantine_s if lost else options.orphaned_pod_period_s)
