"""Expressions in schemas: what they see, when they run, what they say."""

from typing import Any

import pytest

from kube.apiserver.customresources import rules
from kube.apiserver.customresources.expressions import escaped
from kube.apiserver.customresources.structural import ABSENT, parse

INT: dict[str, Any] = {"type": "integer"}


def ruled(schema: dict[str, Any], *found: dict[str, Any] | str) -> dict[str, Any]:
    return {
        **schema,
        "x-kubernetes-validations": [{"rule": rule} if isinstance(rule, str) else rule for rule in found],
    }


def told(schema: dict[str, Any], value: Any, old: Any = ABSENT) -> list[str]:
    whole = {"type": "object", "properties": {"spec": schema}}
    return [
        error.message
        for error in rules.validate({"spec": value}, parse(whole), ABSENT if old is ABSENT else {"spec": old})
    ]


SPEC = {"type": "object", "properties": {"low": INT, "high": INT, "a-b": {"type": "string"}, "if": INT}}


@pytest.mark.parametrize(
    ("rule", "sentences"),
    [
        ("self.low <= self.high", ["spec: Invalid value: failed rule: self.low <= self.high"]),
        ("self.low == 2", []),
        ("has(self.a__dash__b) || self.__if__ == 3", []),
        (
            {"rule": "false", "message": "not like this", "reason": "FieldValueForbidden"},
            ["spec: Forbidden: not like this"],
        ),
        (
            {"rule": "false", "messageExpression": "'low is %d'.format([self.low])", "fieldPath": ".low"},
            ["spec.low: Invalid value: low is 2"],
        ),
        ({"rule": "false", "fieldPath": "['a-b']"}, ["spec.a-b: Invalid value: failed rule: false"]),
        (
            "self.low / (self.high - 1) > 0",
            [
                'spec: Invalid value: "object": division by zero evaluating rule: self.low / (self.high - 1) > 0'
            ],
        ),
    ],
)
def test_a_rule_that_is_not_true_is_told(rule: Any, sentences: list[str]) -> None:
    assert told(ruled(SPEC, rule), {"low": 2, "high": 1, "if": 3}) == sentences


def test_values_have_the_types_of_their_schema() -> None:
    schema = {
        "type": "object",
        "properties": {
            "ratio": ruled({"type": "number"}, "self == 2.0 && type(self) == double"),
            "at": ruled({"type": "string", "format": "date-time"}, "self.getFullYear() == 2020"),
            "length": ruled({"type": "string", "format": "duration"}, "self > duration('1m')"),
            "port": ruled(
                {"x-kubernetes-int-or-string": True}, "type(self) == string ? self == 'http' : self > 0"
            ),
            "labels": ruled(
                {"type": "object", "additionalProperties": {"type": "string"}}, "self['a/b'] == 'c'"
            ),
        },
    }
    value = {"ratio": 2, "at": "2020-05-06T07:08:09Z", "length": "2m", "port": "http", "labels": {"a/b": "c"}}
    assert told(schema, value) == []


TRANSITION = ruled({"type": "object", "properties": {"n": INT}}, "self.n >= oldSelf.n")


@pytest.mark.parametrize(
    ("old", "count"), [(ABSENT, 0), ({"n": 1}, 0), ({"n": 5}, 1)], ids=["created", "grew", "shrank"]
)
def test_a_rule_about_the_old_value_runs_where_there_is_one(old: Any, count: int) -> None:
    assert len(told(TRANSITION, {"n": 2}, old)) == count


def test_an_optional_old_value_lets_the_rule_run_always() -> None:
    rule = {"rule": "oldSelf.hasValue() || self.n == 1", "optionalOldSelf": True}
    schema = ruled({"type": "object", "properties": {"n": INT}}, rule)
    assert told(schema, {"n": 1}) == []
    assert len(told(schema, {"n": 2})) == 1
    assert told(schema, {"n": 2}, {"n": 1}) == []


def test_items_of_a_list_with_keys_find_their_old_value() -> None:
    item = ruled(
        {"type": "object", "properties": {"name": {"type": "string"}, "n": INT}}, "self.n >= oldSelf.n"
    )
    schema = {
        "type": "array",
        "items": item,
        "x-kubernetes-list-type": "map",
        "x-kubernetes-list-map-keys": ["name"],
    }
    old = [{"name": "a", "n": 1}, {"name": "b", "n": 9}]
    assert told(schema, [{"name": "b", "n": 3}, {"name": "a", "n": 2}], old) == [
        "spec[0]: Invalid value: failed rule: self.n >= oldSelf.n"
    ]


def test_what_is_stored_may_stay_though_newer_rules_forbid_it() -> None:
    schema = {"type": "object", "properties": {"n": ruled(INT, "self < 5"), "m": INT}}
    assert told(schema, {"n": 7, "m": 2}, {"n": 7, "m": 1}) == []
    assert len(told(schema, {"n": 8, "m": 2}, {"n": 7, "m": 1})) == 1


def test_an_expression_that_costs_too_much_is_given_up() -> None:
    rule = "self.all(a, self.all(b, self.all(c, a + b + c >= 0)))"
    (sentence,) = told(ruled({"type": "array", "items": INT}, rule), list(range(200)))
    assert "actual cost limit exceeded" in sentence


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("plain", "plain"),
        ("a.b", "a__dot__b"),
        ("a__b", "a__underscores__b"),
        ("in", "__in__"),
        ("a b", None),
    ],
)
def test_names_are_written_so_that_they_can_be(name: str, shown: str | None) -> None:
    assert escaped(name) == shown
