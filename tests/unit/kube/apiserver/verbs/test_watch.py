"""Watches: order, resumption, 410, bookmarks, selectors, representations, slow clients."""

import asyncio
from typing import Any

from kube.apiserver.state import Settings
from kube.store import watchers

CMS = "/api/v1/namespaces/default/configmaps"
PODS = "/api/v1/namespaces/default/pods"
TABLE = {"accept": "application/json;as=Table;v=v1;g=meta.k8s.io,application/json"}


def test_a_watch_without_revision_starts_with_what_is_there(run: Any, make: Any) -> None:
    async def body(call: Any) -> None:
        await call.create(CMS, make.config_map("a"))
        async with call.watch(CMS) as events:
            assert await events.pair() == ("ADDED", "a")
            await call.create(CMS, make.config_map("b"))
            assert await events.pair() == ("ADDED", "b")

    run(body)


def test_a_watch_resumes_behind_its_revision_in_order(run: Any, make: Any) -> None:
    async def body(call: Any) -> None:
        first = await call.create(CMS, make.config_map("a"))
        await call.patch(f"{CMS}/a", {"data": {"k": "1"}})
        await call.do("DELETE", f"{CMS}/a")
        async with call.watch(CMS, resourceVersion=first["metadata"]["resourceVersion"]) as events:
            changed, gone = await events.next(), await events.next()
            assert [changed["type"], gone["type"]] == ["MODIFIED", "DELETED"]
            versions = [int(event["object"]["metadata"]["resourceVersion"]) for event in (changed, gone)]
            assert versions[0] < versions[1] == call.api.cache.revision
            assert gone["object"]["data"] == {"k": "1"}  # the last state, with the deletion's version

    run(body)


def test_an_update_that_changes_nothing_is_no_event(run: Any, make: Any) -> None:
    async def body(call: Any) -> None:
        first = await call.create(CMS, make.config_map("a", data={"k": "v"}))
        async with call.watch(CMS, resourceVersion=first["metadata"]["resourceVersion"]) as events:
            same = await call.patch(f"{CMS}/a", {"data": {"k": "v"}})
            assert same["metadata"]["resourceVersion"] == first["metadata"]["resourceVersion"]
            await call.create(CMS, make.config_map("b"))
            assert await events.pair() == ("ADDED", "b")

    run(body)


def test_a_forgotten_revision_is_answered_with_an_expired_event(run: Any, make: Any) -> None:
    async def body(call: Any) -> None:
        call.api.cache._ring_events = 3
        first = await call.create(CMS, make.config_map("a"))
        for n in range(5):
            await call.patch(f"{CMS}/a", {"data": {"k": str(n)}})
        async with call.watch(CMS, resourceVersion=first["metadata"]["resourceVersion"]) as events:
            assert events.status == 200
            error = await events.next()
            assert (error["type"], error["object"]["code"], error["object"]["reason"]) == (
                "ERROR",
                410,
                "Expired",
            )
            assert await events.ended()

    run(body)


def test_initial_events_end_with_the_annotated_bookmark(run: Any, make: Any) -> None:
    async def body(call: Any) -> None:
        for name in "abc":
            await call.create(CMS, make.config_map(name))
        query = {
            "sendInitialEvents": "true",
            "allowWatchBookmarks": "true",
            "resourceVersionMatch": "NotOlderThan",
        }
        async with call.watch(CMS, **query) as events:
            assert [await events.pair() for _ in "abc"] == [("ADDED", name) for name in "abc"]
            bookmark = await events.next()
            metadata = bookmark["object"]["metadata"]
            assert bookmark["type"] == "BOOKMARK"
            assert metadata == {
                "resourceVersion": str(call.api.cache.revision),
                "annotations": {"k8s.io/initial-events-end": "true"},
            }
            await call.create(CMS, make.config_map("d"))
            assert await events.pair() == ("ADDED", "d")

    run(body)


def test_initial_events_without_the_match_are_refused(run: Any) -> None:
    async def body(call: Any) -> None:
        reply = await call.send("GET", CMS, query={"watch": "true", "sendInitialEvents": "true"})
        assert reply.status == 422

    run(body)


def test_idle_watches_get_bookmarks_with_the_newest_revision(run: Any, make: Any) -> None:
    async def body(call: Any) -> None:
        version = str(call.api.cache.revision)
        async with call.watch(CMS, resourceVersion=version, allowWatchBookmarks="true") as events:
            elsewhere = await call.create("/api/v1/namespaces", {"metadata": {"name": "other"}})
            wanted, told = int(elsewhere["metadata"]["resourceVersion"]), 0
            while told < wanted:  # the first may have been on its way
                bookmark = await events.next()
                assert bookmark["type"] == "BOOKMARK"
                assert bookmark["object"]["kind"] == "ConfigMap"
                told = int(bookmark["object"]["metadata"]["resourceVersion"])

    run(body, settings=Settings(bookmark_period_s=0.05))


