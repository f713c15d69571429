"""Custom resources through the server: every verb, every representation."""

from typing import Any

import pytest

from tests.unit.kube.apiserver.customresources.conftest import DEFINITIONS, THINGS, Object, definition, thing

AGGREGATED = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json"
TABLE = {"accept": "application/json;as=Table;v=v1;g=meta.k8s.io"}
SPEC: Object = {
    "type": "object",
    "required": ["size"],
    "properties": {
        "size": {"type": "integer", "minimum": 0},
        "colour": {"type": "string", "default": "red"},
        "ports": {
            "type": "array",
            "x-kubernetes-list-type": "map",
            "x-kubernetes-list-map-keys": ["port"],
            "items": {
                "type": "object",
                "required": ["port"],
                "properties": {"port": {"type": "integer"}, "name": {"type": "string"}},
            },
        },
    },
}
BOTH = {"subresources": {"status": {}}}


def test_a_kind_is_served_at_once_and_discovered(run: Any) -> None:
    async def body(call: Any) -> None:
        assert (await call.send("GET", THINGS)).status == 404
        await call.create(
            DEFINITIONS, definition(SPEC, names={"shortNames": ["th"], "categories": ["all"]}, version=BOTH)
        )
        assert (await call.get(THINGS))["kind"] == "ThingList"
        groups = [group["name"] for group in (await call.get("/apis"))["groups"]]
        assert groups[-1] == "example.com"
        assert (await call.get("/apis/example.com"))["preferredVersion"]["groupVersion"] == "example.com/v1"
        resources = (await call.get("/apis/example.com/v1"))["resources"]
        assert [row["name"] for row in resources] == ["things", "things/status"]
        assert (resources[0]["shortNames"], resources[0]["categories"]) == (["th"], ["all"])
        document = await call.do("GET", "/apis", headers={"accept": AGGREGATED})
        (version,) = document["items"][-1]["versions"]
        assert version["resources"][0]["responseKind"] == {
            "group": "example.com",
            "version": "v1",
            "kind": "Thing",
        }
        assert "/apis/example.com/v1" in (await call.get("/"))["paths"]

    run(body)


def test_objects_are_made_changed_listed_and_deleted(run: Any) -> None:
    async def body(call: Any) -> None:
        await call.create(DEFINITIONS, definition(SPEC, version=BOTH))
        made = await call.create(THINGS, thing("a", {"size": 1}, status={"x": 1}))
        assert made["spec"] == {"size": 1, "colour": "red"}
        assert made["metadata"]["generation"] == 1
        assert "status" not in made
        await call.create(THINGS, thing("a", {"size": 1}), expect=409)
        changed = await call.patch(f"{THINGS}/a", {"spec": {"size": 2}})
        assert changed["metadata"]["generation"] == 2
        same = await call.patch(f"{THINGS}/a", {"spec": {"size": 2}})
        assert same["metadata"]["resourceVersion"] == changed["metadata"]["resourceVersion"]
        labelled = await call.patch(f"{THINGS}/a", {"metadata": {"labels": {"x": "y"}}})
        assert labelled["metadata"]["generation"] == 2
        patched = await call.patch(
            f"{THINGS}/a",
            [{"op": "replace", "path": "/spec/colour", "value": "blue"}],
            kind="json-patch+json",
        )
        assert patched["spec"]["colour"] == "blue"
        await call.patch(f"{THINGS}/a", {"spec": {}}, kind="strategic-merge-patch+json", expect=415)
        await call.do("PUT", f"{THINGS}/a", thing("a", {"size": 3}), expect=422)  # without a resourceVersion
        put = await call.do("PUT", f"{THINGS}/a", {**patched, "spec": {"size": 3}})
        assert put["spec"] == {"size": 3, "colour": "red"}
        assert put["metadata"]["generation"] == 4
        assert [
            item["metadata"]["name"] for item in (await call.get("/apis/example.com/v1/things"))["items"]
        ] == ["a"]
        assert (await call.get(THINGS, labelSelector="x=z"))["items"] == []
        gone = await call.do("DELETE", f"{THINGS}/a")
        assert gone["details"]["kind"] == "things"
        await call.get(f"{THINGS}/a", expect=404)

    run(body)


