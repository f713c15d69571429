"""Whatever schema is accepted and whatever body comes: pruning, defaults and validation agree, and nothing breaks."""

import copy
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from kube.apiserver.customresources import defaulting, pruning, structure, uniqueness, values
from kube.apiserver.customresources.definition import rules
from kube.apiserver.customresources.structural import parse
from kube.apiserver.kinds import defaults, kind_at
from kube.apiserver.kinds.managed_fields.field_set import from_fields_v1, paths_of, to_fields_v1
from kube.apiserver.status import FieldError
from tests.unit.kube.apiserver.customresources.conftest import definition

KIND = kind_at("apiextensions.k8s.io", "v1", "customresourcedefinitions")
NAMES = st.sampled_from(["a", "b", "c"])
SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(-3, 3), st.floats(-2, 2), st.sampled_from(["", "a", "x"])
)
BODIES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(NAMES, inner, max_size=3)),
    max_leaves=12,
)


def leaf() -> st.SearchStrategy[dict[str, Any]]:
    number = {
        "minimum": st.integers(-2, 2),
        "maximum": st.integers(-2, 2),
        "multipleOf": st.sampled_from([1, 0.5]),
    }
    text = {
        "minLength": st.integers(0, 2),
        "pattern": st.sampled_from(["^a", "x$"]),
        "format": st.just("ipv4"),
    }
    nullable = {"nullable": st.booleans()}
    return st.one_of(
        st.fixed_dictionaries({"type": st.just("string")}, optional=text | nullable),
        st.fixed_dictionaries({"type": st.sampled_from(["integer", "number"])}, optional=number | nullable),
        st.fixed_dictionaries({"type": st.just("boolean")}, optional=nullable),
        st.just({"x-kubernetes-int-or-string": True}),
        st.just({"type": "object", "x-kubernetes-preserve-unknown-fields": True}),
        st.fixed_dictionaries({"type": st.just("string"), "default": st.just("a")}),
        st.fixed_dictionaries({"type": st.just("integer"), "default": st.just(1)}),
    )


def branch(inner: st.SearchStrategy[dict[str, Any]]) -> st.SearchStrategy[dict[str, Any]]:
    properties = st.dictionaries(NAMES, inner, max_size=3)
    return st.one_of(
        st.fixed_dictionaries(
            {"type": st.just("object"), "properties": properties},
            optional={
                "required": st.lists(NAMES, max_size=2, unique=True),
                "x-kubernetes-preserve-unknown-fields": st.just(True),
                "x-kubernetes-map-type": st.just("atomic"),
                "anyOf": st.just([{"required": ["a"]}, {"required": ["b"]}]),
                "nullable": st.booleans(),
            },
        ),
        st.fixed_dictionaries({"type": st.just("object"), "additionalProperties": inner}),
        st.fixed_dictionaries(
            {"type": st.just("array"), "items": inner}, optional={"maxItems": st.integers(0, 2)}
        ),
        st.just({"type": "array", "x-kubernetes-list-type": "set", "items": {"type": "string"}}),
        st.builds(
            lambda part: {
                "type": "array",
                "x-kubernetes-list-type": "map",
                "x-kubernetes-list-map-keys": ["a"],
                "items": {
                    "type": "object",
                    "required": ["a"],
                    "properties": {"b": part, "a": {"type": "string"}},
                },
            },
            inner,
        ),
    )


SCHEMAS = st.recursive(leaf(), branch, max_leaves=8)


@settings(max_examples=300, deadline=None)
@given(SCHEMAS, BODIES)
def test_a_body_is_brought_into_form_once_and_for_all(spec: dict[str, Any], body: Any) -> None:
    schema = parse({"type": "object", "properties": {"spec": spec}})
    obj = {"spec": body}
    pruning.prune(obj, schema, is_root=True)
    defaulting.apply(obj, schema)
    once = copy.deepcopy(obj)
    assert pruning.prune(obj, schema, is_root=True) == []
    defaulting.apply(obj, schema)
    assert obj == once
    values.validate(obj, schema)
    uniqueness.duplicates(obj, schema)
    assert values.validate(obj, schema, old=once) == [], "what is stored may stay"


@settings(max_examples=200, deadline=None)
@given(SCHEMAS, BODIES)
def test_fields_of_a_pruned_body_are_declared_and_their_set_can_be_written(
    spec: dict[str, Any], body: Any
) -> None:
    schema = parse({"type": "object", "properties": {"spec": spec}})
    obj = {"spec": body}
    pruning.prune(obj, schema, is_root=True)
    of_root = structure.of_root(schema)
    if not values.validate(obj, schema):
        assert structure.undeclared(obj, of_root) == []
    paths = frozenset(paths_of(obj, of_root))
    assert from_fields_v1(to_fields_v1(paths)) == paths


@settings(max_examples=200, deadline=None)
@given(SCHEMAS)
def test_generated_schemas_are_mostly_accepted_and_never_break_the_rules(spec: dict[str, Any]) -> None:
    assert KIND is not None
    obj = definition(spec)
    defaults.apply(KIND, obj)
    errors: list[FieldError] = []
    rules.definition(obj, errors)
    assert all(error.field.startswith("spec.versions[0].schema.openAPIV3Schema") for error in errors)


@settings(max_examples=300, deadline=None)
@given(BODIES)
def test_rules_take_any_json_for_a_schema(spec: Any) -> None:
    """The type check before them lets only objects and lists through where the type has them."""
    assert KIND is not None
    obj = definition(spec if isinstance(spec, dict) else {})
    errors: list[FieldError] = []
    rules.definition(obj, errors)
    assert errors
