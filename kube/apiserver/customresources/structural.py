"""Structural schemas (KEP-1111): a definition's openAPIV3Schema, read into values that the other modules walk."""

import re
from collections.abc import Mapping
from typing import Any

import msgspec

from kube.apiserver.kinds.schema.patterns import BadPattern, compiled

Object = dict[str, Any]
ABSENT: Any = object()  # where null is a value


class Rule(msgspec.Struct, frozen=True, rename="camel"):
    """One of x-kubernetes-validations: an expression that must be true of the value."""

    rule: str = ""
    message: str = ""
    message_expression: str = ""
    reason: str = ""  # FieldValueInvalid, …
    field_path: str = ""
    optional_old_self: bool = False


class Schema(msgspec.Struct, frozen=True, kw_only=True):
    """One node. What the schema does not say is None, empty or False; `default` is then ABSENT.

    `additional` is the schema of a map's values. `type` is "" for values of any type.
    """

    type: str = ""
    nullable: bool = False
    default: Any = ABSENT
    properties: Mapping[str, "Schema"] = {}
    additional: "Schema | None" = None
    items: "Schema | None" = None
    required: tuple[str, ...] = ()

    preserves_unknown: bool = False
    embedded: bool = False  # an object with apiVersion, kind and metadata of its own
    int_or_string: bool = False
    list_type: str = ""  # atomic, set, map
    list_map_keys: tuple[str, ...] = ()
    map_type: str = ""  # granular, atomic

    enum: tuple[Any, ...] | None = None
    format: str = ""
    pattern: re.Pattern[str] | None = None
    pattern_text: str = ""
    minimum: float | None = None
    maximum: float | None = None
    exclusive_minimum: bool = False
    exclusive_maximum: bool = False
    multiple_of: float | None = None
    min_length: int | None = None
    max_length: int | None = None
    min_items: int | None = None
    max_items: int | None = None
    min_properties: int | None = None
    max_properties: int | None = None
    all_of: tuple["Schema", ...] = ()
    any_of: tuple["Schema", ...] = ()
    one_of: tuple["Schema", ...] = ()
    negated: "Schema | None" = None
    rules: tuple[Rule, ...] = ()
    has_rules: bool = False  # here or below

    has_defaults: bool = False  # here or below

    @property
    def parts(self) -> tuple["Schema", ...]:
        """The schemas of what is inside values of this one."""
        below = (self.additional, self.items)
        return (*self.properties.values(), *(part for part in below if part is not None))


# Where attributes and schema keywords differ in more than case.
_KEYWORDS = {
    "type": "type",
    "nullable": "nullable",
    "format": "format",
    "minimum": "minimum",
    "maximum": "maximum",
    "exclusiveMinimum": "exclusive_minimum",
    "exclusiveMaximum": "exclusive_maximum",
    "multipleOf": "multiple_of",
    "minLength": "min_length",
    "maxLength": "max_length",
    "minItems": "min_items",
    "maxItems": "max_items",
    "minProperties": "min_properties",
    "maxProperties": "max_properties",
    "x-kubernetes-preserve-unknown-fields": "preserves_unknown",
    "x-kubernetes-embedded-resource": "embedded",
    "x-kubernetes-int-or-string": "int_or_string",
    "x-kubernetes-list-type": "list_type",
    "x-kubernetes-map-type": "map_type",
}


def parse(node: Object) -> Schema:
    """A JSONSchemaProps object, valid as `definition` checks it; a pattern that does not compile is passed over."""
    values: Object = {name: node[word] for word, name in _KEYWORDS.items() if node.get(word) is not None}
    properties = {name: parse(part) for name, part in (node.get("properties") or {}).items()}
    additional, items = node.get("additionalProperties"), node.get("items")
    values["properties"] = properties
    if isinstance(additional, dict):
        values["additional"] = parse(additional)
    elif additional is True:
        values["additional"] = Schema()
    if isinstance(items, dict):
        values["items"] = parse(items)
    if "default" in node:
        values["default"] = node["default"]
    if "enum" in node:
        values["enum"] = tuple(node["enum"])
    for word, name in (("required", "required"), ("x-kubernetes-list-map-keys", "list_map_keys")):
        values[name] = tuple(node.get(word) or ())
    for word, name in (("allOf", "all_of"), ("anyOf", "any_of"), ("oneOf", "one_of")):
        values[name] = tuple(parse(part) for part in node.get(word) or ())
    if isinstance(node.get("not"), dict):
        values["negated"] = parse(node["not"])
    if node.get("pattern"):
        values["pattern_text"] = node["pattern"]
        values["pattern"] = _pattern(node["pattern"])
    values["rules"] = tuple(
        msgspec.convert(rule, Rule) for rule in node.get("x-kubernetes-validations") or ()
    )
    schema = Schema(**values)
    return msgspec.structs.replace(
        schema,
        has_defaults="default" in node or any(part.has_defaults for part in schema.parts),
        has_rules=bool(schema.rules) or any(part.has_rules for part in schema.parts),
    )


def _pattern(text: str) -> re.Pattern[str] | None:
    try:
        return compiled(text)
    except BadPattern:
        return None
