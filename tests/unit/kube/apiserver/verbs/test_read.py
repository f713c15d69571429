"""Lists: chunks at one revision, the resourceVersion table, selectors, representations."""

import asyncio
from typing import Any

import pytest

CMS = "/api/v1/namespaces/default/configmaps"


async def _fill(call: Any, make: Any, names: str) -> None:
    for name in names:
        await call.create(CMS, make.config_map(name))


def names(listed: dict[str, Any]) -> list[str]:
    return [item["metadata"]["name"] for item in listed["items"]]


def test_chunks_of_a_list_are_of_one_revision(run: Any, make: Any) -> None:
    async def body(call: Any) -> None:
        await _fill(call, make, "abcde")
        first = await call.get(CMS, limit="2")
        assert names(first) == ["a", "b"]
        assert first["metadata"]["remainingItemCount"] == 3
        await call.do("DELETE", f"{CMS}/d")
        await call.patch(f"{CMS}/c", {"data": {"changed": "yes"}})
        await call.create(CMS, make.config_map("cc"))
        second = await call.get(CMS, limit="2", **{"continue": first["metadata"]["continue"]})
        third = await call.get(CMS, limit="2", **{"continue": second["metadata"]["continue"]})
        assert names(second) + names(third) == ["c", "d", "e"]
        assert "data" not in second["items"][0]
        assert "continue" not in third["metadata"]
        versions = {page["metadata"]["resourceVersion"] for page in (first, second, third)}
        assert len(versions) == 1
        assert names(await call.get(CMS)) == ["a", "b", "c", "cc", "e"]

    run(body)


def test_a_token_of_forgotten_history_offers_to_go_on_inconsistently(run: Any, make: Any) -> None:
    async def body(call: Any) -> None:
        await _fill(call, make, "abcd")
        page = await call.get(CMS, limit="1")
        await call.create(CMS, make.config_map("bb"))
        await call.api.store.compact(call.api.store.revision)
        gone = await call.get(CMS, expect=410, limit="2", **{"continue": page["metadata"]["continue"]})
        assert gone["reason"] == "Expired"
        rest = await call.get(CMS, **{"continue": gone["metadata"]["continue"]})
        assert names(rest) == ["b", "bb", "c", "d"]

    run(body)


def test_exact_shows_the_past_until_it_is_compacted(run: Any, make: Any) -> None:
    async def body(call: Any) -> None:
        await _fill(call, make, "a")
        then = str(call.api.cache.revision)
        await _fill(call, make, "b")
        await call.do("DELETE", f"{CMS}/a")
        past = await call.get(CMS, resourceVersion=then, resourceVersionMatch="Exact")
        assert names(past) == ["a"]
        assert past["metadata"]["resourceVersion"] == then
        await call.api.store.compact(call.api.store.revision)
        await call.get(CMS, expect=410, resourceVersion=then, resourceVersionMatch="Exact")
        assert names(await call.get(CMS, resourceVersion=then)) == ["b"]

    run(body)


def test_the_past_is_read_from_the_store_when_the_ring_has_lost_it(run: Any, make: Any) -> None:
    async def body(call: Any) -> None:
        call.api.cache._ring_events = 2
        await _fill(call, make, "a")
        then = str(call.api.cache.revision)
        await _fill(call, make, "bcdef")
        past = await call.get(CMS, resourceVersion=then, resourceVersionMatch="Exact")
        assert names(past) == ["a"]

    run(body)


