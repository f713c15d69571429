"""The v2 document, in both its forms."""

from collections.abc import Iterator

import msgspec

from kube.apiserver.documents import openapi_v2
from kube.apiserver.kinds import disk


def _varint(data: bytes, at: int) -> tuple[int, int]:
    number = shift = 0
    while True:
        byte = data[at]
        at += 1
        number |= (byte & 0x7F) << shift
        shift += 7
        if not byte & 0x80:
            return number, at


def _fields(data: bytes) -> Iterator[tuple[int, bytes]]:
    at = 0
    while at < len(data):
        tag, at = _varint(data, at)
        assert tag & 7 == 2
        size, at = _varint(data, at)
        yield tag >> 3, data[at : at + size]
        at += size


def test_the_protobuf_holds_every_definition() -> None:
    document = dict(_fields(openapi_v2.as_protobuf()))
    assert document[1] == b"2.0"
    schemas = {}
    for _, named in _fields(document[9]):
        name, schema = (value for _, value in _fields(named))
        schemas[name.decode()] = list(_fields(schema))
    assert set(schemas) == set(disk.definitions())
    pod = schemas["io.k8s.api.core.v1.Pod"]
    (properties,) = [value for field, value in pod if field == 25]
    names = [next(_fields(named))[1] for _, named in _fields(properties)]
    assert names == [b"apiVersion", b"kind", b"metadata", b"spec", b"status"]
    (extension,) = [value for field, value in pod if field == 31]
    assert b'[{"group":"","kind":"Pod","version":"v1"}]' in extension


def test_the_json_is_a_swagger_document() -> None:
    document = msgspec.json.decode(openapi_v2.as_json())
    assert document["swagger"] == "2.0"
    assert "io.k8s.api.core.v1.Pod" in document["definitions"]


def test_operations_say_which_parameters_they_take() -> None:
    document = msgspec.json.decode(openapi_v2.as_json())
    services = document["paths"]["/api/v1/namespaces/{namespace}/services"]
    asked = {parameter["$ref"] for parameter in services["get"]["parameters"]}
    assert {"#/parameters/labelSelector", "#/parameters/watch", "#/parameters/continue"} <= asked
    assert {reference.rpartition("/")[2] for reference in asked} <= set(document["parameters"])
    assert [p.get("name", "") for p in services["post"]["parameters"]] == ["", "", "", "body"]
    assert all(parameter["description"].endswith(".") for parameter in document["parameters"].values())
    items = document["definitions"]["io.k8s.api.core.v1.ServiceList"]["properties"]["items"]
    assert items["description"] == "List of services."
