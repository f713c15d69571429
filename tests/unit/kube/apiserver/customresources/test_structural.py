"""Schemas as they are read."""

from kube.apiserver.customresources.structural import ABSENT, Schema, parse


def test_what_is_not_said_is_absent() -> None:
    assert parse({}) == Schema()
    assert parse({}).default is ABSENT
    assert parse({"default": None}).default is None


def test_a_schema_is_read_with_what_is_below() -> None:
    schema = parse(
        {
            "type": "object",
            "required": ["a"],
            "properties": {
                "a": {"type": "array", "items": {"type": "string", "default": "x"}, "maxItems": 3},
                "b": {"type": "object", "additionalProperties": {"type": "integer", "minimum": 0}},
                "c": {"type": "object", "additionalProperties": True},
                "d": {"x-kubernetes-int-or-string": True, "x-kubernetes-validations": [{"rule": "true"}]},
            },
            "not": {"required": ["z"]},
        }
    )
    assert schema.required == ("a",)
    assert (schema.has_defaults, schema.has_rules) == (True, True)
    a, b, c, d = (schema.properties[name] for name in "abcd")
    assert (a.max_items, a.items, a.has_defaults) == (3, parse({"type": "string", "default": "x"}), True)
    assert b.additional is not None
    assert b.additional.minimum == 0
    assert c.additional == Schema()
    assert (d.int_or_string, d.has_rules, d.has_defaults) == (True, True, False)
    assert schema.negated == Schema(required=("z",))
    assert schema.parts == (a, b, c, d)


def test_a_pattern_that_cannot_be_read_is_passed_over() -> None:
    """A definition that was stored elsewhere must not stop the kind from being served."""
    schema = parse({"type": "string", "pattern": "("})
    assert (schema.pattern, schema.pattern_text) == (None, "(")
