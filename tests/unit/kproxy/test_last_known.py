"""The last known state: kept on disk, served while nobody says otherwise, forgotten where the API knows better."""

import asyncio
from pathlib import Path

import msgspec
import pytest

from kproxy import last_known_disk
from kproxy.configuration.config import Configuration
from kproxy.drive import Proxy
from kproxy.forwarding import Forward, ServicePortName
from kproxy.last_known_drive import LastKnown
from kproxy.metrics.catalogue import ProxyMetrics
from kube.client import Client
from kube.objects import Node, ServiceCIDR
from kube.objects.value import Object
from tests.flows.kproxy_values import Setup, Svc, away, here, services_of, slices_of
from tests.unit.kproxy.fake_api import FakeApi, FakeBackend

_NODE = msgspec.convert(
    {
        "metadata": {"name": "test-node"},
        "status": {"addresses": [{"type": "InternalIP", "address": "192.168.0.2"}]},
    },
    Node,
)
_RANGES = msgspec.convert({"metadata": {"name": "k"}, "spec": {"cidrs": ["172.30.0.0/16"]}}, ServiceCIDR)


def _objects(*services: Svc) -> list[Object]:
    setup = Setup(services)
    return [*services_of(setup, 4), *slices_of(setup, 4)]


def _name(service: str) -> ServicePortName:
    return ServicePortName("ns", service, "p", "TCP")


def test_what_is_saved_is_loaded_and_for_its_user_alone(tmp_path: Path) -> None:
    path = last_known_disk.path_of("n", tmp_path / "folder")
    assert last_known_disk.load(path) == []
    objects = [*_objects(Svc(endpoints=(here("10.180.0.1"),))), _NODE, _RANGES]
    last_known_disk.save(path, objects)
    assert last_known_disk.load(path) == objects
    assert path.stat().st_mode & 0o777 == 0o600
    assert [p.name for p in path.parent.iterdir()] == ["n.jsonl"]


@pytest.mark.parametrize("content", [b"nonsense", b'{"kind":"Pod"}', b'{"kind":"Service","spec":[]}'])
def test_a_file_that_is_no_state_is_removed(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "n.jsonl"
    path.write_bytes(content)
    assert last_known_disk.load(path) == []
    assert not path.exists()


async def _until(condition: object) -> None:
    async with asyncio.timeout(90):
        while not condition():  # type: ignore[operator]  # noqa: ASYNC110 - conditions are plain values
            await asyncio.sleep(0.005)


def test_it_is_served_until_the_api_says_what_there_is(tmp_path: Path) -> None:
    path = tmp_path / "n.jsonl"
    old = Svc(endpoints=(here("10.180.0.1"),), name="stays"), Svc(endpoints=(), name="goes")
    last_known_disk.save(path, [*_objects(*old), _NODE, _RANGES])
    new = _objects(Svc(endpoints=(away("10.180.0.2"),), name="stays"))

    async def test() -> None:
        api, backend = FakeApi(*new, _NODE, _RANGES), FakeBackend()
        api.held = {"services", "endpointslices", "nodes", "servicecidrs"}
        config = Configuration(mode="userspace")
        proxy = Proxy(Client(api), config, "test-node", {4: backend}, ProxyMetrics())  # type: ignore[dict-item]
        kept = LastKnown(proxy, path, patience_s=0.05, every_s=0.05)
        tasks = [asyncio.ensure_future(proxy.run()), asyncio.ensure_future(kept.run())]
        try:
            await _until(lambda: set(backend.table) == {_name("stays"), _name("goes")})
            assert backend.node is not None
            assert backend.node.service_cidrs == ("172.30.0.0/16",)
            assert not proxy.synced_once.is_set()
            api.let_go.set()
            await _until(lambda: set(backend.table) == {_name("stays")})
            internal = backend.table[_name("stays")].internal  # type: ignore[attr-defined]
            assert isinstance(internal, Forward)
            assert [e.ip for e in internal.endpoints] == ["10.180.0.2"]
            await _until(lambda: len(last_known_disk.load(path)) == 4)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    asyncio.run(test())


def test_an_api_that_answers_is_believed_at_once(tmp_path: Path) -> None:
    path = tmp_path / "n.jsonl"
    last_known_disk.save(path, _objects(Svc(name="old")))

    async def test() -> None:
        api, backend = FakeApi(*_objects(Svc(name="new")), _NODE), FakeBackend()
        proxy = Proxy(
            Client(api),
            Configuration(mode="userspace"),
            "test-node",
            {4: backend},
            ProxyMetrics(),  # type: ignore[dict-item]
        )
        kept = LastKnown(proxy, path, patience_s=20, every_s=0.05)
        tasks = [asyncio.ensure_future(proxy.run()), asyncio.ensure_future(kept.run())]
        try:
            await backend.synced.wait()
            assert set(backend.table) == {_name("new")}
            await _until(lambda: "new" in str(last_known_disk.load(path)))
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    asyncio.run(test())
