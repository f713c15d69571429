"""What kubectl explain shows: every row is a field that there is, and reaches both forms of OpenAPI."""

import hashlib

import msgspec
import pytest

from kube.apiserver.documents import openapi_v2
from kube.apiserver.kinds import disk, openapi
from kube.apiserver.kinds.descriptions import KIND, TYPES, described

ROWS = [(name, field, words) for name, fields in TYPES.items() for field, words in fields.items()]
SERVICE_SPEC = "io.k8s.api.core.v1.ServiceSpec"


@pytest.mark.parametrize("name", TYPES)
def test_every_row_names_a_field_that_there_is(name: str) -> None:
    fields = disk.definitions()[name]["properties"]
    assert set(TYPES[name]) - {""} <= set(fields)


def test_there_are_rows_for_what_is_asked_for_most() -> None:
    assert len(ROWS) > 300
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
