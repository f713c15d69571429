"""OpenAPI documents with custom kinds in them."""

from typing import Any

from kube.apiserver.customresources import openapi
from tests.unit.kube.apiserver.customresources.conftest import DEFINITIONS, Object, definition

SPEC: Object = {
    "type": "object",
    "description": "What is wished for.",
    "properties": {
        "port": {"x-kubernetes-int-or-string": True, "description": "Where."},
        "pod": {
            "type": "object",
            "x-kubernetes-embedded-resource": True,
            "x-kubernetes-preserve-unknown-fields": True,
        },
        "maybe": {"type": "string", "nullable": True, "default": "x"},
    },
}


def test_v3_has_the_schema_its_paths_and_no_strategic_patch(run: Any) -> None:
    async def body(call: Any) -> None:
        before = await call.get("/openapi/v3")
        assert "apis/example.com/v1" not in before["paths"]
        await call.create(DEFINITIONS, definition(SPEC, version={"subresources": {"status": {}}}))
        url = (await call.get("/openapi/v3"))["paths"]["apis/example.com/v1"]["serverRelativeURL"]
        path, _, tag = url.partition("?hash=")
        reply = await call.send("GET", path)
        assert reply.headers["etag"] == f'"{tag}"'
        document = await call.get(path)
        schemas = document["components"]["schemas"]
        thing = schemas["com.example.v1.Thing"]
        assert thing["x-kubernetes-group-version-kind"] == [
            {"group": "example.com", "version": "v1", "kind": "Thing"}
        ]
        assert thing["properties"]["spec"]["description"] == "What is wished for."
        assert thing["properties"]["spec"]["properties"]["pod"]["properties"]["metadata"]
        assert "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta" in schemas
        item = document["paths"]["/apis/example.com/v1/namespaces/{namespace}/things/{name}"]
        assert "application/strategic-merge-patch+json" not in item["patch"]["requestBody"]["content"]
        assert "fieldValidation" in [row["name"] for row in item["patch"]["parameters"]]

    run(body)


def test_the_tag_changes_with_the_schema(run: Any) -> None:
    async def body(call: Any) -> None:
        await call.create(DEFINITIONS, definition(SPEC))
        first = (await call.get("/openapi/v3"))["paths"]
        path = f"{DEFINITIONS}/things.example.com"
        versions = (await call.get(path))["spec"]["versions"]
        versions[0]["schema"]["openAPIV3Schema"]["properties"]["spec"]["description"] = "Other."
        await call.patch(path, {"spec": {"versions": versions}})
        second = (await call.get("/openapi/v3"))["paths"]
        assert first["apis/example.com/v1"] != second["apis/example.com/v1"]
        assert first["apis/apps/v1"] == second["apis/apps/v1"]

    run(body)


def test_v2_has_the_definition_as_json_and_as_protobuf(run: Any) -> None:
    async def body(call: Any) -> None:
        await call.create(DEFINITIONS, definition(SPEC))
        document = await call.get("/openapi/v2")
        assert "com.example.v1.Thing" in document["definitions"]
        assert document["definitions"]["com.example.v1.ThingList"]["properties"]["items"]["items"] == {
            "$ref": "#/definitions/com.example.v1.Thing"
        }
        spec = document["definitions"]["com.example.v1.Thing"]["properties"]["spec"]
        assert spec["properties"]["maybe"] == {}
        operation = document["paths"]["/apis/example.com/v1/namespaces/{namespace}/things/{name}"]["patch"]
        assert operation["x-kubernetes-action"] == "patch"
        assert "application/strategic-merge-patch+json" not in operation["consumes"]
        accept = {"accept": "application/com.github.proto-openapi.spec.v2@v1.0+protobuf"}
        assert b"com.example.v1.Thing" in (await call.send("GET", "/openapi/v2", headers=accept)).body
        await call.do("DELETE", f"{DEFINITIONS}/things.example.com")

    run(body)


def test_every_reference_of_v2_leads_somewhere(run: Any) -> None:
    async def body(call: Any) -> None:
        await call.create(DEFINITIONS, definition(SPEC))
        document = await call.get("/openapi/v2")
        places = {f"#/{part}/{name}" for part in ("definitions", "parameters") for name in document[part]}
        assert set(_references(document)) - places == set()
        operations = [
            operation["operationId"]
            for item in document["paths"].values()
            for operation in item.values()
            if isinstance(operation, dict)
        ]
        assert len(operations) == len(set(operations))

    run(body)


def _references(value: Any) -> list[str]:
    if isinstance(value, dict):
        own = [value["$ref"]] if isinstance(value.get("$ref"), str) else []
        return own + [found for item in value.values() for found in _references(item)]
    if isinstance(value, list):
        return [found for item in value for found in _references(item)]
    return []


def test_v2_loses_what_it_has_no_words_for() -> None:
    shown = openapi.for_v2(SPEC)
    assert shown["properties"]["maybe"] == {}
    assert shown["properties"]["port"] == SPEC["properties"]["port"]
    assert shown["description"] == "What is wished for."
    assert "type" not in shown["properties"]["pod"]


def test_names_are_the_groups_labels_backwards() -> None:
    assert openapi.name_of("apps.example.com", "v1beta1", "App") == "com.example.apps.v1beta1.App"


def test_a_kind_without_a_shape_has_no_properties_in_v2(run: Any) -> None:
    async def body(call: Any) -> None:
        crd = definition(SPEC)
        root = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
        crd["spec"]["versions"][0]["schema"] = {"openAPIV3Schema": root}
        await call.create(DEFINITIONS, crd)
        found = (await call.get("/openapi/v2"))["definitions"]["com.example.v1.Thing"]
        gvk = {"group": "example.com", "version": "v1", "kind": "Thing"}
        assert found == {"type": "object", "x-kubernetes-group-version-kind": [gvk]}

    run(body)


def test_metadata_is_described(run: Any) -> None:
    async def body(call: Any) -> None:
        await call.create(DEFINITIONS, definition(SPEC))
        for path, own in (
            ("apps/v1", "io.k8s.api.apps.v1.Deployment"),
            ("example.com/v1", "com.example.v1.Thing"),
        ):
            url = (await call.get("/openapi/v3"))["paths"][f"apis/{path}"]["serverRelativeURL"]
            schemas = (await call.get(url.partition("?")[0]))["components"]["schemas"]
            assert own in schemas
            meta = schemas["io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta"]["properties"]
            assert [name for name, field in meta.items() if "description" not in field] == []

    run(body)
