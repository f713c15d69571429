"""Several versions of a kind, and schemas that change under stored objects."""

from typing import Any

from tests.unit.kube.apiserver.customresources.conftest import DEFINITIONS, THINGS, Object, definition, thing

PATH = f"{DEFINITIONS}/things.example.com"
V2 = THINGS.replace("/v1/", "/v2/")


def two(**second: Any) -> Object:
    """v1 is stored, v2 is served as well."""
    made = definition({"type": "object", "properties": {"n": {"type": "integer"}}})
    first = made["spec"]["versions"][0]
    made["spec"]["versions"].append({**first, "name": "v2", "storage": False, **second})
    return made


def test_each_version_shows_the_same_objects(run: Any) -> None:
    async def body(call: Any) -> None:
        await call.create(DEFINITIONS, two())
        versions = (await call.get("/apis/example.com"))["versions"]
        assert [row["version"] for row in versions] == ["v2", "v1"]
        async with call.watch(V2) as events:
            await call.create(THINGS, thing("a", {"n": 1}))
            event = await events.next()
            assert (event["type"], event["object"]["apiVersion"]) == ("ADDED", "example.com/v2")
        shown = await call.get(f"{V2}/a")
        assert shown["apiVersion"] == "example.com/v2"
        listed = await call.get(V2)
        assert (listed["apiVersion"], listed["items"][0]["apiVersion"]) == (
            "example.com/v2",
            "example.com/v2",
        )
        changed = await call.patch(f"{V2}/a", {"spec": {"n": 2}})
        assert changed["apiVersion"] == "example.com/v2"
        assert (await call.get(f"{THINGS}/a"))["spec"] == {"n": 2}
        assert (await call.get(f"{THINGS}/a"))["apiVersion"] == "example.com/v1"
        assert (
            b'"apiVersion":"example.com/v1"' in call.api.cache.get("things.example.com", "default", "a").body
        )
        deleted = await call.do("DELETE", V2)
        assert deleted["items"][0]["apiVersion"] == "example.com/v2"

    run(body)


def test_each_version_has_its_own_schema(run: Any) -> None:
    async def body(call: Any) -> None:
        other = {
            "type": "object",
            "properties": {"spec": {"type": "object", "properties": {"m": {"type": "string"}}}},
        }
        await call.create(DEFINITIONS, two(schema={"openAPIV3Schema": other}))
        await call.create(THINGS, thing("a", {"n": 1}))
        assert (await call.get(f"{V2}/a"))["spec"] == {}
        await call.create(V2, {"metadata": {"name": "b"}, "spec": {"m": 1}}, expect=422)

    run(body)


def test_a_new_storage_version_is_written_by_the_next_update(run: Any) -> None:
    async def body(call: Any) -> None:
        await call.create(DEFINITIONS, two())
        made = await call.create(THINGS, thing("a", {"n": 1}))
        definition_now = await call.get(PATH)
        versions = definition_now["spec"]["versions"]
        versions[0]["storage"], versions[1]["storage"] = False, True
        changed = await call.patch(PATH, {"spec": {"versions": versions}})
        assert changed["status"]["storedVersions"] == ["v1", "v2"]
        again = await call.do("PUT", f"{THINGS}/a", made)  # as migrations do: unchanged
        assert again["metadata"]["resourceVersion"] != made["metadata"]["resourceVersion"]
        assert again["metadata"]["generation"] == 1
        assert (
            b'"apiVersion":"example.com/v2"' in call.api.cache.get("things.example.com", "default", "a").body
        )
        await call.patch(f"{PATH}/status", {"status": {"storedVersions": ["v1"]}}, expect=422)
        done = await call.patch(f"{PATH}/status", {"status": {"storedVersions": ["v2"]}})
        assert done["status"]["storedVersions"] == ["v2"]
        await call.patch(PATH, {"spec": {"versions": versions[1:]}})
        assert (await call.send("GET", THINGS)).status == 404
        assert (await call.get(f"{V2}/a"))["spec"] == {"n": 1}

    run(body)


def test_a_version_in_use_cannot_be_dropped(run: Any) -> None:
    async def body(call: Any) -> None:
        await call.create(DEFINITIONS, two())
        versions = (await call.get(PATH))["spec"]["versions"]
        refused = await call.patch(
            PATH, {"spec": {"versions": [{**versions[1], "storage": True}]}}, expect=422
        )
        assert refused["details"]["causes"][0]["field"] == "status.storedVersions[0]"

    run(body)


def test_a_deprecated_version_warns(run: Any) -> None:
    async def body(call: Any) -> None:
        await call.create(DEFINITIONS, two(deprecated=True))
        await call.create(THINGS, thing("a", {"n": 1}))
        assert "warning" not in (await call.send("GET", f"{THINGS}/a")).headers
        reply = await call.send("GET", f"{V2}/a")
        assert reply.headers["warning"] == '299 - "example.com/v2 Thing is deprecated"'

    run(body)


def test_defaults_and_pruning_of_a_newer_schema_hold_for_what_is_stored(run: Any) -> None:
    async def body(call: Any) -> None:
        await call.create(
            DEFINITIONS, definition({"type": "object", "properties": {"n": {"type": "integer"}}})
        )
        made = await call.create(THINGS, thing("a", {"n": 1}))
        async with call.watch(THINGS, resourceVersion=made["metadata"]["resourceVersion"]) as events:
            versions = (await call.get(PATH))["spec"]["versions"]
            newer = {"type": "object", "properties": {"m": {"type": "string", "default": "x"}}}
            versions[0]["schema"]["openAPIV3Schema"]["properties"]["spec"] = newer
            await call.patch(PATH, {"spec": {"versions": versions}})
            assert await events.ended(), "watches end, and clients look again"
        assert (await call.get(f"{THINGS}/a"))["spec"] == {"m": "x"}
        assert (await call.get(THINGS))["items"][0]["spec"] == {"m": "x"}
        table = {"accept": "application/json;as=Table;v=v1;g=meta.k8s.io"}
        rows = (await call.do("GET", THINGS, headers=table, query={"includeObject": "Object"}))["rows"]
        assert rows[0]["object"]["spec"] == {"m": "x"}
        changed = await call.patch(f"{THINGS}/a", {"metadata": {"labels": {"a": "b"}}})
        assert (changed["spec"], changed["metadata"]["generation"]) == ({"m": "x"}, 1)

    run(body)


def test_a_change_of_columns_alone_ends_watches_and_keeps_objects(run: Any) -> None:
    async def body(call: Any) -> None:
        await call.create(DEFINITIONS, two())
        await call.create(THINGS, thing("a", {"n": 1}))
        async with call.watch(THINGS) as events:
            assert await events.pair() == ("ADDED", "a")
            await call.patch(
                PATH, {"metadata": {"labels": {"a": "b"}}}
            )  # touches no object: the watch goes on
            await call.patch(f"{THINGS}/a", {"spec": {"n": 2}})
            assert await events.pair() == ("MODIFIED", "a")

    run(body)
