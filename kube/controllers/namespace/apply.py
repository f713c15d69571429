"""The namespace controller: deletes what is in an ending namespace as fast as its contents can go."""

from __future__ import annotations

import msgspec

from kube.client import ApiError, NotFound
from kube.controllers.apply import delete_collection, fetch_served_kinds, list_metadata
from kube.controllers.context import Context
from kube.controllers.discovery import ServedKind
from kube.controllers.namespace import plan
from kube.objects import Namespace, NamespacedName, Object, Pod, Resource
from kube.watch import WorkQueue

_LOOK_AGAIN_S = 1.0  # for finalizers of others; pods are waited for by their watch


class Namespaces:
    """Keyed by name."""

    name = "namespace-controller"

    def __init__(self, context: Context) -> None:
        self._context = context
        self._namespaces = context.mirror(Namespace)
        self._pods = context.mirror(Pod)
        self.queue: WorkQueue[str] = WorkQueue(max_delay_s=5.0)
        self._namespaces.subscribe(self._on_namespace)
        self._pods.subscribe(self._on_pod)

    def _on_namespace(self, key: NamespacedName, old: Namespace | None, new: Namespace | None) -> None:
        if new is not None and new.metadata.deletion_timestamp is not None:
            self.queue.add(key.name)

    def _on_pod(self, key: NamespacedName, old: Pod | None, new: Pod | None) -> None:
        namespace = self._namespaces.get("", key.namespace) if new is None else None
        if namespace is not None and namespace.metadata.deletion_timestamp is not None:
            self.queue.add(key.namespace)

    async def reconcile(self, key: str) -> None:
        namespace = self._namespaces.get("", key)
        if namespace is None or namespace.metadata.deletion_timestamp is None:
            return
        if plan.FINALIZER not in namespace.spec.finalizers:
            return
        left = await self._empty(key)
        if left.is_empty:
            await self._finalize(namespace)
            return
        now = self._context.wall_clock()
        conditions = plan.conditions(namespace, left, now)
        if conditions != namespace.status.conditions:
            await self._context.write.patch_status(namespace, {"conditions": msgspec.to_builtins(conditions)})
        if left.deletion_failures or left.discovery_failure:
            self.queue.add_rate_limited(key)
        else:
            self.queue.add_after(key, _LOOK_AGAIN_S)

    async def _empty(self, name: str) -> plan.Remaining:
        """One pass: delete what can be deleted, and tell what is left."""
        try:
            kinds = await self._namespaced_kinds()
        except ApiError as error:
            return plan.Remaining(discovery_failure=str(error))
        failures: list[str] = []
        left: dict[Resource, tuple[Object, ...]] = {}
        pods_first = sorted(
            kinds, key=lambda kind: (kind.resource.group, kind.resource.plural) != ("", "pods")
        )
        for kind in pods_first:
            try:
                objects = await self._empty_kind(kind.resource, name)
            except ApiError as error:
                failures.append(f"{plan.resource_name(kind.resource)}: {error}")
                continue
            if objects:
                left[kind.resource] = objects
                if kind.resource.plural == "pods":
                    break  # a pod on its way out may still need its ConfigMaps, Services, …
        return plan.Remaining(objects=left, deletion_failures=tuple(failures))

    async def _empty_kind(self, resource: Resource, namespace: str) -> tuple[Object, ...]:
        client = self._context.client
        objects = await list_metadata(client, resource, namespace)
        if not any(one.metadata.deletion_timestamp is None for one in objects):
            return objects
        await delete_collection(client, resource, namespace)
        return await list_metadata(client, resource, namespace)

    async def _namespaced_kinds(self) -> tuple[ServedKind, ...]:
        """Asked for each time: a kind that came a moment ago may have objects here."""
        kinds = await fetch_served_kinds(self._context.client)
        return tuple(
            kind for kind in kinds if kind.resource.namespaced and {"list", "deletecollection"} <= kind.verbs
        )

    async def _finalize(self, namespace: Namespace) -> None:
        name = namespace.metadata.name
        try:
            await self._context.client.raw(
                "PUT",
                Namespace.resource.path("", name, "finalize"),
                headers={"content-type": "application/json"},
                body=msgspec.json.encode(plan.finalize_body(namespace)),
            )
        except NotFound:
            return
