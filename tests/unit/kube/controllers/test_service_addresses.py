"""ServiceCIDRs and IPAddresses: ranges come and go, addresses agree with Services (KEP-1880)."""

from __future__ import annotations

from typing import Any

import pytest

from kube.client import Invalid, NotFound
from kube.objects import IPAddress, Namespace, Service, ServiceCIDR
from tests.unit.kube.controllers import virtual
from tests.unit.kube.controllers.cluster import Cluster, cluster, send

NEW = "203.0.113.0/24"


async def add_range(one: Cluster, name: str = "more", cidr: str = NEW) -> None:
    await send(one.client, ServiceCIDR, "", {"metadata": {"name": name}, "spec": {"cidrs": [cidr]}})
    await one.until(lambda: is_ready(one, name))


async def is_ready(one: Cluster, name: str) -> bool:
    found = await one.client.get(ServiceCIDR, name)
    return any(row.type == "Ready" and row.status == "True" for row in found.status.conditions)


async def add_service(one: Cluster, name: str, **spec: Any) -> Service:
    body = {"metadata": {"name": name}, "spec": {"ports": [{"port": 80}], **spec}}
    await send(one.client, Service, "default", body)
    return await one.client.get(Service, name, "default")


async def is_gone(one: Cluster, cls: type[Any], name: str) -> bool:
    try:
        await one.client.get(cls, name)
    except NotFound:
        return True
    return False


def test_a_new_range_is_given_from_once_it_is_ready() -> None:
    async def main() -> None:
        async with cluster(1) as one:
            with pytest.raises(Invalid, match="not in the valid range"):
                await add_service(one, "early", clusterIP="203.0.113.10")
            await add_range(one)
            assert (await add_service(one, "s", clusterIP="203.0.113.10")).spec.cluster_ip == "203.0.113.10"
            address = await one.client.get(IPAddress, "203.0.113.10")
            assert address.spec.parent_ref is not None
            assert address.spec.parent_ref.name == "s"

    virtual.run(main())


def test_a_range_goes_when_its_last_address_does() -> None:
    async def main() -> None:
        async with cluster(1) as one:
            await add_range(one)
            await add_service(one, "s", clusterIP="203.0.113.10")
            await one.client.delete(ServiceCIDR, "more")

            async def waits() -> bool:
                found = await one.client.get(ServiceCIDR, "more")
                return [(row.status, row.reason) for row in found.status.conditions] == [
                    ("False", "Terminating")
                ]

            await one.until(waits)
            with pytest.raises(Invalid, match="not in the valid range"):
                await add_service(one, "late", clusterIP="203.0.113.11")
            await one.client.delete(Service, "s", "default")
            await one.until(lambda: is_gone(one, ServiceCIDR, "more"))

    virtual.run(main())


def test_a_range_may_go_whose_addresses_another_holds() -> None:
    async def main() -> None:
        async with cluster(1) as one:
            await add_range(one)
            await add_service(one, "s", clusterIP="203.0.113.10")
            await add_range(one, "wider", "203.0.112.0/23")
            await one.client.delete(ServiceCIDR, "more")
            await one.until(lambda: is_gone(one, ServiceCIDR, "more"))
            with pytest.raises(Invalid, match="already allocated"):
                await add_service(one, "twice", clusterIP="203.0.113.10")

    virtual.run(main())


def test_an_address_that_somebody_deleted_comes_back() -> None:
    async def main() -> None:
        async with cluster(1) as one:
            service = await add_service(one, "s")
            await one.client.delete(IPAddress, service.spec.cluster_ip)

            async def is_back() -> bool:
                return not await is_gone(one, IPAddress, service.spec.cluster_ip)

            await one.until(is_back)

    virtual.run(main())


def test_an_address_without_its_service_is_removed() -> None:
    async def main() -> None:
        async with cluster(1) as one:
            await send(one.client, Namespace, "", {"metadata": {"name": "demo"}})
            labels = {
                "ipaddress.kubernetes.io/managed-by": "ipallocator.k8s.io",
                "ipaddress.kubernetes.io/ip-family": "IPv4",
            }
            parent = {"group": "", "resource": "services", "namespace": "demo", "name": "never"}
            for name, marks in (("10.96.7.7", labels), ("10.96.7.8", {})):
                meta = {"name": name, "labels": marks}
                await send(one.client, IPAddress, "", {"metadata": meta, "spec": {"parentRef": parent}})
            await one.until(lambda: is_gone(one, IPAddress, "10.96.7.7"))
            assert not await is_gone(one, IPAddress, "10.96.7.8"), "somebody else's address is theirs"

    virtual.run(main())