def test_an_object_enters_and_leaves_a_selection(run: Any, make: Any) -> None:
    async def body(call: Any) -> None:
        version = str(call.api.cache.revision)
        async with call.watch(CMS, resourceVersion=version, labelSelector="tier=web") as events:
            await call.create(CMS, make.config_map("a"))
            await call.patch(f"{CMS}/a", {"metadata": {"labels": {"tier": "web"}}})
            assert await events.pair() == ("ADDED", "a")
            await call.patch(f"{CMS}/a", {"data": {"k": "v"}})
            assert await events.pair() == ("MODIFIED", "a")
            left = await call.patch(f"{CMS}/a", {"metadata": {"labels": None}})
            event = await events.next()
            assert event["type"] == "DELETED"
            assert event["object"]["metadata"]["labels"] == {"tier": "web"}
            assert event["object"]["metadata"]["resourceVersion"] == left["metadata"]["resourceVersion"]

    run(body)


def test_a_field_selection_follows_the_pod_to_its_node(run: Any, make: Any) -> None:
    async def body(call: Any) -> None:
        version = str(call.api.cache.revision)
        async with call.watch(
            "/api/v1/pods", resourceVersion=version, fieldSelector="spec.nodeName=n1"
        ) as events:
            for name, node in (("a", "n2"), ("b", "n1")):
                await call.create(PODS, make.pod(name))
                binding = {"metadata": {"name": name}, "target": {"kind": "Node", "name": node}}
                await call.create(f"{PODS}/{name}/binding", binding)
            assert await events.pair() == ("ADDED", "b")
        listed = await call.get("/api/v1/pods", fieldSelector="spec.nodeName=n1")
        assert [item["metadata"]["name"] for item in listed["items"]] == ["b"]

    run(body)


def test_a_table_watch_sends_tables_of_one_row(run: Any, make: Any) -> None:
    async def body(call: Any) -> None:
        await call.create(PODS, make.pod("a"))
        async with call.watch(PODS, headers=TABLE) as events:
            event = await events.next()
            table = event["object"]
            assert (event["type"], table["kind"], len(table["rows"])) == ("ADDED", "Table", 1)
            assert table["rows"][0]["cells"][:3] == ["a", "0/1", "Pending"]
            assert table["rows"][0]["object"]["kind"] == "PartialObjectMetadata"

    run(body)


def test_a_watch_ends_cleanly_after_its_timeout(run: Any) -> None:
    async def body(call: Any) -> None:
        async with call.watch(
            CMS, timeoutSeconds="1", resourceVersion=str(call.api.cache.revision)
        ) as events:
            assert await events.ended()
        assert not call.api.cache.collection("configmaps").watchers

    run(body)


def test_a_client_that_does_not_read_is_dropped_and_others_go_on(
    run: Any, make: Any, monkeypatch: Any
) -> None:
    async def body(call: Any) -> None:
        monkeypatch.setattr(watchers, "MAX_QUEUED_LINES", 10)
        version = str(call.api.cache.revision)
        async with (
            call.watch(CMS, resourceVersion=version) as slow,
            call.watch(CMS, resourceVersion=version) as quick,
        ):
            for n in range(30):
                await call.create(CMS, make.config_map(f"a{n}"))
                assert await quick.pair() == ("ADDED", f"a{n}")
            assert await slow.ended()
        ended = 'apiserver_terminated_watchers_total{group="",kind="ConfigMap",resource="configmaps",version="v1"} 1'
        assert ended in call.api.metrics.render({})

    run(body)


def test_a_watch_of_the_future_waits_for_it(run: Any, make: Any) -> None:
    async def body(call: Any) -> None:
        future = call.api.cache.revision + 2
        async with call.watch(CMS, resourceVersion=str(future)) as events:
            for name in "abc":
                await call.create(CMS, make.config_map(name))
            assert await events.pair() == ("ADDED", "c")

    run(body)


def test_watches_of_one_object_and_of_one_namespace_see_only_theirs(run: Any, make: Any) -> None:
    async def body(call: Any) -> None:
        await call.create("/api/v1/namespaces", {"metadata": {"name": "default2"}})
        version = str(call.api.cache.revision)
        async with (
            call.watch(f"{CMS}/b", resourceVersion=version) as one,
            call.watch(CMS, resourceVersion=version, fieldSelector="metadata.name=b") as field,
            call.watch("/api/v1/namespaces/default2/configmaps", resourceVersion=version) as other,
        ):
            for name in "ab":
                await call.create(CMS, make.config_map(name))
            await call.create("/api/v1/namespaces/default2/configmaps", make.config_map("c"))
            assert await one.pair() == await field.pair() == ("ADDED", "b")
            assert await other.pair() == ("ADDED", "c")

    run(body)


def test_events_arrive_in_order_while_hundreds_write(run: Any, make: Any) -> None:
    async def body(call: Any) -> None:
        async with call.watch(CMS, resourceVersion=str(call.api.cache.revision)) as events:
            await asyncio.gather(*(call.create(CMS, make.config_map(f"a{n}")) for n in range(200)))
            seen = [await events.next() for _ in range(200)]
        versions = [int(event["object"]["metadata"]["resourceVersion"]) for event in seen]
        assert versions == sorted(set(versions))

    run(body)
