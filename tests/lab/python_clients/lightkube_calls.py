"""Calls of lightkube, each with what it must give; run by the client's own environment."""

import asyncio
from collections.abc import Callable
from typing import Any

from lightkube import ApiError, AsyncClient, Client
from lightkube.generic_resource import create_namespaced_resource
from lightkube.models.apps_v1 import DeploymentSpec
from lightkube.models.core_v1 import Container, PodSpec, PodTemplateSpec, ServicePort, ServiceSpec
from lightkube.models.meta_v1 import LabelSelector, ObjectMeta
from lightkube.resources.apps_v1 import Deployment
from lightkube.resources.core_v1 import ConfigMap, Namespace, Pod, Service
from lightkube.types import CascadeType, PatchType

NAMESPACE = "light"


def refused(code: int, call: Callable[[], Any]) -> ApiError:
    try:
        call()
    except ApiError as error:
        assert error.status.code == code, f"{error.status.code} is not {code}: {error}"
        return error
    raise AssertionError(f"this was to be refused with {code}")


def config_map(name: str, **data: str) -> ConfigMap:
    return ConfigMap(metadata=ObjectMeta(name=name, namespace=NAMESPACE, labels={"t": "1"}), data=data)


def crud(client: Client) -> None:
    made = client.create(config_map("a", k="1"))
    assert made.metadata is not None
    assert client.get(ConfigMap, "a").data == {"k": "1"}
    assert refused(409, lambda: client.create(config_map("a"))).status.reason == "AlreadyExists"
    assert refused(404, lambda: client.get(ConfigMap, "b")).status.reason == "NotFound"
    made.data = {"k": "2"}
    newer = client.replace(made)
    assert newer.data == {"k": "2"}
    assert refused(409, lambda: client.replace(made)).status.reason == "Conflict"
    for number in range(7):
        client.create(config_map(f"n{number}"))
    names = [item.metadata.name for item in client.list(ConfigMap, labels={"t": "1"}, chunk_size=3)]
    assert names == ["a", *(f"n{number}" for number in range(7))]
    assert [item.metadata.name for item in client.list(ConfigMap, fields={"metadata.name": "n3"})] == ["n3"]
    client.delete(ConfigMap, "n1")
    refused(404, lambda: client.delete(ConfigMap, "n1"))
    client.deletecollection(ConfigMap)
    refused(404, lambda: client.get(ConfigMap, "n0"))
    client.create(config_map("a"))


def workloads(client: Client) -> None:
    spec = DeploymentSpec(
        replicas=0,
        selector=LabelSelector(matchLabels={"app": "d"}),
        template=PodTemplateSpec(
            metadata=ObjectMeta(labels={"app": "d"}),
            spec=PodSpec(containers=[Container(name="c", image="i")]),
        ),
    )
    client.create(Deployment(metadata=ObjectMeta(name="d", namespace=NAMESPACE), spec=spec))
    strategic = client.patch(
        Deployment,
        "d",
        {"spec": {"template": {"spec": {"containers": [{"name": "side", "image": "j"}]}}}},
    )
    assert {c.name for c in strategic.spec.template.spec.containers} == {"c", "side"}
    merged = client.patch(Deployment, "d", {"metadata": {"labels": {"x": "y"}}}, patch_type=PatchType.MERGE)
    assert merged.metadata.labels == {"x": "y"}
    steps = [{"op": "remove", "path": "/metadata/labels/x"}]
    assert not client.patch(Deployment, "d", steps, patch_type=PatchType.JSON).metadata.labels
    for _ in range(20):  # the controller writes status meanwhile
        scale = client.get(Deployment.Scale, "d")
        assert not scale.spec.replicas  # zero is left out
        scale.spec.replicas = 2
        try:
            assert client.replace(scale, "d").spec.replicas == 2
            break
        except ApiError as error:
            assert error.status.code == 409
    applied = client.apply(config_map("s", mine="1"), field_manager="one")
    assert applied.data == {"mine": "1"}
    assert refused(409, lambda: client.apply(config_map("s", mine="2"), field_manager="two"))
    assert client.apply(config_map("s", mine="2"), field_manager="two", force=True).data == {"mine": "2"}
    service = Service(
        metadata=ObjectMeta(name="s", namespace=NAMESPACE),
        spec=ServiceSpec(ports=[ServicePort(port=80)], selector={"app": "d"}),
    )
    assert client.create(service).spec.clusterIP.startswith("10.96.")
    pod = Pod(
        metadata=ObjectMeta(name="p", namespace=NAMESPACE),
        spec=PodSpec(containers=[Container(name="c", image="i")]),
    )
    client.create(pod)
    ready = {"status": {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]}}
    client.patch(Pod.Status, "p", ready, patch_type=PatchType.MERGE)
    assert client.wait(Pod, "p", for_conditions=["Ready"]).status.phase == "Running"
    client.delete(Deployment, "d", cascade=CascadeType.FOREGROUND)


def generic(client: Client) -> None:
    kind = create_namespaced_resource("coordination.k8s.io", "v1", "Lease", "leases")
    client.create(kind(metadata=ObjectMeta(name="l", namespace=NAMESPACE), spec={"holderIdentity": "me"}))
    assert client.get(kind, "l").spec["holderIdentity"] == "me"
    assert refused(422, lambda: client.create(config_map("Not Valid"))).status.reason == "Invalid"


async def watches() -> None:
    client = AsyncClient(namespace=NAMESPACE)
    start = [item async for item in client.list(ConfigMap)]
    seen: list[tuple[str, str]] = []

    async def read() -> None:
        async for kind, found in client.watch(ConfigMap, resource_version=version, server_timeout=120):
            seen.append((kind, found.metadata.name))
            if kind == "DELETED":
                return

    assert start
    version = max((item.metadata.resourceVersion for item in start), key=int)
    reader = asyncio.create_task(read())
    await client.create(config_map("w"))
    await client.patch(ConfigMap, "w", {"data": {"v": "1"}}, patch_type=PatchType.MERGE)
    await client.delete(ConfigMap, "w")
    await asyncio.wait_for(reader, 120)
    assert seen == [("ADDED", "w"), ("MODIFIED", "w"), ("DELETED", "w")]
    await client.close()


def main() -> None:
    client = Client(namespace=NAMESPACE)
    client.create(Namespace(metadata=ObjectMeta(name=NAMESPACE)))
    crud(client)
    workloads(client)
    generic(client)
    asyncio.run(watches())
    client.delete(Namespace, NAMESPACE)
    print("every call was answered as expected")


if __name__ == "__main__":
    main()