def test_status_is_written_by_its_subresource_alone(run: Any) -> None:
    async def body(call: Any) -> None:
        schema = definition(SPEC, version=BOTH)
        root = schema["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
        root["properties"]["status"] = {
            "type": "object",
            "properties": {"phase": {"type": "string", "enum": ["A", "B"]}},
        }
        await call.create(DEFINITIONS, schema)
        await call.create(THINGS, thing("a", {"size": 1}))
        kept = await call.patch(f"{THINGS}/a", {"status": {"phase": "A"}})
        assert "status" not in kept
        change = {"status": {"phase": "A"}, "spec": {"size": 9}, "metadata": {"labels": {"x": "y"}}}
        written = await call.patch(f"{THINGS}/a/status", change)
        assert (written["status"], written["spec"]["size"]) == ({"phase": "A"}, 1)
        assert "labels" not in written["metadata"]
        assert written["metadata"]["generation"] == 1
        await call.patch(f"{THINGS}/a/status", {"status": {"phase": "C"}}, expect=422)
        assert (await call.get(f"{THINGS}/a/status"))["status"] == {"phase": "A"}
        after = await call.do(
            "PUT", f"{THINGS}/a", {**written, "spec": {"size": 2}, "status": {"phase": "B"}}
        )
        assert (after["status"], after["spec"]["size"]) == ({"phase": "A"}, 2)

    run(body)


def test_without_the_subresource_status_is_a_field_like_others(run: Any, free: Object) -> None:
    async def body(call: Any) -> None:
        schema = definition(free)
        schema["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["status"] = free
        await call.create(DEFINITIONS, schema)
        made = await call.create(THINGS, thing("a", {}, status={"x": 1}))
        assert made["status"] == {"x": 1}
        changed = await call.patch(f"{THINGS}/a", {"status": {"x": 2}})
        assert changed["metadata"]["generation"] == 2
        assert (await call.send("GET", f"{THINGS}/a/status")).status == 404

    run(body)


def test_scale_reads_and_writes_by_the_definitions_paths(run: Any, free: Object) -> None:
    async def body(call: Any) -> None:
        paths = {
            "specReplicasPath": ".spec.size",
            "statusReplicasPath": ".status.size",
            "labelSelectorPath": ".status.selector",
        }
        schema = definition(free, version={"subresources": {"status": {}, "scale": paths}})
        schema["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["status"] = free
        await call.create(DEFINITIONS, schema)
        await call.create(THINGS, thing("a", {"size": 2}))
        await call.patch(f"{THINGS}/a/status", {"status": {"size": 1, "selector": "x=y"}})
        scale = await call.get(f"{THINGS}/a/scale")
        assert (scale["kind"], scale["spec"], scale["status"]) == (
            "Scale",
            {"replicas": 2},
            {"replicas": 1, "selector": "x=y"},
        )
        await call.patch(f"{THINGS}/a/scale", {"spec": {"replicas": 5}})
        changed = await call.get(f"{THINGS}/a")
        assert (changed["spec"]["size"], changed["metadata"]["generation"]) == (5, 2)
        scale["spec"]["replicas"] = 6
        await call.do("PUT", f"{THINGS}/a/scale", scale, expect=409)  # of an older revision
        await call.create(THINGS, thing("b", {}))
        await call.get(f"{THINGS}/b/scale", expect=500)

    run(body)


@pytest.mark.parametrize(("validation", "code"), [("Strict", 400), ("Warn", 201), ("Ignore", 201)])
def test_unknown_fields_are_refused_told_or_dropped(run: Any, validation: str, code: int) -> None:
    async def body(call: Any) -> None:
        await call.create(DEFINITIONS, definition(SPEC))
        body = b'{"metadata":{"name":"a","shape":1},"spec":{"size":1,"size":2,"extra":1,"ports":[{"port":1,"x":1}]}}'
        reply = await call.send("POST", THINGS, body, query={"fieldValidation": validation})
        assert reply.status == code
        text = reply.body.decode()
        fields = ["metadata.shape", "spec.extra", "spec.ports[0].x"]
        if code == 400:
            assert all(f'unknown field \\"{field}\\"' in text for field in fields)
            assert 'duplicate field \\"spec.size\\"' in text
            return
        assert "extra" not in text
        assert '"size":2' in text
        assert ("warning" in reply.headers) is (validation == "Warn")

    run(body)


def test_objects_that_do_not_fit_are_refused_with_causes(run: Any) -> None:
    async def body(call: Any) -> None:
        await call.create(DEFINITIONS, definition(SPEC))
        refused = await call.create(
            THINGS, thing("a", {"colour": 1, "ports": [{"port": 1}, {"port": 1}]}), expect=422
        )
        assert refused["message"].startswith('Thing.example.com "a" is invalid: ')
        assert {cause["field"] for cause in refused["details"]["causes"]} == {
            "spec.colour",
            "spec.size",
            "spec.ports[1]",
        }
        await call.create(THINGS, thing("A", {"size": 1}), expect=422)
        await call.create(THINGS, thing("a", {"size": 1}, kind="Other"), expect=400)
        await call.create(THINGS, thing("a", {"size": 1}, metadata={"labels": {"x": 1}}), expect=400)
        protobuf = {"content-type": "application/vnd.kubernetes.protobuf"}
        assert (await call.send("POST", THINGS, b"k8s\0", headers=protobuf)).status == 415

    run(body)


def test_a_cluster_wide_kind_has_no_namespace(run: Any) -> None:
    async def body(call: Any) -> None:
        await call.create(DEFINITIONS, definition(SPEC, scope="Cluster"))
        made = await call.create("/apis/example.com/v1/things", thing("a", {"size": 1}))
        assert "namespace" not in made["metadata"]
        assert (await call.send("GET", THINGS)).status == 404
        assert (await call.get("/apis/example.com/v1"))["resources"][0]["namespaced"] is False

    run(body)


def test_tables_have_the_definitions_columns(run: Any) -> None:
    async def body(call: Any) -> None:
        columns = [
            {"name": "Size", "type": "integer", "jsonPath": ".spec.size"},
            {"name": "Ports", "type": "string", "jsonPath": ".spec.ports[*].port", "priority": 1},
        ]
        await call.create(DEFINITIONS, definition(SPEC, version={"additionalPrinterColumns": columns}))
        await call.create(THINGS, thing("a", {"size": 1, "ports": [{"port": 80}]}))
        table = await call.do("GET", THINGS, headers=TABLE)
        assert [column["name"] for column in table["columnDefinitions"]] == ["Name", "Size", "Ports"]
        assert table["rows"][0]["cells"] == ["a", 1, "80"]
        assert table["rows"][0]["object"]["kind"] == "PartialObjectMetadata"
        whole = await call.do("GET", f"{THINGS}/a", headers=TABLE, query={"includeObject": "Object"})
        assert whole["rows"][0]["object"]["spec"]["colour"] == "red"

    run(body)


def test_fields_can_be_selected_by(run: Any) -> None:
    async def body(call: Any) -> None:
        await call.create(
            DEFINITIONS, definition(SPEC, version={"selectableFields": [{"jsonPath": ".spec.colour"}]})
        )
        await call.create(THINGS, thing("a", {"size": 1}))
        await call.create(THINGS, thing("b", {"size": 1, "colour": "blue"}))

        async def names(selector: str) -> list[str]:
            return [
                item["metadata"]["name"] for item in (await call.get(THINGS, fieldSelector=selector))["items"]
            ]

        assert await names("spec.colour=red") == ["a"]
        assert await names("spec.colour!=red") == ["b"]
        assert await names("metadata.name=b,spec.colour=blue") == ["b"]
        refused = await call.get(THINGS, expect=400, fieldSelector="spec.size=1")
        assert "field label not supported: spec.size" in refused["message"]

    run(body)


def test_a_watch_shows_objects_in_its_form(run: Any) -> None:
    async def body(call: Any) -> None:
        await call.create(DEFINITIONS, definition(SPEC))
        async with call.watch(THINGS) as events:
            await call.create(THINGS, thing("a", {"size": 1}))
            await call.patch(f"{THINGS}/a", {"spec": {"size": 2}})
            await call.do("DELETE", f"{THINGS}/a")
            assert [await events.pair() for _ in range(3)] == [
                ("ADDED", "a"),
                ("MODIFIED", "a"),
                ("DELETED", "a"),
            ]

    run(body)


def test_apply_owns_fields_by_the_schema(run: Any) -> None:
    async def apply(call: Any, spec: Object, manager: str, **more: Any) -> Any:
        headers = {"content-type": "application/apply-patch+yaml"}
        expect = more.pop("expect", 200)
        query = {"fieldManager": manager, **more}
        return await call.do(
            "PATCH", f"{THINGS}/a", thing("a", spec), headers=headers, query=query, expect=expect
        )

    async def body(call: Any) -> None:
        await call.create(DEFINITIONS, definition(SPEC))
        made = await apply(call, {"size": 1, "ports": [{"port": 80, "name": "http"}]}, "one", expect=201)
        assert made["spec"]["colour"] == "red"
        more = await apply(call, {"size": 1, "ports": [{"port": 443}]}, "two")
        assert [row["port"] for row in more["spec"]["ports"]] == [80, 443]
        refused = await apply(call, {"size": 1, "ports": [{"port": 80, "name": "web"}]}, "two", expect=409)
        assert refused["details"]["causes"][0]["field"] == ".spec.ports[port=80].name"
        less = await apply(call, {"size": 1}, "one")
        assert less["spec"]["ports"] == [{"port": 443}]
        unknown = await apply(call, {"size": 1, "extra": 1}, "one", expect=500)
        assert unknown["message"] == (
            "failed to create typed patch object (default/a; example.com/v1, Kind=Thing): "
            ".spec.extra: field not declared in schema"
        )

    run(body)


def test_doubled_keys_of_applied_yaml_are_told_with_their_lines(run: Any) -> None:
    async def body(call: Any) -> None:
        await call.create(DEFINITIONS, definition(SPEC))
        text = b"apiVersion: example.com/v1\nkind: Thing\nmetadata:\n  name: a\nspec:\n  size: 1\n  size: 2\n"
        headers = {"content-type": "application/apply-patch+yaml"}
        query = {"fieldManager": "m", "fieldValidation": "Strict"}
        refused = await call.do("PATCH", f"{THINGS}/a", text, headers=headers, query=query, expect=400)
        assert 'line 7: key "size" already set in map' in refused["message"]
        reply = await call.send("PATCH", f"{THINGS}/a", text, headers=headers, query={"fieldManager": "m"})
        assert "line 7" in reply.headers["warning"]

    run(body)


def test_an_object_that_a_tightened_schema_refuses_can_still_be_changed_elsewhere(run: Any) -> None:
    async def body(call: Any) -> None:
        await call.create(DEFINITIONS, definition(SPEC))
        await call.create(THINGS, thing("a", {"size": 9}))
        path = f"{DEFINITIONS}/things.example.com"
        tighter = (await call.get(path))["spec"]["versions"]
        tighter[0]["schema"]["openAPIV3Schema"]["properties"]["spec"]["properties"]["size"]["maximum"] = 5
        await call.patch(path, {"spec": {"versions": tighter}})
        assert (await call.patch(f"{THINGS}/a", {"spec": {"colour": "blue"}}))["spec"]["size"] == 9
        await call.patch(f"{THINGS}/a", {"spec": {"size": 8}}, expect=422)

    run(body)


def test_a_dry_run_stores_nothing(run: Any) -> None:
    async def body(call: Any) -> None:
        await call.create(DEFINITIONS, definition(SPEC), dryRun="All")
        assert (await call.send("GET", THINGS)).status == 404
        await call.create(DEFINITIONS, definition(SPEC))
        made = await call.create(THINGS, thing("a", {"size": 1}), dryRun="All")
        assert made["spec"]["colour"] == "red"
        await call.get(f"{THINGS}/a", expect=404)

    run(body)


def test_collections_are_deleted_by_selector(run: Any) -> None:
    async def body(call: Any) -> None:
        await call.create(DEFINITIONS, definition(SPEC))
        for name in ("a", "b"):
            await call.create(THINGS, thing(name, {"size": 1}, metadata={"labels": {"n": name}}))
        await call.do("DELETE", THINGS, query={"labelSelector": "n=a"})
        assert [item["metadata"]["name"] for item in (await call.get(THINGS))["items"]] == ["b"]

    run(body)
