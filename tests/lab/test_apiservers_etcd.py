"""Several API servers on one etcd."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from kube.apiserver.run import in_memory
from kube.store.etcd.drive import EtcdStore
from kube.store.etcd.options import EtcdOptions
from tests.lab.etcd_server import EtcdCluster
from tests.unit.kube.apiserver.conftest import Caller

pytestmark = pytest.mark.lab

MAPS = "/api/v1/namespaces/default/configmaps"
SERVICES = "/api/v1/namespaces/default/services"


@pytest.fixture
def etcd(tmp_path: Path) -> Iterator[EtcdCluster]:
    with EtcdCluster(tmp_path) as cluster:
        yield cluster


def run(body: Awaitable[None]) -> None:
    async def main() -> None:
        async with asyncio.timeout(300):
            await body

    asyncio.run(main())


@asynccontextmanager
async def server(etcd: EtcdCluster) -> AsyncIterator[Caller]:
    store = await EtcdStore.open(EtcdOptions(etcd.endpoints))
    async with in_memory(store=store) as core:
        yield Caller(core)


def config_map(name: str, **data: str) -> dict[str, object]:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": data}


def service(name: str) -> dict[str, object]:
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name},
        "spec": {"type": "NodePort", "selector": {"app": name}, "ports": [{"port": 80}]},
    }


def test_each_sees_the_others_writes_in_lists_and_watches(etcd: EtcdCluster) -> None:
    async def body() -> None:
        async with server(etcd) as a, server(etcd) as b:
            made = await a.create(MAPS, config_map("x", from_="a"))
            version = made["metadata"]["resourceVersion"]
            assert (await b.get(f"{MAPS}/x", resourceVersion=version))["data"] == {"from_": "a"}
            async with b.watch(MAPS, resourceVersion=version) as events:
                await a.patch(f"{MAPS}/x", {"data": {"from_": "a2"}})
                await b.patch(f"{MAPS}/x", {"data": {"more": "b"}})
                await a.do("DELETE", f"{MAPS}/x")
                told = [await events.next() for _ in range(3)]
            assert [event["type"] for event in told] == ["MODIFIED", "MODIFIED", "DELETED"]
            assert told[1]["object"]["data"] == {"from_": "a2", "more": "b"}
            versions = [int(event["object"]["metadata"]["resourceVersion"]) for event in told]
            assert versions == sorted(versions)
            await b.get(f"{MAPS}/x", expect=404, resourceVersion=str(versions[-1]))

    run(body())


def test_a_counter_that_both_add_to_misses_no_addition(etcd: EtcdCluster) -> None:
    async def body() -> None:
        async with server(etcd) as a, server(etcd) as b:
            made = await a.create(MAPS, config_map("n", count="0"))
            await b.get(f"{MAPS}/n", resourceVersion=made["metadata"]["resourceVersion"])

            async def add(caller: Caller) -> None:
                for _ in range(20):
                    while True:
                        found = await caller.get(f"{MAPS}/n")
                        found["data"]["count"] = str(int(found["data"]["count"]) + 1)
                        if (await caller.send("PUT", f"{MAPS}/n", found)).status == 200:
                            break

            await asyncio.gather(*(add(caller) for caller in (a, b, a, b)))
            async with server(etcd) as c:
                assert (await c.get(f"{MAPS}/n"))["data"] == {"count": "80"}

    run(body())


def test_a_server_started_later_has_the_objects_and_the_history(etcd: EtcdCluster) -> None:
    async def body() -> None:
        async with server(etcd) as a:
            made = await a.create(MAPS, config_map("x"))
            await a.do("DELETE", f"{MAPS}/x")
            await a.create(MAPS, config_map("y"))
        async with server(etcd) as b:
            assert [item["metadata"]["name"] for item in (await b.get(MAPS))["items"]] == ["y"]
            async with b.watch(MAPS, resourceVersion=made["metadata"]["resourceVersion"]) as events:
                assert [(await events.next())["type"] for _ in range(2)] == ["DELETED", "ADDED"]

    run(body())
