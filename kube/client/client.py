"""The typed client: verbs of the Kubernetes API on the values of `kube.objects`."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from enum import Enum
from typing import Any, TypeVar

import msgspec

from kube.client.errors import error_from
from kube.client.transport import Reply, Stream, Transport
from kube.objects import Object, ObjectList, decode, decode_list, encode

T = TypeVar("T", bound=Object)
_NOTHING: Mapping[str, str] = {}
_JSON = {"content-type": "application/json"}


class PatchKind(Enum):
    """The patch's media type."""

    JSON = "application/json-patch+json"
    MERGE = "application/merge-patch+json"
    STRATEGIC = "application/strategic-merge-patch+json"
    APPLY = "application/apply-patch+yaml"


class Client:
    """Raises `ApiError` subclasses; nothing is retried here, that is the caller's to decide."""

    def __init__(self, transport: Transport) -> None:
        self.transport = transport

    @classmethod
    def from_kubeconfig(cls, path: str, *, user_agent: str) -> "Client":
        """The current context of the file; an empty path means in-cluster."""
        from kube.client.kubeconfig_disk import transport_from_kubeconfig, transport_in_cluster

        if not path:
            return cls(transport_in_cluster(user_agent=user_agent))
        return cls(transport_from_kubeconfig(path, user_agent=user_agent))

    async def close(self) -> None:
        await self.transport.close()

    async def get(self, cls: type[T], name: str, namespace: str = "") -> T:
        """The object; raises NotFound."""
        return decode(cls, (await self.raw("GET", cls.resource.path(namespace, name))).body)

    async def list(
        self, cls: type[T], namespace: str = "", *, label_selector: str = "", field_selector: str = ""
    ) -> ObjectList[T]:
        """All objects of the kind, of one namespace or (namespace "") of all, at one revision."""
        query = selectors(label_selector, field_selector)
        return decode_list(cls, (await self.raw("GET", cls.resource.path(namespace), query=query)).body)

    async def create(self, obj: T) -> T:
        """The object as stored; raises AlreadyExists, Invalid."""
        path = obj.resource.path(obj.metadata.namespace)
        return decode(type(obj), (await self.raw("POST", path, headers=_JSON, body=encode(obj))).body)

    async def replace(self, obj: T, *, subresource: str = "") -> T:
        """Only for kinds whose every field the caller owns. Raises Conflict if its revision is old."""
        path = obj.resource.path(obj.metadata.namespace, obj.metadata.name, subresource)
        return decode(type(obj), (await self.raw("PUT", path, headers=_JSON, body=encode(obj))).body)

    async def patch(
        self,
        cls: type[T],
        name: str,
        namespace: str,
        body: object,
        *,
        kind: PatchKind = PatchKind.MERGE,
        subresource: str = "",
        field_manager: str | None = None,
        force: bool = False,
    ) -> T:
        """Change some fields; `body` is JSON-shaped."""
        query = {}
        if field_manager:
            query["fieldManager"] = field_manager
        if force:
            query["force"] = "true"
        reply = await self.raw(
            "PATCH",
            cls.resource.path(namespace, name, subresource),
            query=query,
            headers={"content-type": kind.value},
            body=msgspec.json.encode(body),
        )
        return decode(cls, reply.body)

    async def delete(
        self,
        cls: type[T],
        name: str,
        namespace: str = "",
        *,
        grace_period_s: int | None = None,
        propagation: str | None = None,
        uid: str | None = None,
    ) -> None:
        """Ask for deletion; `uid` guards against deleting a successor of the same name. Raises NotFound."""
        options: dict[str, Any] = {"apiVersion": "v1", "kind": "DeleteOptions"}
        if grace_period_s is not None:
            options["gracePeriodSeconds"] = grace_period_s
        if propagation is not None:
            options["propagationPolicy"] = propagation
        if uid is not None:
            options["preconditions"] = {"uid": uid}
        path = cls.resource.path(namespace, name)
        await self.raw("DELETE", path, headers=_JSON, body=msgspec.json.encode(options))

    async def raw(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] = _NOTHING,
        headers: Mapping[str, str] = _NOTHING,
        body: bytes = b"",
    ) -> Reply:
        """Any request; raises what the Status says when it is refused."""
        reply = await self.transport.request(method, path, query=query, headers=headers, body=body)
        if reply.status >= 400:
            raise error_from(reply.status, reply.body)
        return reply

    @asynccontextmanager
    async def watch_lines(
        self, path: str, query: Mapping[str, str], headers: Mapping[str, str] = _NOTHING
    ) -> AsyncIterator[Stream]:
        """The undecoded lines of a watch or a followed log; raises what the Status says."""
        async with self.transport.stream(path, query=query, headers=headers) as stream:
            if stream.status != 200:
                raise error_from(stream.status, b"".join([line async for line in stream.lines]))
            yield stream


def selectors(label_selector: str, field_selector: str) -> dict[str, str]:
    """The query of a list or watch that is narrowed."""
    query = {}
    if label_selector:
        query["labelSelector"] = label_selector
    if field_selector:
        query["fieldSelector"] = field_selector
    return query
