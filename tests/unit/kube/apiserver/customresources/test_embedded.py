"""Metadata of custom resources and of objects within them."""

from typing import Any

import pytest

from kube.apiserver.customresources import embedded
from kube.apiserver.customresources.structural import parse
from kube.apiserver.kinds.schema.compiled import Findings

TEMPLATE = {
    "type": "object",
    "x-kubernetes-embedded-resource": True,
    "x-kubernetes-preserve-unknown-fields": True,
}
SCHEMA = parse(
    {
        "type": "object",
        "properties": {"one": TEMPLATE, "many": {"type": "array", "items": TEMPLATE}},
    }
)
GOOD = {"apiVersion": "v1", "kind": "Pod"}


def test_unknown_metadata_is_dropped_and_told() -> None:
    obj: dict[str, Any] = {
        "metadata": {"name": "x", "labels": {"a": "b"}, "colour": "red"},
        "one": {**GOOD, "metadata": {"name": "y", "colour": "red"}},
        "many": [{**GOOD, "metadata": {"shape": "round", "annotations": {"a": "b"}}}],
    }
    findings = Findings()
    embedded.read_root(obj, findings)
    embedded.read_below(obj, SCHEMA, findings)
    assert findings.unknown == ["metadata.colour", "one.metadata.colour", "many[0].metadata.shape"]
    assert obj["metadata"] == {"name": "x", "labels": {"a": "b"}}
    assert obj["one"]["metadata"] == {"name": "y"}


@pytest.mark.parametrize("metadata", [{"labels": {"a": 1}}, {"name": 3}, "text"])
def test_metadata_of_another_type_is_an_error(metadata: Any) -> None:
    findings = Findings()
    embedded.read_root({"metadata": metadata}, findings)
    assert findings.error


@pytest.mark.parametrize(
    ("one", "sentences"),
    [
        (GOOD, []),
        ({**GOOD, "metadata": {"name": "x"}}, []),
        ({"kind": "Pod"}, ["one.apiVersion: Required value: must not be empty"]),
        ({"apiVersion": "v1", "kind": ""}, ['one.kind: Invalid value: "": must not be empty']),
        ({"apiVersion": 1, "kind": "Pod"}, ["one.apiVersion: Invalid value: 1: must be a string"]),
        (
            {"apiVersion": "a/b/c", "kind": "Pod"},
            ['one.apiVersion: Invalid value: "a/b/c": unexpected GroupVersion string: a/b/c'],
        ),
        (
            {**GOOD, "metadata": {"name": "a/b"}},
            ["one.metadata.name: Invalid value: \"a/b\": may not contain '/'"],
        ),
    ],
)
def test_embedded_objects_have_a_type_and_good_metadata(one: Any, sentences: list[str]) -> None:
    assert [error.message for error in embedded.validate({"one": one}, SCHEMA)] == sentences


def test_labels_of_embedded_objects_are_judged_where_they_are() -> None:
    obj = {"many": [{**GOOD, "metadata": {"labels": {"a b": "c"}}}]}
    assert [error.field for error in embedded.validate(obj, SCHEMA)] == ["many[0].metadata.labels"]
