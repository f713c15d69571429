"""Defaults and nulls."""

from typing import Any

import pytest

from kube.apiserver.customresources import defaulting
from kube.apiserver.customresources.structural import parse

INNER = {"type": "object", "properties": {"n": {"type": "integer", "default": 1}}}


def object_of(**properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties}


@pytest.mark.parametrize(
    ("schema", "value", "wanted"),
    [
        (object_of(a={"type": "string", "default": "x"}), {}, {"a": "x"}),
        (object_of(a={"type": "string", "default": "x"}), {"a": ""}, {"a": ""}),
        (object_of(a={"type": "string", "default": "x"}), {"a": None}, {"a": "x"}),
        (object_of(a={"type": "string", "default": "x", "nullable": True}), {"a": None}, {"a": None}),
        (object_of(a={"type": "string"}), {"a": None}, {}),
        (object_of(a={"type": "string", "nullable": True}), {"a": None}, {"a": None}),
        (object_of(a=INNER), {}, {}),  # a default does not make its parent
        (object_of(a=INNER), {"a": {}}, {"a": {"n": 1}}),
        (object_of(a={**INNER, "default": {}}), {}, {"a": {"n": 1}}),
        (object_of(a={"type": "array", "items": INNER}), {"a": [{}, {"n": 2}]}, {"a": [{"n": 1}, {"n": 2}]}),
        ({"type": "object", "additionalProperties": INNER}, {"k": {}}, {"k": {"n": 1}}),
        (object_of(a={"type": "array", "items": {"type": "string"}}), {"a": ["x", None]}, {"a": ["x", None]}),
        (
            object_of(a={"type": "array", "items": {"type": "string", "default": "d"}}),
            {"a": [None]},
            {"a": ["d"]},
        ),
    ],
)
def test_what_is_left_out_gets_its_default(schema: dict[str, Any], value: Any, wanted: Any) -> None:
    read = parse(schema)
    defaulting.apply(value, read)
    assert value == wanted
    defaulting.apply(value, read)
    assert value == wanted, "a second time changes nothing"


def test_objects_do_not_share_a_default() -> None:
    schema = parse(object_of(a={"type": "array", "items": {"type": "string"}, "default": []}))
    one: dict[str, Any] = {}
    other: dict[str, Any] = {}
    defaulting.apply(one, schema)
    one["a"].append("x")
    defaulting.apply(other, schema)
    assert other == {"a": []}
