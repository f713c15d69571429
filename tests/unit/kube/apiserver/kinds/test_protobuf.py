import base64
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kube.apiserver.kinds import disk
from kube.apiserver.kinds.protobuf import DecodeError, decode
from kube.apiserver.kinds.protobuf.specials import go_duration

TABLES = disk.load("protobuf")


def varint(value: int) -> bytes:
    value &= 0xFFFFFFFFFFFFFFFF
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def field(tag: int, data: bytes) -> bytes:
    return varint(tag << 3 | 2) + varint(len(data)) + data


def number(tag: int, value: int) -> bytes:
    return varint(tag << 3) + varint(value)


def encode(type_name: str, obj: dict[str, Any]) -> bytes:
    """A message of the fields in `obj`; for tests, so only of the shapes that they use."""
    return b"".join(_parts(type_name, obj))


def _parts(type_name: str, obj: dict[str, Any]) -> Iterator[bytes]:
    for tag, _, name, kind, reference in TABLES["types"][type_name]:
        if name == "":
            below = encode(reference, obj)
            if below:
                yield field(tag, below)
        elif name in obj:
            yield from _encoded(tag, kind, reference, obj[name])


def _encoded(tag: int, kind: str, reference: str, value: Any) -> Iterator[bytes]:
    if kind.startswith("[]"):
        for item in value:
            yield from _encoded(tag, kind[2:], reference, item)
    elif kind.startswith("map:"):
        for name, item in value.items():
            yield field(tag, field(1, name.encode()) + b"".join(_encoded(2, kind[4:], reference, item)))
    elif kind in ("int", "bool"):
        yield number(tag, int(value))
    elif kind == "string":
        yield field(tag, value.encode())
    elif kind == "bytes":
        yield field(tag, base64.b64decode(value))
    elif kind == "special:Quantity":
        yield field(tag, field(1, value.encode()))
    elif kind == "special:IntOrString":
        text = isinstance(value, str)
        yield field(tag, number(1, 1) + field(3, value.encode()) if text else number(1, 0) + number(2, value))
    else:
        assert kind == "msg", kind
        yield field(tag, encode(reference, value))


def envelope(api_version: str, kind: str, raw: bytes) -> bytes:
    meta = field(1, api_version.encode()) + field(2, kind.encode())
    return b"k8s\x00" + field(1, meta) + field(2, raw)


def body(obj: dict[str, Any]) -> bytes:
    group, _, version = obj["apiVersion"].rpartition("/")
    type_name = TABLES["kinds"][f"{group}/{version}/{obj['kind']}"]
    return envelope(obj["apiVersion"], obj["kind"], encode(type_name, obj))


OBJECTS = [
    {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "c"},
        "data": {"a": "b", "e": ""},
        "binaryData": {"x": "YWI="},
    },
    {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "d", "labels": {"a": "b"}, "generation": 3},
        "spec": {
            "replicas": 0,
            "selector": {"matchLabels": {"a": "b"}},
            "template": {
                "metadata": {"labels": {"a": "b"}},
                "spec": {
                    "containers": [
                        {
                            "name": "c",
                            "image": "i",
                            "command": ["a", "b"],
                            "ports": [{"containerPort": 80}],
                            "resources": {"limits": {"cpu": "1", "memory": "1Gi"}},
                            "livenessProbe": {"httpGet": {"path": "/", "port": "http"}, "periodSeconds": 3},
                            "env": [{"name": "A", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}],
                        }
                    ],
                    "volumes": [
                        {"name": "v", "emptyDir": {}},
                        {"name": "w", "configMap": {"name": "c", "defaultMode": 420}},
                    ],
                    "securityContext": {"runAsUser": 0, "runAsNonRoot": False},
                },
            },
        },
    },
    {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "s"},
        "spec": {"ports": [{"port": 80, "targetPort": 8080, "protocol": "TCP"}], "type": "ClusterIP"},
    },
    {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": "j"},
        "spec": {"backoffLimit": 0, "template": {"spec": {"restartPolicy": "Never"}}},
    },
]


@pytest.mark.parametrize("obj", OBJECTS, ids=lambda obj: obj["kind"])
def test_objects_come_back_as_they_were_sent(obj: dict[str, Any]) -> None:
    assert decode(body(obj)) == obj


def test_fields_that_go_always_sends_are_left_out_when_they_are_zero() -> None:
    zero_metadata = field(1, b"n") + field(2, b"") + field(5, b"") + number(7, 0) + field(8, b"")
    decoded = decode(envelope("v1", "Namespace", field(1, zero_metadata) + field(2, b"") + field(3, b"")))
    assert decoded == {
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {"name": "n"},
        "spec": {},
        "status": {},
    }


def test_of_two_structs_with_one_name_only_one_keeps_empty_text() -> None:
    port = field(1, b"") + number(2, 80) + field(3, b"")
    endpoints = field(1, field(1, b"e")) + field(2, field(3, port))
    assert decode(envelope("v1", "Endpoints", endpoints))["subsets"] == [{"ports": [{"port": 80}]}]
    port = field(1, b"") + field(2, b"TCP") + number(3, 80)
    found = decode(envelope("discovery.k8s.io/v1", "EndpointSlice", field(3, port)))
    assert found["ports"] == [{"name": "", "protocol": "TCP", "port": 80}]


