"""The garbage collector: one graph from the watches of all kinds, and the deletions it asks for."""

from __future__ import annotations

import asyncio
import contextlib
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from typing import Any, ClassVar, NamedTuple

import msgspec

from kube.client import ApiError, Conflict, NotFound
from kube.controllers.apply import fetch_served_kinds
from kube.controllers.context import Context
from kube.controllers.discovery import ServedKind
from kube.controllers.garbage import plan
from kube.controllers.garbage.graph import Graph, Item, item_of
from kube.controllers.owners import reference_body
from kube.objects import NamespacedName, Object, OwnerReference, Resource, decode
from kube.watch import Informer, WorkQueue

_REMEMBERED_ABSENT = 4096
_LOOK_AGAIN_S = 5.0
_MERGE = {"content-type": "application/merge-patch+json"}
_JSON = {"content-type": "application/json"}


_DEFINITIONS = ("apiextensions.k8s.io", "customresourcedefinitions")


def _name(resource: Resource) -> tuple[str, str]:
    return (resource.group, resource.plural)


class _Followed(NamedTuple):
    """`task` None: by a mirror that others keep."""

    resource: Resource
    task: asyncio.Task[None] | None


class _Anything(Object):
    """Any kind, its metadata only; the informer says which."""

    resource: ClassVar[Resource] = Resource("", "", "", "")


