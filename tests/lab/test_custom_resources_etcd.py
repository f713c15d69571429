"""Custom resources on two API servers that share an etcd."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from kube.apiserver.run import in_memory
from kube.store.etcd.drive import EtcdStore
from kube.store.etcd.options import EtcdOptions
from tests.lab.etcd_server import EtcdCluster
from tests.unit.kube.apiserver.conftest import Caller
from tests.unit.kube.apiserver.customresources.conftest import DEFINITIONS, THINGS, definition, thing

pytestmark = pytest.mark.lab

PATH = f"{DEFINITIONS}/things.example.com"
FREE = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}


@pytest.fixture
def etcd(tmp_path: Path) -> Iterator[EtcdCluster]:
    with EtcdCluster(tmp_path) as cluster:
        yield cluster


@asynccontextmanager
async def server(etcd: EtcdCluster) -> AsyncIterator[Caller]:
    store = await EtcdStore.open(EtcdOptions(etcd.endpoints))
    async with in_memory(store=store) as core:
        yield Caller(core)


async def gone(call: Caller) -> None:
    async with asyncio.timeout(120):
        while (await call.send("GET", PATH)).status != 404:  # noqa: ASYNC110 - only the API can tell
            await asyncio.sleep(0.01)


def test_what_one_defines_the_other_serves_at_once(etcd: EtcdCluster) -> None:
    async def body() -> None:
        async with server(etcd) as one, server(etcd) as other:
            for number in range(5):
                await one.create(DEFINITIONS, definition(FREE))
                await other.create(THINGS, thing("a", {"n": number}))
                assert (await one.get(f"{THINGS}/a"))["spec"] == {"n": number}
                await other.do("DELETE", PATH)
                await gone(one)
                await gone(other)
                assert (await other.send("GET", THINGS)).status == 404

    asyncio.run(body())


def test_no_object_outlives_its_definition(etcd: EtcdCluster) -> None:
    """The definition ends on one server while the other makes objects."""

    async def body() -> None:
        async with server(etcd) as one, server(etcd) as other:
            for _ in range(5):
                await one.create(DEFINITIONS, definition(FREE))
                await other.get(THINGS)

                async def make(number: int) -> Any:
                    return await other.send("POST", THINGS, thing(f"t{number}", {}))

                replies = await asyncio.gather(*(make(n) for n in range(10)), one.send("DELETE", PATH))
                assert {reply.status for reply in replies} <= {200, 201, 404, 405}
                await gone(one)
                await gone(other)
                prefix = "/registry/things.example.com/"
                assert (await one.api.store.list(prefix)).rows == ()

    asyncio.run(body())
