"""What kubectl explain shows: every row is a field that there is, and reaches both forms of OpenAPI."""

import hashlib
from collections.abc import Iterator

import msgspec
import pytest

from kube.apiserver.documents import openapi_v2
from kube.apiserver.kinds import disk, openapi
from kube.apiserver.kinds.descriptions import KIND, TYPES, described

ROWS = [(name, field, words) for name, fields in TYPES.items() for field, words in fields.items()]
SERVICE_SPEC = "io.k8s.api.core.v1.ServiceSpec"


@pytest.mark.parametrize("name", TYPES)
def test_every_row_names_a_field_that_there_is(name: str) -> None:
    fields = disk.definitions()[name].get("properties", {})
    assert set(TYPES[name]) - {""} <= set(fields)


def test_there_are_rows_for_what_is_asked_for_most() -> None:
    assert len(ROWS) > 1300
    assert all(words[0].isupper() or words.startswith("$") for _, _, words in ROWS)
    assert all(words.endswith(".") for _, _, words in ROWS)
    for name in (
        "Deployment",
        "Job",
        "CronJob",
        "Ingress",
        "NetworkPolicy",
        "EndpointSlice",
        "ConfigMap",
        "Secret",
    ):
        assert any(full.endswith("." + name) for full in TYPES)


# Volumes that no release serves any more, and what nobody has asked about yet.
UNDESCRIBED = {
    "Flocker",
    "Glusterfs",
    "NodeAllocatableResourceClaimStatus",
    "PhotonPersistentDisk",
    "Portworx",
    "Quobyte",
    "ScaleIO",
    "StorageOS",
}


def references(value: object) -> Iterator[str]:
    if isinstance(value, dict):
        if isinstance(value.get("$ref"), str):
            yield value["$ref"].removeprefix("#/definitions/")
        for item in value.values():
            yield from references(item)


@pytest.mark.parametrize(
    "root",
    [
        "core.v1.Pod",
        "core.v1.Service",
        "core.v1.ConfigMap",
        "core.v1.Secret",
        "core.v1.PersistentVolumeClaim",
        "apps.v1.Deployment",
        "apps.v1.StatefulSet",
        "apps.v1.DaemonSet",
        "batch.v1.Job",
        "batch.v1.CronJob",
        "networking.v1.Ingress",
        "networking.v1.NetworkPolicy",
        "autoscaling.v2.HorizontalPodAutoscaler",
    ],
)
def test_common_kinds_have_words_down_to_the_last_field(root: str) -> None:
    todo, seen = [f"io.k8s.api.{root}"], set()
    while todo:
        name = todo.pop()
        if name in seen or any(part in name for part in UNDESCRIBED):
            continue
        seen.add(name)
        shown = described(name, disk.definitions()[name])
        assert shown.get("description"), name
        for field, schema in shown.get("properties", {}).items():
            targets = list(references(schema))
            if not any(part.lower() in field.lower() for part in UNDESCRIBED):
                assert schema.get("description"), f"{name}.{field}"
            todo += targets
    assert len(seen) > 2


def test_version_3_keeps_words_beside_a_reference() -> None:
    body = openapi.document("", "v1")
    assert body is not None
    schemas = msgspec.json.decode(body)["components"]["schemas"]
    assert schemas[SERVICE_SPEC]["properties"]["clusterIP"] == {
        "description": TYPES[SERVICE_SPEC]["clusterIP"],
        "type": "string",
    }
    service = schemas["io.k8s.api.core.v1.Service"]
    assert service["description"] == TYPES["io.k8s.api.core.v1.Service"][""]
    assert service["properties"]["kind"]["description"] == KIND
    assert service["properties"]["spec"] == {
        "description": TYPES["io.k8s.api.core.v1.Service"]["spec"],
        "allOf": [{"$ref": f"#/components/schemas/{SERVICE_SPEC}"}],
    }


def test_version_3_keeps_the_patch_strategy_beside_a_reference() -> None:
    body = openapi.document("apps", "v1")
    assert body is not None
    spec = msgspec.json.decode(body)["components"]["schemas"]["io.k8s.api.apps.v1.DeploymentSpec"]
    assert spec["properties"]["strategy"]["x-kubernetes-patch-strategy"] == "retainKeys"
    assert "allOf" in spec["properties"]["strategy"]


def test_version_2_has_them_in_both_encodings() -> None:
    words = TYPES[SERVICE_SPEC]["sessionAffinity"]
    found = msgspec.json.decode(openapi_v2.as_json())["definitions"][SERVICE_SPEC]
    assert found["properties"]["sessionAffinity"]["description"] == words
    assert words.encode() in openapi_v2.as_protobuf()


def test_the_shipped_schema_stays_as_it_is() -> None:
    plain = disk.definitions()[SERVICE_SPEC]
    assert described(SERVICE_SPEC, plain) is not plain
    assert "description" not in plain
    assert "description" not in plain["properties"]["clusterIP"]


def test_the_hash_follows_the_words() -> None:
    schema_alone = hashlib.sha512(disk.read("schema") + b"v1", usedforsecurity=False).hexdigest().upper()
    assert openapi.etag("", "v1") != schema_alone


@pytest.mark.parametrize(
    ("definition", "path", "expected"),
    [
        ("Container", ("imagePullPolicy",), ["Always", "IfNotPresent", "Never"]),
        ("PersistentVolumeClaimSpec", ("accessModes", "items"), None),
        ("ServiceSpec", ("clusterIP",), []),
    ],
)
def test_version_3_lists_the_values_of_fields_that_have_few(
    definition: str, path: tuple[str, ...], expected: list[str] | None
) -> None:
    body = openapi.document("", "v1")
    assert body is not None
    schema = msgspec.json.decode(body)["components"]["schemas"][f"io.k8s.api.core.v1.{definition}"][
        "properties"
    ]
    for step in path:
        schema = schema[step]
    found = schema.get("enum", [])
    assert found == expected if expected is not None else "ReadWriteOnce" in found


def test_every_field_with_few_values_is_one_that_there_is() -> None:
    for name, fields in disk.enums().items():
        assert set(fields) <= set(disk.definitions()[name]["properties"])
