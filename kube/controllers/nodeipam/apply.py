"""The node range controller: gives each node spec.podCIDR and spec.podCIDRs once."""

from __future__ import annotations

from kube.controllers.context import Context
from kube.controllers.nodeipam.plan import RangePool, free_index, pools, taken_indexes
from kube.objects import NamespacedName, Node
from kube.watch import WorkQueue


class NodeRanges:
    """Keyed by node name. What is taken is read from the nodes themselves, so a restart forgets nothing."""

    name = "node-ipam-controller"

    def __init__(self, context: Context) -> None:
        options = context.options
        self._context = context
        self._nodes = context.mirror(Node)
        self._pools = pools(
            options.cluster_cidrs, options.node_cidr_mask_size_ipv4, options.node_cidr_mask_size_ipv6
        )
        self._cursors = [0 for _ in self._pools]
        self._promised: dict[str, tuple[str, ...]] = {}  # being written
        self.queue: WorkQueue[str] = WorkQueue()
        if self._pools:
            self._nodes.subscribe(self._on_node)

    def _on_node(self, key: NamespacedName, old: Node | None, new: Node | None) -> None:
        if new is not None and not new.spec.pod_cidrs:
            self.queue.add(key.name)

    async def reconcile(self, key: str) -> None:
        node = self._nodes.get("", key)
        if node is None or node.spec.pod_cidrs or node.metadata.deletion_timestamp is not None:
            return
        if node.spec.pod_cidr:  # set by somebody who knows only the first family
            ranges: tuple[str, ...] | None = (node.spec.pod_cidr,)
        else:
            ranges = self._choose()
        if ranges is None:
            message = f"Node {key} status is now: CIDRNotAvailable"
            self._context.tell(self.name, node, "Normal", "CIDRNotAvailable", message)
            self.queue.add_after(key, 10.0)
            return
        self._promised[key] = ranges
        try:
            body = {
                "metadata": {"uid": node.metadata.uid},
                "spec": {"podCIDR": ranges[0], "podCIDRs": list(ranges)},
            }
            await self._context.write.patch(node, body)
        finally:
            del self._promised[key]

    def _choose(self) -> tuple[str, ...] | None:
        """A free range of each family. Nothing waits in here, so two nodes never get the same."""
        given = [cidr for node in self._nodes.objects.values() for cidr in _ranges_of(node)]
        given += [cidr for ranges in self._promised.values() for cidr in ranges]
        indexes = [self._free(number, pool, given) for number, pool in enumerate(self._pools)]
        if None in indexes:
            return None
        found = []
        for number, (pool, index) in enumerate(zip(self._pools, indexes, strict=True)):
            if index is not None:
                self._cursors[number] = index + 1
                found.append(str(pool.at(index)))
        return tuple(found)

    def _free(self, number: int, pool: RangePool, given: list[str]) -> int | None:
        return free_index(pool, taken_indexes(pool, given), self._cursors[number])


def _ranges_of(node: Node) -> tuple[str, ...]:
    return node.spec.pod_cidrs or ((node.spec.pod_cidr,) if node.spec.pod_cidr else ())
