"""The garbage collector and namespace deletion with kinds that come and go."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
import pytest

from kube.client import NotFound
from kube.objects import ConfigMap, Namespace
from tests.unit.kube.apiserver.customresources.conftest import DEFINITIONS, definition, thing
from tests.unit.kube.controllers import virtual
from tests.unit.kube.controllers.cluster import JSON, Cluster, cluster, send

FREE = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
THINGS = "/apis/example.com/v1/namespaces/demo/things"


async def post(one: Cluster, path: str, body: dict[str, Any]) -> dict[str, Any]:
    reply = await one.client.raw("POST", path, headers=JSON, body=msgspec.json.encode(body))
    decoded: dict[str, Any] = msgspec.json.decode(reply.body)
    return decoded


async def begin(one: Cluster) -> None:
    await send(one.client, Namespace, "", {"metadata": {"name": "demo"}})
    await post(one, DEFINITIONS, definition(FREE))


def owned(name: str, owner: dict[str, Any], **more: Any) -> dict[str, Any]:
    reference = {
        "apiVersion": owner["apiVersion"],
        "kind": owner["kind"],
        "name": owner["metadata"]["name"],
        "uid": owner["metadata"]["uid"],
        "blockOwnerDeletion": True,
    }
    return {"name": name, "ownerReferences": [reference], **more}


async def is_gone(one: Cluster, path: str) -> bool:
    try:
        await one.client.raw("GET", path)
    except NotFound:
        return True
    return False


@pytest.mark.parametrize("propagation", ["Background", "Foreground", "Orphan"])
def test_deletion_passes_through_custom_resources(propagation: str) -> None:
    async def body() -> None:
        async with cluster(0) as one:
            await begin(one)
            parent = await post(one, THINGS, thing("parent", {}))
            child = await post(one, THINGS, thing("child", {}, metadata=owned("child", parent)))
            await send(one.client, ConfigMap, "demo", {"metadata": owned("leaf", child)})
            options = msgspec.json.encode({"propagationPolicy": propagation})
            await one.client.raw("DELETE", f"{THINGS}/parent", headers=JSON, body=options)
            await one.until(lambda: is_gone(one, f"{THINGS}/parent"))
            if propagation == "Orphan":
                kept = msgspec.json.decode((await one.client.raw("GET", f"{THINGS}/child")).body)
                assert "ownerReferences" not in kept["metadata"]
                return
            await one.until(lambda: is_gone(one, f"{THINGS}/child"))
            await one.until(lambda: is_gone(one, "/api/v1/namespaces/demo/configmaps/leaf"))

    virtual.run(body())


def test_what_a_kinds_objects_owned_goes_when_the_kind_goes() -> None:
    async def body() -> None:
        async with cluster(0) as one:
            for _ in range(2):  # and the same kind again
                await begin_again(one)
                owner = await post(one, THINGS, thing("owner", {}))
                await send(one.client, ConfigMap, "demo", {"metadata": owned("leaf", owner)})
                await asyncio.sleep(
                    0.1
                )  # an owner that nobody saw, of a kind that nobody serves, stays an owner
                await one.client.raw("DELETE", f"{DEFINITIONS}/things.example.com")
                await one.until(lambda: is_gone(one, f"{DEFINITIONS}/things.example.com"))
                await one.until(lambda: is_gone(one, "/api/v1/namespaces/demo/configmaps/leaf"))

    virtual.run(body())


async def begin_again(one: Cluster) -> None:
    if await is_gone(one, "/api/v1/namespaces/demo"):
        await send(one.client, Namespace, "", {"metadata": {"name": "demo"}})
    await post(one, DEFINITIONS, definition(FREE))


def test_a_namespace_takes_along_objects_of_a_kind_that_came_a_moment_ago() -> None:
    async def body() -> None:
        async with cluster(0) as one:
            await send(one.client, Namespace, "", {"metadata": {"name": "first"}})
            await one.client.delete(Namespace, "first")  # so that the controller has asked what is served
            await one.until(lambda: is_gone(one, "/api/v1/namespaces/first"))
            await begin(one)
            await post(one, THINGS, thing("a", {}))
            held = thing("b", {}, metadata={"name": "b", "finalizers": ["example.com/hold"]})
            await post(one, THINGS, held)
            await one.client.delete(Namespace, "demo")
            await one.until(lambda: is_gone(one, f"{THINGS}/a"))
            await one.until(lambda: says_what_it_waits_for(one))
            free = msgspec.json.encode({"metadata": {"finalizers": None}})
            headers = {"content-type": "application/merge-patch+json"}
            await one.client.raw("PATCH", f"{THINGS}/b", headers=headers, body=free)
            await one.until(lambda: is_gone(one, "/api/v1/namespaces/demo"))
            assert await is_gone(one, f"{THINGS}/b")

    virtual.run(body())


async def says_what_it_waits_for(one: Cluster) -> bool:
    found = await one.client.get(Namespace, "demo")
    said = {row.type: row.message for row in found.status.conditions}
    return "things.example.com has 1 resource instances" in said.get(
        "NamespaceContentRemaining", ""
    ) and "example.com/hold in 1 resource instances" in said.get("NamespaceFinalizersRemaining", "")
