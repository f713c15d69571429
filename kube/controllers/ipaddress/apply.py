"""Mends what somebody else changed: the API server writes IPAddresses in one transaction with their Service."""

from __future__ import annotations

from kube.client import AlreadyExists, NotFound
from kube.controllers.context import Context
from kube.controllers.ipaddress import plan
from kube.objects import IPAddress, NamespacedName, Service
from kube.watch import WorkQueue

_BY_ADDRESS = "cluster ip"
# Events of a Service and of its addresses come by two watches; what disagrees longer is no race.
_PATIENCE_S = 5.0


class IPAddresses:
    name = "ipallocator-repair-controller"

    def __init__(self, context: Context) -> None:
        self._context = context
        self._services = context.mirror(Service)
        self._addresses = context.mirror(IPAddress)
        self._services.add_index(_BY_ADDRESS, plan.cluster_ips)
        self.queue: WorkQueue[str] = WorkQueue()  # by address
        self._addresses.subscribe(self._on_address)
        self._services.subscribe(self._on_service)

    def _on_address(self, key: NamespacedName, old: IPAddress | None, new: IPAddress | None) -> None:
        if new is None or self._disagrees(new):
            self.queue.add_after(key.name, _PATIENCE_S)

    def _on_service(self, key: NamespacedName, old: Service | None, new: Service | None) -> None:
        now = plan.cluster_ips(new) if new is not None else ()
        for address in {*(plan.cluster_ips(old) if old is not None else ()), *now}:
            held = self._addresses.get("", address)
            if (address in now) != (held is not None):
                self.queue.add_after(address, _PATIENCE_S)

    def _holders(self, address: str) -> list[Service]:
        return self._services.by(_BY_ADDRESS, address)

    def _disagrees(self, address: IPAddress) -> bool:
        names = {(one.metadata.namespace, one.metadata.name) for one in self._holders(address.metadata.name)}
        return plan.is_of_services(address) and plan.holder(address) not in names

    async def reconcile(self, key: str) -> None:
        context, address, services = self._context, self._addresses.get("", key), self._holders(key)
        if address is not None and self._disagrees(address):
            namespace, name = plan.holder(address)
            said = f"IPAddress: {key} for Service {namespace}/{name} appears to have leaked: cleaning up"
            context.tell(self.name, address, "Warning", "IPAddressNotAllocated", said)
            try:
                await context.write.delete(address)
            except NotFound:
                return
            address = None
        if address is None and services:
            said = f"Cluster IP {key} is not allocated; repairing"
            context.tell(self.name, services[0], "Warning", "ClusterIPNotAllocated", said)
            try:
                await context.write.create(IPAddress, "", plan.body(key, services[0]))
            except AlreadyExists:
                return
