"""The ServiceCIDR controller."""

from __future__ import annotations

from kube.client import Conflict, NotFound
from kube.controllers.clock import timestamp
from kube.controllers.context import Context
from kube.controllers.servicecidr import plan
from kube.objects import IPAddress, NamespacedName, ServiceCIDR
from kube.watch import WorkQueue


class ServiceCIDRs:
    name = "service-cidr-controller"

    def __init__(self, context: Context) -> None:
        self._context = context
        self._ranges = context.mirror(ServiceCIDR)
        self._addresses = context.mirror(IPAddress)
        self.queue: WorkQueue[NamespacedName] = WorkQueue()
        self._ranges.subscribe(self._on_range)
        self._addresses.subscribe(self._on_address)

    def _on_range(self, key: NamespacedName, old: ServiceCIDR | None, new: ServiceCIDR | None) -> None:
        self.queue.add(key)
        if old is None or new is None:
            self._look_at_leaving()  # an overlapping range may hold what they strand

    def _on_address(self, key: NamespacedName, old: IPAddress | None, new: IPAddress | None) -> None:
        if new is None:
            self._look_at_leaving()

    def _look_at_leaving(self) -> None:
        for key, one in self._ranges.objects.items():
            if one.metadata.deletion_timestamp is not None:
                self.queue.add(key)

    async def reconcile(self, key: NamespacedName) -> None:
        one = self._ranges.objects.get(key)
        if one is None:
            return
        in_use = (address.metadata.name for address in self._addresses.objects.values())
        todo = plan.plan(one, self._ranges.objects.values(), in_use)
        try:
            await self._carry_out(one, todo)
        except (Conflict, NotFound):
            self.queue.add_rate_limited(key)

    async def _carry_out(self, one: ServiceCIDR, todo: plan.Plan) -> None:
        write = self._context.write
        if todo.finalizers is not None:
            meta = {"resourceVersion": one.metadata.resource_version, "finalizers": list(todo.finalizers)}
            one = await write.patch(one, {"metadata": meta})
        if todo.condition is not None:
            status, reason, message = todo.condition
            made = {
                "type": "Ready",
                "status": status,
                "reason": reason,
                "message": message,
                "lastTransitionTime": timestamp(self._context.wall_clock()),
            }
            await write.patch_status(one, {"conditions": [made]})
            if status == "False":
                self._context.tell(self.name, one, "Warning", "KubernetesServiceCIDRError", message)