def test_times() -> None:
    moment = number(1, 1_700_000_000) + number(2, 500_000_000)
    lease = field(1, field(1, b"l")) + field(2, field(3, moment))
    decoded = decode(envelope("coordination.k8s.io/v1", "Lease", lease))
    assert decoded["spec"] == {"acquireTime": "2023-11-14T22:13:20.500000Z"}
    early = number(1, -62_135_596_798) + number(2, 0)  # two seconds into the year 1
    lease = field(1, field(1, b"l")) + field(2, field(3, early))
    decoded = decode(envelope("coordination.k8s.io/v1", "Lease", lease))
    assert decoded["spec"] == {"acquireTime": "0001-01-01T00:00:02.000000Z"}


@pytest.mark.parametrize(
    ("nanos", "text"),
    [
        (0, "0s"),
        (1500, "1.5µs"),
        (2_000_000, "2ms"),
        (90_000_000_000, "1m30s"),
        (3_600_000_000_000, "1h0m0s"),
        (-1, "-1ns"),
    ],
)
def test_durations(nanos: int, text: str) -> None:
    assert go_duration(nanos) == text


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{}",
        b"k8s\x00",
        b"k8s\x00\xff",
        envelope("v1", "Nonsense", b""),
        envelope("v1", "Pod", b"\x0a\xff"),
        envelope("v1", "Pod", b"\x0a\x05ab"),
        envelope("v1", "Pod", number(1, 5)),
        envelope("v1", "ConfigMap", field(2, field(1, b"\xff"))),
    ],
)
def test_what_is_no_object_is_refused(data: bytes) -> None:
    with pytest.raises(DecodeError):
        decode(data)


def test_nesting_is_bounded() -> None:
    inner = b""
    for _ in range(200):
        inner = field(1, inner)
    with pytest.raises(DecodeError):
        decode(envelope("apiextensions.k8s.io/v1", "CustomResourceDefinition", inner))


KINDS = sorted(TABLES["kinds"])


@settings(max_examples=300)
@given(st.binary(max_size=200), st.sampled_from(KINDS))
def test_random_bytes_end_in_an_object_or_a_decode_error(data: bytes, kind: str) -> None:
    api_version, _, name = kind.rpartition("/")
    for raw in (data, b"k8s\x00" + data, envelope(api_version.removeprefix("/"), name, data)):
        try:
            decoded = decode(raw)
        except DecodeError:
            continue
        assert isinstance(decoded, dict)


@settings(max_examples=200)
@given(st.data())
def test_damaged_bodies_end_in_an_object_or_a_decode_error(data: st.DataObject) -> None:
    good = bytearray(body(data.draw(st.sampled_from(OBJECTS))))
    for _ in range(data.draw(st.integers(1, 6))):
        good[data.draw(st.integers(0, len(good) - 1))] = data.draw(st.integers(0, 255))
    try:
        decode(bytes(good))
    except DecodeError:
        pass


def test_no_disruption_allowed_is_not_the_same_as_nothing_said() -> None:
    budget = {"apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "spec": {"maxUnavailable": 0}}
    assert decode(body(budget))["spec"] == {"maxUnavailable": 0}


def test_a_target_port_of_zero_means_the_port() -> None:
    service = {"apiVersion": "v1", "kind": "Service", "spec": {"ports": [{"port": 80, "targetPort": 0}]}}
    assert decode(body(service))["spec"] == {"ports": [{"port": 80}]}


def test_a_schemas_choices_are_their_values() -> None:
    """`items`, `additionalProperties` and `dependencies` are messages of which one field is set."""
    kind = "apiextensions-apiserver/pkg/apis/apiextensions/v1.JSONSchemaProps"
    sent = {
        "items": {"schema": {"type": "string"}},
        "additionalProperties": {"allows": True, "schema": {"type": "object"}},
        "properties": {
            "open": {"additionalProperties": {"allows": True}},
            "closed": {"additionalProperties": {"allows": False}},
            "rows": {"items": {"jSONSchemas": [{"type": "integer"}]}},
        },
        "dependencies": {"a": {"property": ["b"]}},
    }
    crd = "apiextensions.k8s.io/v1/CustomResourceDefinition"
    versions = [{"name": "v1", "schema": {"openAPIV3Schema": sent}}]
    body = encode(TABLES["kinds"][crd], {"spec": {"versions": versions}})
    assert kind in TABLES["types"]
    read = decode(envelope("apiextensions.k8s.io/v1", "CustomResourceDefinition", body))
    assert read["spec"]["versions"][0]["schema"]["openAPIV3Schema"] == {
        "items": {"type": "string"},
        "additionalProperties": {"type": "object"},
        "properties": {
            "open": {"additionalProperties": True},
            "closed": {"additionalProperties": False},
            "rows": {"items": [{"type": "integer"}]},
        },
        "dependencies": {"a": ["b"]},
    }


def test_options_may_be_named_after_any_group() -> None:
    options = encode(TABLES["kinds"]["/v1/DeleteOptions"], {"propagationPolicy": "Orphan"})
    read = decode(envelope("example.com/v1", "DeleteOptions", options))
    assert read == {"apiVersion": "example.com/v1", "kind": "DeleteOptions", "propagationPolicy": "Orphan"}
