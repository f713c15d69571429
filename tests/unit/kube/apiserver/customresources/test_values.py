"""Values against schemas: which are refused, and in which words."""

from typing import Any

import pytest

from kube.apiserver.customresources.structural import parse
from kube.apiserver.customresources.values import same, validate

INT_OR_STRING = {"x-kubernetes-int-or-string": True}


def told(schema: dict[str, Any], value: Any, **more: Any) -> list[str]:
    return [error.message for error in validate(value, parse(schema), path="f", **more)]


@pytest.mark.parametrize(
    ("schema", "values"),
    [
        ({"type": "string"}, ["", "a"]),
        ({"type": "integer"}, [0, -1, 3.0, 2**40]),
        ({"type": "number"}, [0, 1.5]),
        ({"type": "boolean"}, [True, False]),
        ({"type": "string", "nullable": True}, [None, "a"]),
        (INT_OR_STRING, [80, "http"]),
        ({"type": "object", "x-kubernetes-preserve-unknown-fields": True}, [{"a": {"b": [1, None]}}]),
        ({"type": "array", "items": {"type": "integer"}}, [[], [1, 2]]),
        ({"type": "object", "additionalProperties": {"type": "string"}}, [{}, {"a": "b"}]),
        ({"type": "string", "enum": ["a", "b"]}, ["a"]),
        ({"type": "number", "multipleOf": 0.5}, [1.5, 2]),
        ({"type": "integer", "minimum": 1, "maximum": 3}, [1, 3]),
        ({"type": "integer", "format": "int64"}, [2**40]),
        ({"type": "string", "minLength": 1, "maxLength": 2}, ["ä", "äö"]),
        ({"type": "string", "format": "who-knows"}, ["anything"]),
        ({"type": "array", "items": {"type": "integer"}, "minItems": 1, "maxItems": 2}, [[1], [1, 2]]),
        (
            {"type": "object", "maxProperties": 1, "x-kubernetes-preserve-unknown-fields": True},
            [{}, {"a": 1}],
        ),
        ({"type": "string", "anyOf": [{"pattern": "^a"}, {"pattern": "b$"}]}, ["a", "b", "ab"]),
        ({"type": "string", "oneOf": [{"pattern": "^a"}, {"pattern": "b$"}]}, ["a", "b"]),
        ({"type": "string", "allOf": [{"pattern": "^a"}, {"pattern": "b$"}]}, ["ab"]),
        ({"type": "string", "not": {"enum": ["a"]}}, ["b"]),
    ],
)
def test_what_fits_is_taken(schema: dict[str, Any], values: list[Any]) -> None:
    assert [(value, told(schema, value)) for value in values if told(schema, value)] == []


