"""The load balancer address controller."""

from __future__ import annotations

from kube.controllers.context import Context
from kube.controllers.loadbalancer import plan
from kube.objects import NamespacedName, Service
from kube.watch import WorkQueue


class LoadBalancerAddresses:
    name = "service-lb-controller"

    def __init__(self, context: Context) -> None:
        self._context = context
        self._services = context.mirror(Service)
        self._pools = plan.pools(context.options.load_balancer_pool)
        self._promised: dict[NamespacedName, tuple[str, ...]] = {}  # being written
        self.queue: WorkQueue[NamespacedName] = WorkQueue()
        if self._pools:
            self._services.subscribe(self._on_service)

    def _on_service(self, key: NamespacedName, old: Service | None, new: Service | None) -> None:
        if new is not None:
            self.queue.add(key)
        if old is not None and plan.held(old) and (new is None or not plan.held(new)):
            for other, service in self._services.objects.items():  # an address is free again
                if plan.is_ours(service) and not plan.held(service):
                    self.queue.add(other)

    async def reconcile(self, key: NamespacedName) -> None:
        service = self._services.objects.get(key)
        if service is None:
            return
        context, before = self._context, plan.held(service)
        if not plan.is_ours(service):
            if before and service.spec.type != "LoadBalancer":
                await context.write.patch_status(service, {"loadBalancer": None})
            return
        taken = [
            address
            for other, one in self._services.objects.items()
            if other != key
            for address in (*plan.held(one), *self._promised.get(other, ()))
        ]
        found = plan.addresses(service, self._pools, taken)
        if found == before:
            if not found:
                message = "no address of the load balancer pool is free for this Service"
                context.tell(self.name, service, "Warning", "SyncLoadBalancerFailed", message)
            return
        self._promised[key] = found
        try:
            ingress = [{"ip": address, "ipMode": "VIP"} for address in found]
            await context.write.patch_status(service, {"loadBalancer": {"ingress": ingress}})
            context.tell(self.name, service, "Normal", "EnsuredLoadBalancer", f"Assigned {', '.join(found)}")
        finally:
            del self._promised[key]
