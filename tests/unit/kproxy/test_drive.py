"""The driver: when it syncs, with what, and what it does when a kernel refuses."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import msgspec

from kproxy.configuration.config import Configuration
from kproxy.drive import Proxy
from kproxy.forwarding import Forward, ServicePortName
from kproxy.metrics.catalogue import ProxyMetrics
from kube.client import Client
from kube.objects import EndpointSlice, Node, Service, ServiceCIDR
from tests.flows.kproxy_values import Setup, Svc, away, here, services_of, slices_of
from tests.unit.kproxy.fake_api import FakeApi, FakeBackend

_NAME = ServicePortName("ns", "svc", "p", "TCP")
_NODE = msgspec.convert(
    {
        "metadata": {"name": "test-node"},
        "spec": {"podCIDRs": ["10.180.0.0/24"]},
        "status": {"addresses": [{"type": "InternalIP", "address": "192.168.0.2"}]},
    },
    Node,
)


def _objects(svc: Svc) -> tuple[Service, EndpointSlice]:
    setup = Setup((svc,))
    return next(iter(services_of(setup, 4))), next(iter(slices_of(setup, 4)))


@asynccontextmanager
async def _running(api: FakeApi, backend: FakeBackend, **more: object) -> AsyncIterator[Proxy]:
    config = Configuration(mode="nftables")
    proxy = Proxy(Client(api), config, "test-node", {4: backend}, ProxyMetrics(), **more)  # type: ignore[arg-type]
    task = asyncio.ensure_future(proxy.run())
    try:
        yield proxy
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def _run(test: Callable[[], Awaitable[None]]) -> None:
    async def bounded() -> None:
        async with asyncio.timeout(90):
            await test()

    asyncio.run(bounded())


async def _until(condition: Callable[[], bool]) -> None:
    while not condition():  # noqa: ASYNC110 - conditions are plain values
        await asyncio.sleep(0.005)


def test_nothing_is_written_before_services_and_endpoints_are_known() -> None:
    async def test() -> None:
        api, backend = FakeApi(*_objects(Svc(endpoints=(here("10.180.0.1"),))), _NODE), FakeBackend()
        api.held = {"endpointslices"}
        async with _running(api, backend):
            await asyncio.sleep(0.1)
            assert backend.calls == []
            api.let_go.set()
            await backend.synced.wait()
            assert backend.calls == [None]
            service = backend.table[_NAME]
            assert isinstance(service.internal, Forward)  # type: ignore[attr-defined]

    _run(test)


def test_a_change_is_a_sync_of_that_service_alone() -> None:
    async def test() -> None:
        service, item = _objects(Svc(endpoints=(here("10.180.0.1"),)))
        _, more = _objects(Svc(endpoints=(here("10.180.0.1"), away("10.180.0.2"))))
        api, backend = FakeApi(service, item, _NODE), FakeBackend()
        async with _running(api, backend) as proxy:
            await backend.synced.wait()
            api.put(more)
            await _until(lambda: len(backend.calls) == 2)
            assert backend.calls[1] == {_NAME}
            assert proxy.metrics.endpoint_changes.value() == 2
            assert proxy.metrics.endpoint_changes_pending.value() == 0

    _run(test)


def test_a_burst_of_changes_is_few_syncs() -> None:
    async def test() -> None:
        service, item = _objects(Svc(endpoints=(here("10.180.0.1"),)))
        api, backend = FakeApi(service, item, _NODE), FakeBackend()
        async with _running(api, backend, min_sync_period_s=0.05):
            await backend.synced.wait()
            for i in range(2, 50):
                api.put(_objects(Svc(endpoints=(away(f"10.180.0.{i}"),)))[1])
                await asyncio.sleep(0)
            await _until(lambda: "10.180.0.49" in str(backend.table[_NAME]))
            assert len(backend.calls) < 6

    _run(test)


def test_a_refused_sync_is_done_again_whole() -> None:
    async def test() -> None:
        service, item = _objects(Svc(endpoints=(here("10.180.0.1"),)))
        api, backend = FakeApi(service, item, _NODE), FakeBackend()
        async with _running(api, backend) as proxy:
            await backend.synced.wait()
            backend.refuse = 1
            api.put(_objects(Svc(endpoints=(away("10.180.0.2"),)))[1])
            await _until(lambda: len(backend.calls) >= 3)
            assert backend.calls[1:3] == [{_NAME}, None]
            assert proxy.metrics.sync_failures.value("IPv4") == 1

    _run(test)


def test_distrust_compares_everything() -> None:
    async def test() -> None:
        api, backend = FakeApi(_NODE), FakeBackend()
        async with _running(api, backend) as proxy:
            await backend.synced.wait()
            proxy.distrust(4)
            await _until(lambda: len(backend.calls) == 2)
            assert backend.calls[1] is None
            assert backend.distrusted == 1

    _run(test)


def test_leftovers_are_settled_a_second_later() -> None:
    async def test() -> None:
        api, backend = FakeApi(_NODE), FakeBackend()
        backend.leftovers = True
        async with _running(api, backend):
            await _until(lambda: backend.settled == 1)

    _run(test)


def test_the_node_and_service_ranges_reach_the_backend() -> None:
    async def test() -> None:
        cidr = msgspec.convert({"metadata": {"name": "k"}, "spec": {"cidrs": ["172.30.0.0/16"]}}, ServiceCIDR)
        api, backend = FakeApi(_NODE, cidr), FakeBackend()
        async with _running(api, backend):
            await _until(lambda: backend.node is not None and bool(backend.node.service_cidrs))
            assert backend.node is not None
            assert backend.node.service_cidrs == ("172.30.0.0/16",)
            assert backend.node.node_port_addresses == ("192.168.0.2",)

    _run(test)


def test_services_without_local_endpoints_are_counted() -> None:
    async def test() -> None:
        service, item = _objects(Svc(internal="Local", endpoints=(away("10.180.0.1"),)))
        api, backend = FakeApi(service, item, _NODE), FakeBackend()
        async with _running(api, backend) as proxy:
            await backend.synced.wait()
            await asyncio.sleep(0)
            assert proxy.metrics.no_local_endpoints.value("IPv4", "internal") == 1
            api.put(_objects(Svc(internal="Local", endpoints=(here("10.180.0.1"),)))[1])
            await _until(lambda: proxy.metrics.no_local_endpoints.value("IPv4", "internal") == 0)

    _run(test)


def test_health_follows_the_syncs() -> None:
    async def test() -> None:
        api, backend = FakeApi(_NODE), FakeBackend()
        async with _running(api, backend) as proxy:
            assert proxy.healthz().status == 503  # the node is not known yet
            assert proxy.livez().status == 200
            await backend.synced.wait()
            await asyncio.sleep(0)
            assert proxy.healthz().status == 200
            assert proxy.metrics.healthz.value("200") == 1

    _run(test)


def test_a_cluster_without_service_ranges_is_served() -> None:
    async def test() -> None:
        api, backend = FakeApi(_NODE), FakeBackend()
        api.missing = {"servicecidrs"}
        async with _running(api, backend):
            async with asyncio.timeout(60):
                await backend.synced.wait()

    _run(test)


def _node_with(**more: object) -> Node:
    """This node, with fields of its own: metadata and spec."""
    document = {"metadata": {"name": "test-node", **more.pop("metadata", {})}, **more}  # type: ignore[dict-item]
    document["status"] = {"addresses": [{"type": "InternalIP", "address": "192.168.0.2"}]}
    return msgspec.convert(document, Node)


def test_balancers_are_told_of_a_node_that_is_to_go() -> None:
    taints = [{"key": "ToBeDeletedByClusterAutoscaler", "effect": "NoSchedule"}]

    async def test() -> None:
        api, backend = FakeApi(_NODE), FakeBackend()
        async with _running(api, backend) as proxy:
            await backend.synced.wait()
            assert proxy.healthz().status == 200
            leaving = (
                (_node_with(spec={"taints": taints}), "MODIFIED"),
                (_node_with(metadata={"deletionTimestamp": "2024-01-01T00:00:00Z"}), "MODIFIED"),
                (_NODE, "DELETED"),
            )
            for node, event in leaving:
                api.put(node, event)
                await _until(lambda: proxy.healthz().status == 503)
                assert proxy.livez().status == 200
                api.put(_NODE)
                await _until(lambda: proxy.healthz().status == 200)

    _run(test)


def test_a_node_that_is_gone_from_the_api_keeps_its_addresses_and_zone() -> None:
    async def test() -> None:
        zoned = _node_with(metadata={"labels": {"topology.kubernetes.io/zone": "a"}})
        api, backend = FakeApi(zoned), FakeBackend()
        async with _running(api, backend) as proxy:
            await backend.synced.wait()
            api.put(zoned, "DELETED")
            await _until(lambda: proxy.healthz().status == 503)
            assert proxy.place.zone == "a"
            assert backend.node is not None
            assert backend.node.node_port_addresses == ("192.168.0.2",)

    _run(test)


def test_a_changed_zone_or_address_of_the_node_counts_at_once() -> None:
    async def test() -> None:
        near = here("10.180.0.1", zones=("a",)), away("10.180.0.2", zones=("b",))
        api, backend = FakeApi(*_objects(Svc(endpoints=near)), _NODE), FakeBackend()
        async with _running(api, backend) as proxy:
            await backend.synced.wait()
            api.put(_node_with(metadata={"labels": {"topology.kubernetes.io/zone": "b"}}))
            await _until(lambda: proxy.place.zone == "b" and len(backend.calls) > 1)
            internal = backend.table[_NAME].internal  # type: ignore[attr-defined]
            assert [e.ip for e in internal.endpoints] == ["10.180.0.2"]
            moved = msgspec.convert(
                {
                    "metadata": {"name": "test-node"},
                    "status": {"addresses": [{"type": "InternalIP", "address": "192.168.7.7"}]},
                },
                Node,
            )
            api.put(moved)
            await _until(
                lambda: backend.node is not None and backend.node.node_port_addresses == ("192.168.7.7",)
            )

    _run(test)


def test_a_changed_service_range_counts_at_once() -> None:
    def ranges(*cidrs: str) -> ServiceCIDR:
        return msgspec.convert({"metadata": {"name": "k"}, "spec": {"cidrs": list(cidrs)}}, ServiceCIDR)

    async def test() -> None:
        api, backend = FakeApi(_NODE, ranges("172.30.0.0/16")), FakeBackend()
        async with _running(api, backend):
            await _until(lambda: backend.node is not None and bool(backend.node.service_cidrs))
            api.put(ranges("172.30.0.0/16", "172.31.0.0/16"))
            await _until(
                lambda: (
                    backend.node is not None
                    and backend.node.service_cidrs == ("172.30.0.0/16", "172.31.0.0/16")
                )
            )

    _run(test)


def test_services_of_another_proxy_and_headless_slices_are_not_asked_for() -> None:
    async def test() -> None:
        api, backend = FakeApi(_NODE), FakeBackend()
        async with _running(api, backend):
            await backend.synced.wait()
        asked = {path.rpartition("/")[2]: query for path, query in api.asked}
        assert asked["services"]["labelSelector"] == "!service.kubernetes.io/service-proxy-name"
        assert asked["services"]["fieldSelector"] == "spec.clusterIP!=None"
        assert asked["endpointslices"]["labelSelector"] == "!service.kubernetes.io/headless"
        assert asked["nodes"]["fieldSelector"] == "metadata.name=test-node"

    _run(test)