@pytest.mark.parametrize(
    ("schema", "value", "sentences"),
    [
        (
            {"type": "integer"},
            "a",
            ['f: Invalid value: "string": f in body must be of type integer: "string"'],
        ),
        (
            {"type": "integer"},
            1.5,
            ['f: Invalid value: "number": f in body must be of type integer: "number"'],
        ),
        (
            {"type": "integer"},
            True,
            ['f: Invalid value: "boolean": f in body must be of type integer: "boolean"'],
        ),
        ({"type": "string"}, None, ['f: Invalid value: "null": f in body must be of type string: "null"']),
        ({"type": "string"}, {}, ['f: Invalid value: "object": f in body must be of type string: "object"']),
        (INT_OR_STRING, [], ['f: Invalid value: "array": f in body must be of type integer,string: "array"']),
        ({"type": "string", "maxLength": 2}, "abc", ["f: Too long: may not be more than 2 bytes"]),
        (
            {"type": "string", "minLength": 2},
            "a",
            ['f: Invalid value: "a": f in body should be at least 2 chars long'],
        ),
        (
            {"type": "string", "pattern": "^a$"},
            "b",
            ["f: Invalid value: \"b\": f in body should match '^a$'"],
        ),
        (
            {"type": "string", "format": "ipv4"},
            "1.2",
            ['f: Invalid value: "1.2": f in body must be of type ipv4: "1.2"'],
        ),
        (
            {"type": "string", "enum": ["a", "b"]},
            "c",
            ['f: Unsupported value: "c": supported values: "a", "b"'],
        ),
        ({"type": "integer", "enum": [1, 2]}, True, None),
        (
            {"type": "integer", "maximum": 3},
            4,
            ["f: Invalid value: 4: f in body should be less than or equal to 3"],
        ),
        (
            {"type": "integer", "minimum": 3, "exclusiveMinimum": True},
            3,
            ["f: Invalid value: 3: f in body should be greater than 3"],
        ),
        (
            {"type": "number", "multipleOf": 2},
            3,
            ["f: Invalid value: 3: f in body should be a multiple of 2"],
        ),
        (
            {"type": "array", "items": {"type": "string"}, "minItems": 1},
            [],
            ["f: Invalid value: 0: f in body should have at least 1 items"],
        ),
        (
            {"type": "array", "items": {"type": "string"}, "maxItems": 1},
            ["a", "b"],
            ["f: Too many: 2: must have at most 1 items"],
        ),
        (
            {"type": "array", "items": {"type": "string"}},
            ["a", 1],
            ['f[1]: Invalid value: "integer": f[1] in body must be of type string: "integer"'],
        ),
        ({"type": "object", "required": ["a", "b"], "properties": {}}, {"b": 1}, ["f.a: Required value"]),
        (
            {"type": "string", "not": {"enum": ["a"]}},
            "a",
            ['<nil>: Invalid value: "": "f" must not validate the schema (not)'],
        ),
        (
            {"type": "string", "oneOf": [{"pattern": "a"}, {"pattern": "b"}]},
            "ab",
            [
                '<nil>: Invalid value: "": "f" must validate one and only one schema (oneOf). '
                "Found 2 valid alternatives"
            ],
        ),
        (
            {"type": "object", "anyOf": [{"required": ["a"]}, {"required": ["b"]}]},
            {},
            [
                '<nil>: Invalid value: "": "f" must validate at least one schema (anyOf)',
                "f.a: Required value",
            ],
        ),
        (
            {"type": "string", "allOf": [{"pattern": "a"}, {"pattern": "b"}]},
            "b",
            [
                '<nil>: Invalid value: "": "f" must validate all the schemas (allOf)',
                "f: Invalid value: \"b\": f in body should match 'a'",
            ],
        ),
    ],
)
def test_what_does_not_fit_is_told(schema: dict[str, Any], value: Any, sentences: list[str] | None) -> None:
    found = told(schema, value)
    assert found == sentences if sentences is not None else found


@pytest.mark.parametrize(
    ("one", "other", "equal"),
    [
        (1, True, False),
        (1, 1.0, True),
        ([1], [True], False),
        ({"a": 0}, {"a": False}, False),
        (None, 0, False),
    ],
)
def test_json_values_are_equal_by_type_too(one: Any, other: Any, equal: bool) -> None:
    assert same(one, other) is equal


LIST = {
    "type": "array",
    "x-kubernetes-list-type": "map",
    "x-kubernetes-list-map-keys": ["name"],
    "items": {
        "type": "object",
        "properties": {"name": {"type": "string"}, "n": {"type": "integer", "maximum": 3}},
    },
}


@pytest.mark.parametrize(
    ("schema", "old", "new", "count"),
    [
        ({"type": "integer", "maximum": 3}, 9, 9, 0),
        ({"type": "integer", "maximum": 3}, 9, 8, 1),
        (LIST, [{"name": "a", "n": 9}], [{"name": "b", "n": 1}, {"name": "a", "n": 9}], 0),
        (LIST, [{"name": "a", "n": 9}], [{"name": "b", "n": 9}], 1),
        (
            {"type": "array", "items": {"type": "integer", "maximum": 3}},
            [9],
            [9, 1],
            1,
        ),  # nothing to know them by
        ({"type": "object", "required": ["a"], "properties": {"b": {"type": "string"}}}, {}, {"b": "x"}, 1),
    ],
)
def test_what_was_stored_before_may_stay_as_it_is(
    schema: dict[str, Any], old: Any, new: Any, count: int
) -> None:
    assert len(told(schema, new, old=old)) == count