def test_a_revision_of_the_future_is_waited_for_and_then_refused(run: Any, make: Any) -> None:
    async def body(call: Any) -> None:
        future = call.api.cache.revision + 1

        async def later() -> None:
            await asyncio.sleep(0.05)
            await _fill(call, make, "a")

        listed, _ = await asyncio.gather(call.get(CMS, resourceVersion=str(future)), later())
        assert names(listed) == ["a"]
        refused = await call.get(CMS, expect=504, resourceVersion="999999")
        assert refused["reason"] == "Timeout"
        assert refused["details"]["causes"][0]["reason"] == "ResourceVersionTooLarge"
        assert refused["details"]["retryAfterSeconds"] == 1

    run(body)


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ({"resourceVersionMatch": "Exact"}, 422),
        ({"resourceVersionMatch": "Exact", "resourceVersion": "0"}, 422),
        ({"resourceVersionMatch": "Newest", "resourceVersion": "1"}, 422),
        ({"resourceVersion": "abc"}, 400),
        ({"continue": "nonsense"}, 400),
        ({"limit": "many"}, 400),
        ({"labelSelector": "a in"}, 400),
        ({"fieldSelector": "spec.colour=red"}, 400),
    ],
)
def test_what_a_list_refuses(run: Any, query: dict[str, str], code: int) -> None:
    async def body(call: Any) -> None:
        assert (await call.get("/api/v1/namespaces/default/pods", expect=code, **query))["code"] == code

    run(body)


def test_selectors_narrow_lists_and_hide_the_remaining_count(run: Any, make: Any) -> None:
    async def body(call: Any) -> None:
        for n in range(4):
            await call.create(CMS, make.config_map(f"x{n}", metadata={"labels": {"odd": str(n % 2)}}))
        assert names(await call.get(CMS, labelSelector="odd=1")) == ["x1", "x3"]
        assert names(await call.get(CMS, labelSelector="!odd")) == []
        assert names(await call.get("/api/v1/configmaps", fieldSelector="metadata.name=x2")) == ["x2"]
        others = await call.get(CMS, fieldSelector="metadata.name!=x2,metadata.namespace=default")
        assert names(others) == ["x0", "x1", "x3"]
        page = await call.get(CMS, labelSelector="odd=1", limit="1")
        assert "remainingItemCount" not in page["metadata"]

    run(body)


def test_namespaces_with_a_common_prefix_do_not_mix(run: Any, make: Any) -> None:
    async def body(call: Any) -> None:
        for namespace in ("a", "a-b", "ab"):
            await call.create("/api/v1/namespaces", {"metadata": {"name": namespace}})
            await call.create(
                f"/api/v1/namespaces/{namespace}/configmaps", make.config_map(f"in-{namespace}")
            )
        assert names(await call.get("/api/v1/namespaces/a/configmaps")) == ["in-a"]
        assert names(await call.get("/api/v1/namespaces/a-b/configmaps")) == ["in-a-b"]

    run(body)


def test_metadata_and_tables_are_negotiated_and_unknown_forms_refused(run: Any, make: Any) -> None:
    async def body(call: Any) -> None:
        await call.create(CMS, make.config_map("a", data={"k": "v"}))
        accept = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"
        partial = await call.do("GET", CMS, headers={"accept": accept})
        assert partial["kind"] == "PartialObjectMetadataList"
        assert set(partial["items"][0]) == {"kind", "apiVersion", "metadata"}
        accept = (
            "application/vnd.kubernetes.protobuf;as=Table;v=v1;g=meta.k8s.io, */*;as=Table;v=v1;g=meta.k8s.io"
        )
        table = await call.do(
            "GET", f"{CMS}/a", headers={"accept": accept}, query={"includeObject": "Object"}
        )
        assert table["rows"][0]["cells"][:2] == ["a", 1]
        assert table["rows"][0]["object"]["data"] == {"k": "v"}
        refused = await call.send(
            "GET", CMS, headers={"accept": "application/json;as=Table;v=v9;g=meta.k8s.io"}
        )
        assert refused.status == 406

    run(body)


def test_a_review_cannot_be_shown_as_a_table(run: Any) -> None:
    async def body(call: Any) -> None:
        path = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
        review = {"spec": {"nonResourceAttributes": {"path": "/", "verb": "get"}}}
        for accept, code in (
            ("application/json;as=Table;v=v1;g=meta.k8s.io", 406),
            ("application/json;as=Table;v=v1;g=meta.k8s.io,application/json", 201),
        ):
            assert (await call.send("POST", path, review, headers={"accept": accept})).status == code

    run(body)
