"""The controllers' writes: each reply goes into the mirror of its kind, so that the writer sees it at once."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Coroutine, Iterable, Mapping
from typing import Any, TypeVar

import msgspec

from kube.client import ApiError, Client, Conflict, NotFound, PatchKind
from kube.controllers import owners
from kube.controllers.claims import Claims
from kube.controllers.discovery import ACCEPT, PATHS, ServedKind, served_kinds
from kube.controllers.mirror import Mirror
from kube.events import timestamp
from kube.objects import Object, Pod, Resource, decode, key_of

T = TypeVar("T", bound=Object)

_JSON: Mapping[str, str] = {"content-type": "application/json"}


class _Answer(msgspec.Struct):
    kind: str = ""


class Writer:
    def __init__(self, client: Client, mirror_of: Callable[[type[Any]], Mirror[Any] | None]) -> None:
        self.client = client
        self._mirror_of = mirror_of

    def _made(self, obj: T) -> T:
        mirror = self._mirror_of(type(obj))
        if mirror is not None:
            mirror.made(obj, asyncio.get_running_loop().time())
        return obj

    def _changed(self, obj: T) -> T:
        mirror = self._mirror_of(type(obj))
        if mirror is not None:
            mirror.changed(obj)
        return obj

    async def create(self, cls: type[T], namespace: str, body: Mapping[str, Any]) -> T:
        """`body` is JSON-shaped and whole, but for apiVersion and kind."""
        resource = cls.resource
        whole = {"apiVersion": resource.api_version, "kind": resource.kind, **body}
        path = resource.path(namespace)
        reply = await self.client.raw("POST", path, headers=_JSON, body=msgspec.json.encode(whole))
        return self._made(decode(cls, reply.body))

    async def patch(
        self,
        obj: T,
        body: Any,
        *,
        subresource: str = "",
        kind: PatchKind = PatchKind.MERGE,
    ) -> T:
        """Raises Conflict when the body names a revision or uid that is not there any more."""
        cls, meta = type(obj), obj.metadata
        try:
            changed = await self.client.patch(
                cls, meta.name, meta.namespace, body, kind=kind, subresource=subresource
            )
        except NotFound:
            self._gone(obj)
            raise
        return self._changed(changed)

    async def patch_status(self, obj: T, status: Mapping[str, Any]) -> T:
        return await self.patch(obj, {"status": status}, subresource="status")

    async def disrupt(self, pod: Pod, reason: str, message: str, now: float) -> None:
        """Says on the pod why it is about to be deleted; not worth failing for."""
        made = {
            "type": "DisruptionTarget",
            "status": "True",
            "reason": reason,
            "message": message,
            "lastTransitionTime": timestamp(now),
        }
        with contextlib.suppress(ApiError):
            await self.patch(
                pod, {"status": {"conditions": [made]}}, subresource="status", kind=PatchKind.STRATEGIC
            )

    async def replace(self, obj: T) -> T:
        """Only for kinds whose every field we own."""
        return self._changed(await self.client.replace(obj))

    async def put(self, cls: type[T], namespace: str, name: str, body: Mapping[str, Any]) -> T:
        """As `replace`, from a JSON-shaped body; with a resourceVersion in it, Conflict if that is old."""
        resource = cls.resource
        whole = {"apiVersion": resource.api_version, "kind": resource.kind, **body}
        path = resource.path(namespace, name)
        reply = await self.client.raw("PUT", path, headers=_JSON, body=msgspec.json.encode(whole))
        return self._changed(decode(cls, reply.body))

    async def delete(
        self, obj: T, *, propagation: str = "Background", grace_period_s: int | None = None
    ) -> None:
        """This very object, not a successor; the absent is deleted."""
        options: dict[str, Any] = {
            "apiVersion": "v1",
            "kind": "DeleteOptions",
            "propagationPolicy": propagation,
            "preconditions": {"uid": obj.metadata.uid},
        }
        if grace_period_s is not None:
            options["gracePeriodSeconds"] = grace_period_s
        path = obj.resource.path(obj.metadata.namespace, obj.metadata.name)
        try:
            reply = await self.client.raw("DELETE", path, headers=_JSON, body=msgspec.json.encode(options))
        except NotFound:
            self._gone(obj)
            return
        if msgspec.json.decode(reply.body, type=_Answer).kind == "Status":
            self._gone(obj)
        else:
            self._changed(decode(type(obj), reply.body))

    async def claim(self, owner: Object, claimed: Claims) -> list[Pod]:
        """Adopts and releases as told; the owner's pods after that."""
        adopted = [await self.patch(pod, owners.adopted(pod, owner)) for pod in claimed.adopt]
        for pod in claimed.release:
            try:
                await self.patch(pod, owners.without_owners(pod, (owner.metadata.uid,)))
            except (NotFound, Conflict):
                continue
        return [*claimed.owned, *adopted]

    def _gone(self, obj: Object) -> None:
        mirror = self._mirror_of(type(obj))
        if mirror is not None:
            mirror.gone(key_of(obj), obj.metadata.uid)


async def all_at_once(work: Iterable[Coroutine[Any, Any, Any]]) -> list[ApiError]:
    """Run together, wait for all; the API's refusals are returned, anything else is raised."""
    results = await asyncio.gather(*work, return_exceptions=True)
    failures = [result for result in results if isinstance(result, BaseException)]
    for failure in failures:
        if not isinstance(failure, ApiError):
            raise failure
    return [failure for failure in failures if isinstance(failure, ApiError)]


async def slow_start(count: int, start: Callable[[], Coroutine[Any, Any, Any]]) -> tuple[int, list[ApiError]]:
    """How many succeeded, and why not the rest. Batches of 1, 2, 4, …: when the first fails (a quota), few try."""
    done, batch = 0, 1
    while done < count:
        size = min(batch, count - done)
        failures = await all_at_once(start() for _ in range(size))
        done += size - len(failures)
        if failures:
            return done, failures
        batch *= 2
    return done, []


class _Listed(msgspec.Struct):
    items: tuple[Object, ...] = ()


async def fetch_served_kinds(client: Client) -> tuple[ServedKind, ...]:
    """What the API serves now."""
    replies = [await client.raw("GET", path, headers={"accept": ACCEPT}) for path in PATHS]
    return served_kinds(reply.body for reply in replies)


async def list_metadata(client: Client, resource: Resource, namespace: str) -> tuple[Object, ...]:
    """All objects of a resource in a namespace, without their content."""
    accept = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,application/json"
    reply = await client.raw("GET", resource.path(namespace), headers={"accept": accept})
    return msgspec.json.decode(reply.body, type=_Listed).items


async def delete_collection(client: Client, resource: Resource, namespace: str) -> None:
    options = {"apiVersion": "v1", "kind": "DeleteOptions", "propagationPolicy": "Background"}
    await client.raw("DELETE", resource.path(namespace), headers=_JSON, body=msgspec.json.encode(options))
