"""The Endpoints controller."""

from __future__ import annotations

from kube.client import AlreadyExists, Forbidden
from kube.controllers import members
from kube.controllers.context import Context
from kube.controllers.endpoints import plan
from kube.objects import Endpoints, NamespacedName, Pod, Service, key_of
from kube.watch import WorkQueue


class EndpointsObjects:
    name = "endpoint-controller"

    def __init__(self, context: Context) -> None:
        self._context = context
        self._services = context.mirror(Service)
        self._pods = context.mirror(Pod)
        self._endpoints = context.mirror(Endpoints)
        members.index_pods(self._pods)
        members.index_services(self._services)
        self.queue: WorkQueue[NamespacedName] = WorkQueue()
        self._services.subscribe(self._on_service)
        self._pods.subscribe(self._on_pod)
        self._endpoints.subscribe(self._on_endpoints)

    def _on_service(self, key: NamespacedName, old: Service | None, new: Service | None) -> None:
        self.queue.add(key)

    def _on_pod(self, key: NamespacedName, old: Pod | None, new: Pod | None) -> None:
        for service in members.services_touched(self._services, old, new):
            self.queue.add_after(key_of(service), self._context.options.endpoint_batch_s)

    def _on_endpoints(self, key: NamespacedName, old: Endpoints | None, new: Endpoints | None) -> None:
        if old is None or new is None or old.subsets != new.subsets:
            self.queue.add(key)

    async def reconcile(self, key: NamespacedName) -> None:
        service = self._services.objects.get(key)
        existing = self._endpoints.objects.get(key)
        write = self._context.write
        if service is None:
            if existing is not None and plan.MANAGED_BY in existing.metadata.labels:
                await write.delete(existing)
            return
        if service.spec.type == "ExternalName" or not service.spec.selector:
            return  # somebody else's to keep
        wanted = plan.subsets(service, members.selected_pods(self._pods, service))
        body = plan.body(service, existing, wanted)
        if body is None:
            return
        if existing is not None:
            body["metadata"]["resourceVersion"] = existing.metadata.resource_version
            await write.put(Endpoints, key.namespace, key.name, body)
            return
        try:
            await write.create(Endpoints, key.namespace, body)
        except AlreadyExists:
            self.queue.add_rate_limited(key)
        except Forbidden as error:
            if "being terminated" not in error.message:
                raise
