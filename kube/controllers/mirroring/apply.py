"""The EndpointSlice mirroring controller."""

from __future__ import annotations

from kube.client import Forbidden
from kube.controllers.context import Context
from kube.controllers.mirroring import plan
from kube.objects import SERVICE_NAME_LABEL, Endpoints, EndpointSlice, NamespacedName, Object, Service
from kube.watch import WorkQueue

_OF_SERVICE = "service"


class EndpointMirrors:
    name = "endpoint-slice-mirroring-controller"

    def __init__(self, context: Context) -> None:
        self._context = context
        self._endpoints = context.mirror(Endpoints)
        self._services = context.mirror(Service)
        self._slices = context.mirror(EndpointSlice)
        self._slices.add_index(_OF_SERVICE, _service_of)
        self.queue: WorkQueue[NamespacedName] = WorkQueue()
        self._endpoints.subscribe(self._on_change)
        self._services.subscribe(self._on_change)
        self._slices.subscribe(self._on_slice)

    def _on_change(self, key: NamespacedName, old: Object | None, new: Object | None) -> None:
        service = self._services.objects.get(key)
        if service is None or not service.spec.selector:
            self.queue.add_after(key, self._context.options.endpoint_batch_s)

    def _on_slice(self, key: NamespacedName, old: EndpointSlice | None, new: EndpointSlice | None) -> None:
        for one in (old, new):
            for service in _service_of(one) if one is not None else ():
                if one is not None and plan.is_ours(one, service.name):
                    self.queue.add_after(service, self._context.options.endpoint_batch_s)

    async def reconcile(self, key: NamespacedName) -> None:
        write = self._context.write
        slices = [
            one
            for one in self._slices.by(_OF_SERVICE, key)
            if plan.is_ours(one, key.name) and one.metadata.deletion_timestamp is None
        ]
        endpoints = self._endpoints.objects.get(key)
        service = self._services.objects.get(key)
        todo = plan.Plan(delete=tuple(slices))
        if endpoints is not None and plan.is_mirrored(endpoints, service):
            todo = plan.plan(endpoints, slices, self._context.options.max_endpoints_per_slice)
        for body in todo.create:
            try:
                await write.create(EndpointSlice, key.namespace, body)
            except Forbidden as error:
                if "being terminated" in error.message:
                    return
                raise
        for one in todo.update:
            await write.replace(one)
        for one in todo.delete:
            await write.delete(one)


def _service_of(one: EndpointSlice) -> tuple[NamespacedName, ...]:
    name = one.metadata.labels.get(SERVICE_NAME_LABEL)
    return (NamespacedName(one.metadata.namespace, name),) if name else ()
