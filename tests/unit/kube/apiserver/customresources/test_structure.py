"""Which fields of a custom resource can be owned."""

from typing import Any

import pytest

from kube.apiserver.customresources import structure
from kube.apiserver.customresources.structural import parse
from kube.apiserver.kinds.managed_fields.field_set import paths_of, text

ITEM = {"type": "object", "properties": {"name": {"type": "string"}, "n": {"type": "integer", "default": 1}}}
SPEC = {
    "type": "object",
    "properties": {
        "keyed": {
            "type": "array",
            "x-kubernetes-list-type": "map",
            "x-kubernetes-list-map-keys": ["name", "n"],
            "items": ITEM,
        },
        "set": {"type": "array", "x-kubernetes-list-type": "set", "items": {"type": "string"}},
        "plain": {"type": "array", "items": ITEM},
        "whole": {
            "type": "object",
            "x-kubernetes-map-type": "atomic",
            "properties": {"a": {"type": "string"}},
        },
        "map": {"type": "object", "additionalProperties": {"type": "string"}},
        "free": {"type": "object", "x-kubernetes-preserve-unknown-fields": True},
        "half": {
            "type": "object",
            "x-kubernetes-preserve-unknown-fields": True,
            "properties": {
                "set": {"type": "array", "x-kubernetes-list-type": "set", "items": {"type": "string"}}
            },
        },
        "pod": {
            "type": "object",
            "x-kubernetes-embedded-resource": True,
            "x-kubernetes-preserve-unknown-fields": True,
        },
    },
}
ROOT = structure.of_root(parse({"type": "object", "properties": {"spec": SPEC}}))


@pytest.mark.parametrize(
    ("spec", "paths"),
    [
        ({"keyed": [{"name": "a"}]}, ['.keyed[n=1,name="a"]', '.keyed[n=1,name="a"].name']),
        ({"set": ["x", "y"]}, ['.set["x"]', '.set["y"]']),
        ({"plain": [{"name": "a"}]}, [".plain"]),
        ({"whole": {"a": "x"}}, [".whole"]),
        ({"map": {"k": "v"}}, [".map.k"]),
        ({"free": {"a": {"b": 1, "c": [1]}}}, [".free.a.b", ".free.a.c"]),
        ({"half": {"set": ["x"], "other": {"a": [1]}}}, ['.half.set["x"]', ".half.other.a"]),
        (
            {"pod": {"metadata": {"labels": {"a": "b"}}, "spec": {"x": 1}}},
            [".pod.metadata.labels.a", ".pod.spec.x"],
        ),
    ],
)
def test_fields_are_told_apart_by_the_schema(spec: dict[str, Any], paths: list[str]) -> None:
    found = [text(path) for path in paths_of({"spec": spec}, ROOT)]
    assert found == [f".spec{path}" for path in paths]


@pytest.mark.parametrize(
    ("obj", "paths"),
    [
        ({"apiVersion": "v", "kind": "k", "metadata": {"name": "x", "labels": {"a": "b"}}, "spec": {}}, []),
        ({"spec": {"colour": 1}}, [".spec.colour"]),
        ({"metadata": {"colour": 1}}, [".metadata.colour"]),
        ({"spec": {"free": {"colour": 1}, "half": {"colour": 1}}}, []),
        ({"spec": {"keyed": [{"name": "a", "colour": 1}]}}, ['.spec.keyed[n=1,name="a"].colour']),
        ({"spec": {"pod": {"apiVersion": "v1", "metadata": {"colour": 1}}}}, [".spec.pod.metadata.colour"]),
        ({"spec": {"map": {"anything": "x"}}}, []),
        ({"colour": 1}, [".colour"]),
    ],
)
def test_fields_that_the_schema_lacks_are_found(obj: dict[str, Any], paths: list[str]) -> None:
    assert structure.undeclared(obj, ROOT) == paths
