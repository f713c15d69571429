"""The EndpointSlice controller: pods and services in, slices out, changes of a moment together."""

from __future__ import annotations

from collections.abc import Mapping

from kube.client import Forbidden
from kube.controllers import members
from kube.controllers.clock import timestamp
from kube.controllers.context import Context
from kube.controllers.endpointslice import plan, topology
from kube.objects import (
    SERVICE_NAME_LABEL,
    ZONE_LABEL,
    EndpointSlice,
    NamespacedName,
    Node,
    Pod,
    Service,
    key_of,
)
from kube.watch import WorkQueue

_OF_SERVICE = "service"


class EndpointSlices:
    name = "endpoint-slice-controller"

    def __init__(self, context: Context) -> None:
        self._context = context
        self._services = context.mirror(Service)
        self._pods = context.mirror(Pod)
        self._slices = context.mirror(EndpointSlice)
        self._nodes = context.mirror(Node)
        members.index_pods(self._pods)
        members.index_services(self._services)
        self._slices.add_index(_OF_SERVICE, _service_of)
        self._triggers: dict[NamespacedName, plan.TriggerState] = {}
        self._no_hints: dict[NamespacedName, Mapping[str, str]] = {}
        self._zones: topology.Zones | None = None  # reckoned when a service asks
        self.queue: WorkQueue[NamespacedName] = WorkQueue()
        self._services.subscribe(self._on_service)
        self._pods.subscribe(self._on_pod)
        self._slices.subscribe(self._on_slice)
        self._nodes.subscribe(self._on_node)

    def _on_service(self, key: NamespacedName, old: Service | None, new: Service | None) -> None:
        if new is None:
            self._triggers.pop(key, None)
            self._no_hints.pop(key, None)
        self.queue.add(key)

    def _on_pod(self, key: NamespacedName, old: Pod | None, new: Pod | None) -> None:
        for service in members.services_touched(self._services, old, new):
            self.queue.add_after(key_of(service), self._context.options.endpoint_batch_s)

    def _on_slice(self, key: NamespacedName, old: EndpointSlice | None, new: EndpointSlice | None) -> None:
        """Foreign changes are undone; our own are already as planned."""
        for one in (old, new):
            for namespace, name in _service_of(one) if one is not None else ():
                if one is not None and plan.is_ours(one, name):
                    self.queue.add_after(
                        NamespacedName(namespace, name), self._context.options.endpoint_batch_s
                    )

    def _on_node(self, key: NamespacedName, old: Node | None, new: Node | None) -> None:
        """A zone concerns the services with endpoints there; CPUs concern those that are given out by zone."""
        moved = _zone(old) != _zone(new)
        if moved or topology.facts(old) != topology.facts(new):
            self._zones = None
            for name, service in self._services.objects.items():
                if moved or topology.is_automatic(service):
                    self.queue.add_after(name, self._context.options.endpoint_batch_s)

    async def reconcile(self, key: NamespacedName) -> None:
        service = self._services.objects.get(key)
        if service is None or service.metadata.deletion_timestamp is not None:
            return  # the slices go with their owner
        slices = [
            one
            for one in self._slices.by(_OF_SERVICE, key)
            if plan.is_ours(one, key.name) and one.metadata.deletion_timestamp is None
        ]
        pods = members.selected_pods(self._pods, service)
        named = {pod.spec.node_name: self._nodes.get("", pod.spec.node_name) for pod in pods}
        nodes = {name: node for name, node in named.items() if node is not None}
        limit = self._context.options.max_endpoints_per_slice
        todo = plan.plan(service, pods, slices, nodes, limit, self._zones_for(service))
        changed_at, state = plan.trigger(self._triggers.get(key), service, pods)
        await self._carry_out(service, todo, timestamp(changed_at) if changed_at else None)
        self._triggers[key] = state
        self._tell_of_hints(key, service, todo.no_hints)

    def _zones_for(self, service: Service) -> topology.Zones:
        if not topology.is_automatic(service):
            return topology.UNKNOWN
        if self._zones is None:
            self._zones = topology.zones(self._nodes.objects.values())
        return self._zones

    def _tell_of_hints(self, key: NamespacedName, service: Service, no_hints: Mapping[str, str]) -> None:
        before = self._no_hints.get(key, {})
        for family, refusal in no_hints.items():
            if before.get(family) == refusal:
                continue
            if not refusal:
                enabled = f"Topology Aware Hints has been enabled, addressType: {family}"
                self._context.tell(self.name, service, "Normal", "TopologyAwareHintsEnabled", enabled)
            else:
                reason = "TopologyAwareHintsDisabled"
                self._context.tell(self.name, service, "Warning", reason, f"{refusal}, addressType: {family}")
        self._no_hints[key] = no_hints

    async def _carry_out(self, service: Service, todo: plan.Plan, trigger_time: str | None) -> None:
        """New endpoints before old ones go."""
        write = self._context.write
        for new in todo.create:
            body = plan.slice_body(service, new, trigger_time)
            try:
                await write.create(EndpointSlice, service.metadata.namespace, body)
            except Forbidden as error:
                if "being terminated" in error.message:
                    return
                raise
        for one in todo.update:
            await write.replace(plan.with_trigger(one, trigger_time))
        for one in todo.delete:
            await write.delete(one)


def _zone(node: Node | None) -> str | None:
    return node.metadata.labels.get(ZONE_LABEL) if node is not None else None


def _service_of(one: EndpointSlice) -> tuple[NamespacedName, ...]:
    name = one.metadata.labels.get(SERVICE_NAME_LABEL)
    return (NamespacedName(one.metadata.namespace, name),) if name else ()
