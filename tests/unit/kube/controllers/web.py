"""What most walks are about: a Service and its Deployment `web` in the namespace `demo`."""

from __future__ import annotations

from typing import Any

from kube.client import PatchKind
from kube.objects import (
    Deployment,
    EndpointSlice,
    Namespace,
    Service,
)
from tests.unit.kube.controllers.cluster import Cluster, send

APP = {"app": "web"}


def deployment(replicas: int, image: str = "web:1", **spec: Any) -> dict[str, Any]:
    template = {"metadata": {"labels": APP}, "spec": {"containers": [{"name": "c", "image": image}]}}
    return {
        "metadata": {"name": "web"},
        "spec": {"replicas": replicas, "selector": {"matchLabels": APP}, "template": template, **spec},
    }


async def demo(one: Cluster, replicas: int = 6, **spec: Any) -> None:
    """Namespace, Service and Deployment, all replicas available."""
    await send(one.client, Namespace, "", {"metadata": {"name": "demo"}})
    service = {"selector": APP, "ports": [{"name": "http", "port": 80, "targetPort": 8080}]}
    await send(one.client, Service, "demo", {"metadata": {"name": "web"}, "spec": service})
    await send(one.client, Deployment, "demo", deployment(replicas, **spec))
    await one.until(lambda: is_settled(one))


async def is_settled(one: Cluster) -> bool:
    """The rollout is over and the endpoints are the pods'."""
    found = await one.client.get(Deployment, "web", "demo")
    status, wanted = found.status, found.spec.replicas
    done = status.observed_generation >= found.metadata.generation
    counts = (status.replicas, status.updated_replicas, status.available_replicas)
    pods = await one.pods()
    return done and counts == (wanted,) * 3 and len(pods) == wanted == len(await ready_addresses(one))


async def ready_addresses(one: Cluster) -> set[str]:
    slices = (await one.client.list(EndpointSlice, "demo")).items
    return {
        address
        for found in slices
        for endpoint in found.endpoints
        if endpoint.conditions.ready
        for address in endpoint.addresses
    }


async def set_image(one: Cluster, image: str) -> None:
    containers = [{"name": "c", "image": image}]
    body = {"spec": {"template": {"spec": {"containers": containers}}}}
    await one.client.patch(Deployment, "web", "demo", body, kind=PatchKind.STRATEGIC)


async def scale(one: Cluster, replicas: int) -> None:
    await one.client.patch(Deployment, "web", "demo", {"spec": {"replicas": replicas}})
