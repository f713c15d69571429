"""The watches of one kubernetes block, against an API server that keeps objects in memory."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from random import Random
from typing import Any

import pytest

from dns.cluster.feed_drive import ClusterFeed, seconds_of
from dns.cluster.source import Source
from dns.cluster.zone import ClusterZone
from dns.fakes.objects import endpoint, endpoint_slice, example_cluster, namespace, pod, service
from dns.fakes.serve import FakeApi
from dns.handlers.request import failed
from dns.handlers.site import World
from dns.metrics import Registry

KEY = ("testns", "svc1")


class Stand:
    """An API server, a feed, and what it made known."""

    def __init__(self, api: FakeApi, **source: Any) -> None:
        self.api = api
        self.touched: list[frozenset[str]] = []
        self.registry = Registry()
        self.cluster = ClusterZone()
        self.world = World(
            clock=time.monotonic,
            now=time.time,
            rng=Random(1),
            read_text=lambda path: "",
            lookup=lambda host, servers: (),
            resolve=lambda request: failed("", "none"),
            invalidate=self.touched.append,
            local_ips=lambda: (),
            log=lambda level, text: None,
            schedule=lambda awaited, done: None,
            registry=self.registry,
        )
        self.feed = ClusterFeed(Source(**source), self.cluster, self.world)

    async def until(self, check: Callable[[], bool]) -> None:
        async with asyncio.timeout(90):
            while not check():  # noqa: ASYNC110  # the zone has no event of its own
                await asyncio.sleep(0.005)


def run(steps: Callable[[Stand], Awaitable[Any]], *objects: dict[str, Any], **source: Any) -> Any:
    async def main() -> Any:
        api = FakeApi(objects or example_cluster())
        url = await api.start()
        stand = Stand(api, **{"endpoint": url, **source})
        task = asyncio.ensure_future(stand.feed.run())
        try:
            await stand.feed.wait_ready()
            return await steps(stand)
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            await api.stop()

    return asyncio.run(main())


def test_the_first_state_is_whole_before_it_is_ready() -> None:
    async def steps(stand: Stand) -> None:
        assert stand.cluster.synced
        assert "testns" in stand.cluster.namespaces
        assert stand.cluster.entry(*KEY).service is not None
        assert stand.cluster.endpoints_at("172.0.1.2") == (KEY,)
        assert stand.touched == [frozenset(("all",))]  # not each object of the first state

    run(steps)


def test_a_change_makes_known_what_it_touched() -> None:
    async def steps(stand: Stand) -> None:
        stand.touched.clear()
        stand.api.put(endpoint_slice("svc1", endpoint("172.0.1.99")))
        await stand.until(lambda: bool(stand.cluster.endpoints_at("172.0.1.99")))
        assert stand.cluster.endpoints_at("172.0.1.2") == ()
        assert {"svc/testns/svc1", "ip/172.0.1.99", "ip/172.0.1.2"} <= stand.touched[-1]

    run(steps)


def test_a_slice_that_changes_its_service_moves() -> None:
    async def steps(stand: Stand) -> None:
        moved = endpoint_slice("hdls2", endpoint("172.0.1.2"), name="svc1-slice1")
        stand.api.put(moved)
        await stand.until(lambda: stand.cluster.endpoints_at("172.0.1.2") == (("testns", "hdls2"),))
        assert not stand.cluster.entry(*KEY).slices

    run(steps)


def test_what_is_deleted_is_gone() -> None:
    async def steps(stand: Stand) -> None:
        stand.api.remove(service("svc1", ["10.0.0.100"]))
        stand.api.remove(namespace("empty"))
        await stand.until(lambda: stand.cluster.entry(*KEY).service is None)
        await stand.until(lambda: "empty" not in stand.cluster.namespaces)
        assert stand.cluster.services_at("10.0.0.100") == ()

    run(steps)


@pytest.mark.parametrize(("wanted", "expected"), [(True, (("testns", "p1"),)), (False, ())])
def test_pods_are_watched_when_they_are_wanted(wanted: bool, expected: tuple[Any, ...]) -> None:
    async def steps(stand: Stand) -> None:
        assert stand.cluster.pods_at("172.0.0.2") == expected
        if wanted:
            stand.api.put(pod("p1", "172.0.0.77"))
            await stand.until(lambda: stand.cluster.pods_at("172.0.0.77") == expected)

    run(steps, pods=wanted)


def test_without_endpoints_no_slice_is_watched() -> None:
    async def steps(stand: Stand) -> None:
        assert stand.cluster.entry(*KEY).service is not None
        assert not stand.cluster.entry(*KEY).slices

    run(steps, endpoints=False)


def test_how_long_a_change_took_is_measured_from_its_cause() -> None:
    async def steps(stand: Stand) -> str:
        for name, ip in (("svc1", "172.0.1.50"), ("hdls2", "172.0.1.51")):
            changed = endpoint_slice(name, endpoint(ip))
            stamp = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() - 5))
            changed["metadata"]["annotations"] = {"endpoints.kubernetes.io/last-change-trigger-time": stamp}
            stand.api.put(changed)
            await stand.until(lambda ip=ip: bool(stand.cluster.endpoints_at(ip)))  # type: ignore[misc]
        return stand.registry.render()

    text = run(steps)
    name = "coredns_kubernetes_dns_programming_duration_seconds"
    for kind in ("cluster_ip", "headless_with_selector"):
        assert f'{name}_count{{service_kind="{kind}"}} 1' in text
        assert f'{name}_bucket{{service_kind="{kind}",le="4.096"}} 0' in text
        assert f'{name}_bucket{{service_kind="{kind}",le="8.192"}} 1' in text


def test_a_start_without_the_api_goes_on_after_a_while() -> None:
    async def main() -> None:
        stand = Stand(FakeApi(), endpoint="http://127.0.0.1:1", startup_timeout_s=0.1)
        task = asyncio.ensure_future(stand.feed.run())
        await asyncio.wait_for(stand.feed.wait_ready(), 90)
        assert not stand.cluster.synced
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    asyncio.run(main())


def test_a_snapshot_is_answered_from_until_the_api_says_otherwise(tmp_path: Path) -> None:
    file = str(tmp_path / "snapshot")

    async def save(stand: Stand) -> None:
        stand.feed.save()

    run(save, snapshot=file)

    async def steps(stand: Stand) -> None:
        # The API now knows one Service only: what the snapshot had beside it is gone.
        assert stand.cluster.stale_since_s == 0.0
        assert set(stand.cluster.entries) == {("testns", "other")}
        assert stand.cluster.namespaces == {"testns"}

    run(steps, namespace("testns"), service("other", ["10.0.0.7"]), snapshot=file)

    async def away() -> None:
        stand = Stand(FakeApi(), endpoint="http://127.0.0.1:1", startup_timeout_s=0.05, snapshot=file)
        await stand.feed.wait_ready()
        assert stand.cluster.synced
        assert stand.cluster.stale_since_s > 0
        assert stand.cluster.entry(*KEY).service is not None

    run(save, snapshot=file)
    asyncio.run(away())


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("1970-01-01T00:00:10Z", 10.0),
        ("1970-01-01T01:00:10+01:00", 10.0),
        ("1970-01-01T00:00:10.5Z", 10.5),
        ("yesterday", None),
        ("", None),
    ],
)
def test_times_of_annotations(text: str, seconds: float | None) -> None:
    assert seconds_of(text) == seconds
