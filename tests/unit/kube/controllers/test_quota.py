"""Quotas beside real workloads: what is charged by the server is given back by the controller, exactly."""

from __future__ import annotations

from typing import Any

import pytest

from kube.client import ApiError
from kube.controllers.quota.kinds import ResourceQuota
from kube.controllers.quota.plan import status
from kube.objects import ConfigMap, Deployment, Namespace, Pod, Service
from tests.unit.kube.controllers import virtual
from tests.unit.kube.controllers.cluster import Cluster, cluster, send

APP = {"app": "web"}


def deployment(replicas: int) -> dict[str, Any]:
    container = {"name": "c", "image": "x", "resources": {"requests": {"cpu": "100m"}}}
    template = {"metadata": {"labels": APP}, "spec": {"containers": [container]}}
    spec = {"replicas": replicas, "selector": {"matchLabels": APP}, "template": template}
    return {"metadata": {"name": "web"}, "spec": spec}


async def with_quota(one: Cluster, **hard: str) -> None:
    await send(one.client, Namespace, "", {"metadata": {"name": "demo"}})
    spec = {"hard": {name.replace("__", "."): amount for name, amount in hard.items()}}
    await send(one.client, ResourceQuota, "demo", {"metadata": {"name": "q"}, "spec": spec})


async def used(one: Cluster) -> dict[str, str]:
    found: dict[str, str] = (await one.client.get(ResourceQuota, "q", "demo")).status.get("used", {})
    return found


@pytest.mark.parametrize("seed", range(4))
def test_never_more_than_allowed_and_all_is_given_back(seed: int) -> None:
    async def main() -> None:
        async with cluster(seed=seed, late_s=0.05, watch_events=20) as one:
            await with_quota(one, pods="5", requests__cpu="1")
            await send(one.client, Deployment, "demo", deployment(8))

            async def full() -> bool:
                pods = await one.pods()
                assert len(pods) <= 5
                return len(pods) == 5 and (await used(one)) == {"pods": "5", "requests.cpu": "500m"}

            await one.until(full)
            await one.client.patch(Deployment, "web", "demo", {"spec": {"replicas": 2}})

            async def shrunk() -> bool:
                return len(await one.pods()) == 2 and await used(one) == {"pods": "2", "requests.cpu": "200m"}

            await one.until(shrunk)
            await one.client.patch(Deployment, "web", "demo", {"spec": {"replicas": 9}})
            await one.until(full, within_s=120)
            await one.client.delete(Deployment, "web", "demo")

            async def empty() -> bool:
                return await used(one) == {"pods": "0", "requests.cpu": "0"}

            await one.until(empty)

    virtual.run(main())


def test_pods_that_have_ended_make_room() -> None:
    async def main() -> None:
        async with cluster() as one:
            await with_quota(one, pods="1")
            spec = {"restartPolicy": "Never", "containers": [{"name": "c", "image": "x"}]}
            await send(one.client, Pod, "demo", {"metadata": {"name": "first"}, "spec": spec})
            with pytest.raises(ApiError, match="exceeded quota: q"):
                await send(one.client, Pod, "demo", {"metadata": {"name": "second"}, "spec": spec})

            async def free() -> bool:
                return await used(one) == {"pods": "0"}

            await one.until(free)
            await send(one.client, Pod, "demo", {"metadata": {"name": "second"}, "spec": spec})

    virtual.run(main())


def test_kinds_without_a_mirror_are_followed_once_they_are_counted() -> None:
    async def main() -> None:
        async with cluster() as one:
            await send(one.client, Namespace, "", {"metadata": {"name": "demo"}})
            await send(one.client, ConfigMap, "demo", {"metadata": {"name": "before"}})
            hard = {"count/secrets": "5", "services.nodeports": "1", "configmaps": "10"}
            await send(one.client, ResourceQuota, "demo", {"metadata": {"name": "q"}, "spec": {"hard": hard}})

            def says(wanted: dict[str, str]) -> Any:
                async def holds() -> bool:
                    found = await used(one)
                    return {name: found.get(name) for name in wanted} == wanted

                return holds

            await one.until(says({"count/secrets": "0", "configmaps": "2"}))  # with kube-root-ca.crt
            await one.client.raw(
                "POST",
                "/api/v1/namespaces/demo/secrets",
                headers={"content-type": "application/json"},
                body=b'{"metadata":{"name":"s"}}',
            )
            node_port = {"type": "NodePort", "ports": [{"port": 80}]}
            await send(one.client, Service, "demo", {"metadata": {"name": "s"}, "spec": node_port})
            await one.until(says({"count/secrets": "1", "services.nodeports": "1"}))
            await one.client.raw("DELETE", "/api/v1/namespaces/demo/secrets/s")
            await one.client.patch(Service, "s", "demo", {"spec": {"type": "ClusterIP"}})
            await one.until(says({"count/secrets": "0", "services.nodeports": "0"}))
            more = {"spec": {"hard": {"count/secrets": "7"}}}
            await one.client.patch(ResourceQuota, "q", "demo", more)

            async def follows() -> bool:
                found = await one.client.get(ResourceQuota, "q", "demo")
                return bool(found.status["hard"]["count/secrets"] == "7")

            await one.until(follows)

    virtual.run(main())


def test_a_status_that_is_right_is_not_written() -> None:
    quota = {
        "metadata": {"name": "q"},
        "spec": {"hard": {"pods": "5"}},
        "status": {"hard": {"pods": "5"}, "used": {"pods": "0"}},
    }
    assert status(quota, {"pods": []}, 0) is None
    assert status({**quota, "status": {}}, {"pods": []}, 0) == quota["status"]
