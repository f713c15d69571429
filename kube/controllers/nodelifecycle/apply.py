"""The node lifecycle controller, and the one that evicts pods from tainted nodes."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec

from kube.client import Conflict, NotFound, PatchKind
from kube.controllers.apply import all_at_once
from kube.controllers.clock import timestamp
from kube.controllers.context import Context
from kube.controllers.nodelifecycle import eviction, plan
from kube.controllers.pods import condition, is_ready
from kube.objects import Lease, NamespacedName, Node, Pod, Taint, key_of
from kube.watch import WorkQueue

LEASES = "kube-node-lease"
BY_NODE = "node"


class NodeLifecycle:
    """Keyed by node name. A node is heard when its Lease or its reported conditions change."""

    name = "node-controller"

    def __init__(self, context: Context) -> None:
        self._context = context
        self._nodes = context.mirror(Node)
        self._leases = context.mirror(Lease)
        self._pods = context.mirror(Pod)
        self._pods.add_index(BY_NODE, lambda pod: (pod.spec.node_name,))
        self._heard_at: dict[str, float] = {}  # loop time
        self._pulse_s = context.options.node_monitor_grace_s / 20
        self._pulse_due_at = float("inf")
        self._was_ready: dict[str, bool] = {}
        self._next_eviction_at: dict[str, float] = {}  # by zone, loop time
        self.queue: WorkQueue[str] = WorkQueue()
        self._nodes.subscribe(self._on_node)
        self._leases.subscribe(self._on_lease)

    def _on_node(self, key: NamespacedName, old: Node | None, new: Node | None) -> None:
        if new is None:
            self._heard_at.pop(key.name, None)
            self._was_ready.pop(key.name, None)
            return
        if old is None or _reported(new) - _reported(old):
            self._heard_at[key.name] = self._context.now()
        self.queue.add(key.name)

    def _on_lease(self, key: NamespacedName, old: Lease | None, new: Lease | None) -> None:
        if key.namespace != LEASES or new is None or key.name not in self._heard_at:
            return
        if old is None or old.spec.renew_time != new.spec.renew_time:
            self._heard_at[key.name] = self._context.now()

    async def run(self) -> None:
        """Time in which we did not run ourselves is no node's silence: on a machine short of CPU, or after a pause,
        signs of life wait unread.
        """
        while True:
            self._pulse_due_at = self._context.now() + self._pulse_s
            await asyncio.sleep(self._pulse_s)
            late_s = self._context.now() - self._pulse_due_at
            if late_s > self._pulse_s:
                self._heard_at = {name: at + late_s for name, at in self._heard_at.items()}

    async def reconcile(self, key: str) -> None:
        node = self._nodes.get("", key)
        if node is None:
            return
        context = self._context
        if context.now() > self._pulse_due_at + self._pulse_s:  # we are late: first let it be counted
            self.queue.add_after(key, self._pulse_s)
            return
        heard_at = self._heard_at.setdefault(key, context.now())
        left_s = heard_at + plan.silence_allowed_s(node, context.options) - context.now()
        if left_s <= 0:
            conditions = plan.silenced(node, context.wall_clock())
            if conditions is not None:
                node = await context.write.patch_status(node, {"conditions": _builtins(conditions)})
        else:
            self.queue.add_after(key, left_s)
        await self._taint(node)
        await self._tell_pods(node)

    async def _taint(self, node: Node) -> None:
        may_evict = plan.wants_eviction(node) and self._take_eviction(node)
        taints = plan.taints(node, self._context.wall_clock(), may_evict=may_evict)
        if taints is None:
            return
        body = {
            "metadata": {"uid": node.metadata.uid, "resourceVersion": node.metadata.resource_version},
            "spec": {"taints": _builtins(taints) or None},
        }
        await self._context.write.patch(node, body)

    def _take_eviction(self, node: Node) -> bool:
        """One of the zone's ration; if there is none left, come again when there is."""
        now, zone = self._context.now(), plan.zone_of(node)
        options = self._context.options
        rate = plan.eviction_rate(self._nodes.objects.values(), zone, options)
        if not rate:
            self.queue.add_after(node.metadata.name, options.node_monitor_period_s)
            return False
        wait_s = self._next_eviction_at.get(zone, now) - now
        if wait_s > 0:
            self.queue.add_after(node.metadata.name, wait_s)
            return False
        self._next_eviction_at[zone] = now + 1 / rate
        return True

    async def _tell_pods(self, node: Node) -> None:
        """Pods on a silent node are not ready. A node that says itself that it is not ready is believed once."""
        name, status = node.metadata.name, plan.ready_status(node)
        was_ready = self._was_ready.get(name, False)
        self._was_ready[name] = status == "True"
        if status == "True" or (status == "False" and not was_ready):
            return
        if was_ready:
            message = f"Node {name} status is now: NodeNotReady"
            self._context.tell(self.name, node, "Normal", "NodeNotReady", message)
        ready = [pod for pod in self._pods.by(BY_NODE, name) if is_ready(pod)]
        failures = await all_at_once(self._mark_not_ready(pod) for pod in ready)
        for failure in failures:
            if not isinstance(failure, NotFound | Conflict):
                self._was_ready[name] = was_ready
                raise failure

    async def _mark_not_ready(self, pod: Pod) -> None:
        known = condition(pod.status.conditions, "Ready")
        made = {
            "type": "Ready",
            "status": "False",
            "reason": "NodeNotReady",
            "lastProbeTime": known.last_probe_time if known else None,
            "lastTransitionTime": timestamp(self._context.wall_clock()),
        }
        await self._context.write.patch(
            pod, {"status": {"conditions": [made]}}, subresource="status", kind=PatchKind.STRATEGIC
        )
        self._context.tell(self.name, pod, "Warning", "NodeNotReady", "Node is not ready")


