"""The quota controller."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from typing import Any

import msgspec

from kube.apiserver.kinds.quota import counted_kinds
from kube.client import ApiError, NotFound
from kube.controllers.apply import fetch_served_kinds
from kube.controllers.context import Context
from kube.controllers.quota import plan
from kube.controllers.quota.kinds import Anything, ResourceQuota
from kube.objects import NamespacedName, Object, Pod, Resource, key_of
from kube.watch import Informer, WorkQueue

_NAMESPACE = "namespace"
_JSON = {"content-type": "application/json"}
_METADATA = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,application/json"


class ResourceQuotas:
    """Keyed by quota. The quota is read, then all that it counts; it is written only if nothing was charged since."""

    name = "resourcequota-controller"

    def __init__(self, context: Context) -> None:
        self._context = context
        self._quotas = context.mirror(ResourceQuota)
        self._pods = context.mirror(Pod)
        self._resources: dict[str, Resource] = {}  # by kind, as quotas name it
        self._followed: set[str] = set()
        self._wanted = asyncio.Event()
        self.queue: WorkQueue[NamespacedName] = WorkQueue(max_delay_s=30.0)
        self._quotas.add_index(_NAMESPACE, lambda one: (one.metadata.namespace,))
        self._quotas.subscribe(self._on_quota)

    def _on_quota(self, key: NamespacedName, old: ResourceQuota | None, new: ResourceQuota | None) -> None:
        if new is None:
            return
        if not self._kinds(new) <= self._followed:
            self._wanted.set()
        if old is None or old.spec != new.spec:
            self.queue.add(key)

    @staticmethod
    def _kinds(quota: ResourceQuota) -> frozenset[str]:
        return counted_kinds(quota.spec.get("hard") or {})

    # --- what is counted

    async def run(self) -> None:
        """Follow the kinds that some quota counts, and count all anew from time to time."""
        period_s = self._context.options.quota_resync_s
        async with asyncio.TaskGroup() as tasks:
            while True:
                self._wanted.clear()
                for key in {key for quota in self._quotas.objects.values() for key in self._kinds(quota)}:
                    if key not in self._followed:
                        await self._follow(key, tasks)
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(period_s):
                        await self._wanted.wait()
                        continue
                for name in self._quotas.objects:
                    self.queue.add(name)

    async def _follow(self, key: str, tasks: asyncio.TaskGroup) -> None:
        resource = await self._resource(key)
        if resource is None:
            return  # no such kind; it may come
        self._followed.add(key)
        mirror = self._context.known_mirror(resource)
        if mirror is not None:
            mirror.subscribe(self._on_counted(key))
            return
        informer = Informer(
            self._context.client,
            Anything,
            resource=resource,
            on_change=self._on_counted(key),
            rng=self._context.rng,
        )
        tasks.create_task(informer.run())

    def _on_counted(self, key: str) -> Callable[[NamespacedName, Object | None, Object | None], None]:
        def on_change(name: NamespacedName, old: Object | None, new: Object | None) -> None:
            if not plan.matters(key, old, new):
                return
            for quota in self._quotas.by(_NAMESPACE, name.namespace):
                if key in self._kinds(quota):
                    self.queue.add_after(key_of(quota), self._context.options.quota_batch_s)

        return on_change

    async def _resource(self, key: str) -> Resource | None:
        if key not in self._resources:
            with contextlib.suppress(ApiError):
                for kind in await fetch_served_kinds(self._context.client):
                    self._resources.setdefault(plan.key_of(kind.resource), kind.resource)
        return self._resources.get(key)

    # --- counting

    async def reconcile(self, key: NamespacedName) -> None:
        path = ResourceQuota.resource.path(key.namespace, key.name)
        try:
            reply = await self._context.client.raw("GET", path)
        except NotFound:
            return
        quota: dict[str, Any] = msgspec.json.decode(reply.body)
        if quota["metadata"].get("deletionTimestamp"):
            return
        kinds = counted_kinds((quota.get("spec") or {}).get("hard") or {})
        objects = {kind: await self._list(kind, key.namespace) for kind in kinds}
        status = plan.status(quota, objects, self._context.wall_clock())
        if status is None:
            return
        # With the version that was read: what was charged meanwhile makes this a Conflict, and it is counted again.
        body = msgspec.json.encode({**quota, "status": status})
        await self._context.client.raw("PUT", f"{path}/status", headers=_JSON, body=body)

    async def _list(self, kind: str, namespace: str) -> list[dict[str, Any]]:
        resource = await self._resource(kind)
        if resource is None or not resource.namespaced:
            return []
        accept = "application/json" if kind in plan.WHOLE else _METADATA
        try:
            reply = await self._context.client.raw(
                "GET", resource.path(namespace), headers={"accept": accept}
            )
        except NotFound:
            self._resources.pop(kind, None)
            return []
        items: list[dict[str, Any]] = msgspec.json.decode(reply.body)["items"] or []
        return items