class GarbageCollector:
    """Keyed by uid."""

    name = "garbage-collector-controller"

    def __init__(self, context: Context) -> None:
        self._context = context
        self.graph = Graph()
        self._absent: OrderedDict[str, None] = OrderedDict()
        self._kinds: dict[tuple[str, str], ServedKind] = {}  # by group and kind
        self._followed: dict[tuple[str, str], _Followed] = {}  # by group and plural
        self._kinds_changed = asyncio.Event()
        self.queue: WorkQueue[str] = WorkQueue(max_delay_s=30.0)

    async def run(self) -> None:
        """Follow every kind that the API serves, as they come and go."""
        async with asyncio.TaskGroup() as tasks:
            while True:
                self._kinds_changed.clear()
                kinds = await self._discover()
                if kinds is not None:
                    self._follow_all({_name(kind.resource): kind.resource for kind in kinds}, tasks)
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(self._context.options.discovery_period_s):
                        await self._kinds_changed.wait()

    async def _discover(self) -> Iterable[ServedKind] | None:
        try:
            kinds = await fetch_served_kinds(self._context.client)
        except ApiError:
            return None
        collectable = [kind for kind in kinds if kind.collectable]
        self._kinds = {(kind.resource.group, kind.resource.kind): kind for kind in collectable}
        return collectable

    def _follow_all(self, served: Mapping[tuple[str, str], Resource], tasks: asyncio.TaskGroup) -> None:
        for name, followed in list(self._followed.items()):
            if served.get(name) == followed.resource:
                continue
            del self._followed[name]
            if followed.task is not None:
                followed.task.cancel()
            if name not in served:
                self._forget(followed.resource)
        for name, resource in served.items():
            if name not in self._followed:
                self._followed[name] = _Followed(resource, self._follow(resource, tasks))

    def _forget(self, resource: Resource) -> None:
        """The kind is gone, and all its objects with it."""
        for item in [item for item in self.graph.items.values() if _name(item.resource) == _name(resource)]:
            self._remember_absent(item.uid)
            for uid in self.graph.remove(item.uid):
                self.queue.add(uid)

    def _follow(self, resource: Resource, tasks: asyncio.TaskGroup) -> asyncio.Task[None] | None:
        on_change = self._on_change(resource)
        mirror = self._context.known_mirror(resource)
        if mirror is not None:
            mirror.subscribe(on_change)
            return None
        informer = Informer(
            self._context.client,
            _Anything,
            resource=resource,
            on_change=on_change,
            rng=self._context.rng,
        )
        return tasks.create_task(informer.run())

    def _on_change(
        self, resource: Resource
    ) -> Callable[[NamespacedName, Object | None, Object | None], None]:
        defines_kinds = _name(resource) == _DEFINITIONS

        def on_change(_: NamespacedName, old: Object | None, new: Object | None) -> None:
            if defines_kinds:
                self._kinds_changed.set()
            look: set[str] = set()
            if old is not None and (new is None or new.metadata.uid != old.metadata.uid):
                self._remember_absent(old.metadata.uid)
                look |= self.graph.remove(old.metadata.uid)
            if new is not None:
                look |= self.graph.put(item_of(resource, new))
            for uid in look:
                self.queue.add(uid)

        return on_change

    def _remember_absent(self, uid: str) -> None:
        self._absent[uid] = None
        if len(self._absent) > _REMEMBERED_ABSENT:
            self._absent.popitem(last=False)

    def _is_absent(self, ref: OwnerReference, item: Item) -> bool | None:
        owner = self.graph.items.get(ref.uid)
        if owner is not None:
            # An owner in another namespace is no owner: a namespaced reference means the dependent's own.
            return bool(owner.key.namespace) and owner.key.namespace != item.key.namespace
        if ref.uid in self._absent:
            return True
        return None

    async def reconcile(self, key: str) -> None:
        item = self.graph.items.get(key)
        if item is None:
            return
        action = plan.plan(item, self.graph, self._is_absent)
        match action:
            case plan.Nothing():
                return
            case plan.Verify(owners=owners):
                if await self._verify(item, owners):
                    self.queue.add(key)
            case plan.Descend(uids=uids):
                for uid in uids:
                    self.queue.add(uid)
            case plan.Delete(propagation=propagation, unblock=unblock):
                for one in unblock:
                    await self._patch_owners(one, frozenset(), blocking=False)
                await self._delete(item, propagation)
            case plan.DropOwners(uids=uids):
                await self._patch_owners(item, uids)
            case plan.Release(finalizer=finalizer, orphans=orphans):
                for one in orphans:
                    await self._patch_owners(one, frozenset({item.uid}))
                await self._take_off(item, finalizer)

    async def _verify(self, item: Item, owners: tuple[OwnerReference, ...]) -> bool:
        """Whether something was learned: an owner that does exist comes by its watch later."""
        learned = False
        for ref in owners:
            group = ref.api_version.rpartition("/")[0]
            kind = self._kinds.get((group, ref.kind))
            if kind is None:  # not served, or not yet
                self.queue.add_after(item.uid, _LOOK_AGAIN_S)
                continue
            if kind.resource.namespaced and not item.key.namespace:
                continue  # a namespaced owner of a cluster-wide object: nobody can say which, so it stays
            namespace = item.key.namespace if kind.resource.namespaced else ""
            found = await self._get(kind.resource, NamespacedName(namespace, ref.name))
            if found is None or found.metadata.uid != ref.uid:
                self._remember_absent(ref.uid)
                learned = True
            elif ref.uid not in self.graph.items:  # its watch has not come so far, and could miss its end
                self.queue.add_after(item.uid, _LOOK_AGAIN_S)
        return learned

    async def _get(self, resource: Resource, key: NamespacedName) -> Object | None:
        try:
            reply = await self._context.client.raw("GET", resource.path(key.namespace, key.name))
        except NotFound:
            return None
        return decode(_Anything, reply.body)

    async def _delete(self, item: Item, propagation: str) -> None:
        options = {
            "apiVersion": "v1",
            "kind": "DeleteOptions",
            "propagationPolicy": propagation,
            "preconditions": {"uid": item.uid},
        }
        await self._request("DELETE", item, _JSON, options)

    async def _request(self, method: str, item: Item, headers: dict[str, str], body: dict[str, Any]) -> None:
        """Gone, or another of the same name, is as good as done."""
        path = item.resource.path(item.key.namespace, item.key.name)
        try:
            await self._context.client.raw(method, path, headers=headers, body=msgspec.json.encode(body))
        except (NotFound, Conflict):
            current = await self._get(item.resource, item.key)
            if current is not None and current.metadata.uid == item.uid:
                raise

    async def _patch_owners(self, item: Item, gone: frozenset[str], *, blocking: bool = True) -> None:
        current = await self._get(item.resource, item.key)
        if current is None or current.metadata.uid != item.uid:
            return
        refs = [
            {**reference_body(ref), **({} if blocking else {"blockOwnerDeletion": False})}
            for ref in current.metadata.owner_references
            if ref.uid not in gone
        ]
        meta = {
            "uid": item.uid,
            "resourceVersion": current.metadata.resource_version,
            "ownerReferences": refs or None,
        }
        await self._request("PATCH", item, _MERGE, {"metadata": meta})

    async def _take_off(self, item: Item, finalizer: str) -> None:
        current = await self._get(item.resource, item.key)
        if current is None or current.metadata.uid != item.uid:
            return
        finalizers = [one for one in current.metadata.finalizers if one != finalizer]
        if len(finalizers) == len(current.metadata.finalizers):
            return
        meta = {
            "uid": item.uid,
            "resourceVersion": current.metadata.resource_version,
            "finalizers": finalizers or None,
        }
        await self._request("PATCH", item, _MERGE, {"metadata": meta})