def _reported(node: Node) -> set[tuple[str, str, str | None]]:
    """What the node itself writes: our own verdict must not count as a sign of life."""
    return {
        (one.type, one.status, one.last_heartbeat_time)
        for one in node.status.conditions
        if one.status != "Unknown"
    }


def _builtins(values: Any) -> Any:
    return msgspec.to_builtins(values)


class TaintEviction:
    """Keyed by pod."""

    name = "taint-eviction-controller"

    def __init__(self, context: Context) -> None:
        self._context = context
        self._nodes = context.mirror(Node)
        self._pods = context.mirror(Pod)
        self._pods.add_index(BY_NODE, lambda pod: (pod.spec.node_name,))
        self.queue: WorkQueue[NamespacedName] = WorkQueue()
        self._nodes.subscribe(self._on_node)
        self._pods.subscribe(self._on_pod)

    def _on_node(self, key: NamespacedName, old: Node | None, new: Node | None) -> None:
        if new is None or (old is not None and old.spec.taints == new.spec.taints):
            return
        if _evicting(new):
            for pod in self._pods.by(BY_NODE, key.name):
                self.queue.add(key_of(pod))

    def _on_pod(self, key: NamespacedName, old: Pod | None, new: Pod | None) -> None:
        if new is None or not new.spec.node_name:
            return
        if old is not None and old.spec == new.spec:
            return
        node = self._nodes.get("", new.spec.node_name)
        if node is not None and _evicting(node):
            self.queue.add(key)

    async def reconcile(self, key: NamespacedName) -> None:
        pod = self._pods.objects.get(key)
        node = self._nodes.get("", pod.spec.node_name) if pod is not None else None
        if pod is None or node is None or pod.metadata.deletion_timestamp is not None:
            return
        context = self._context
        now = context.wall_clock()
        at = eviction.leaves_at(pod, node.spec.taints, now, context.options.node_toleration_limit_s)
        if at is None:
            return
        if at > now:
            self.queue.add_after(key, at - now)
            return
        message = f"Marking for deletion Pod {key}"
        context.tell(self.name, pod, "Normal", "TaintManagerEviction", message)
        message = "Taint manager: deleting due to NoExecute taint"
        await context.write.disrupt(pod, "DeletionByTaintManager", message, now)
        await context.write.delete(pod)


def _evicting(node: Node) -> tuple[Taint, ...]:
    return tuple(taint for taint in node.spec.taints if taint.effect == "NoExecute")
