"""May a schema be served? No keyword that is not supported, structural (KEP-1111), with defaults that fit."""

from typing import Any

from kube.apiserver import status
from kube.apiserver.customresources.definition import default_rules, list_rules
from kube.apiserver.customresources.definition.node import Errors, Node, below, wrong
from kube.apiserver.kinds.schema.patterns import BadPattern, compiled

Object = dict[str, Any]

_TYPES = ("array", "boolean", "integer", "number", "object", "string")
_UNSUPPORTED = {
    "$ref": "$ref is not supported",
    "definitions": "definitions is not supported",
    "dependencies": "dependencies is not supported",
    "patternProperties": "patternProperties is not supported",
    "additionalItems": "additionalItems is not supported",
    "id": "id is not supported",
}
_AT_ROOT_WITH_STATUS = (
    "$schema",
    "description",
    "example",
    "externalDocs",
    "format",
    "items",
    "maximum",
    "exclusiveMaximum",
    "minimum",
    "exclusiveMinimum",
    "maxLength",
    "minLength",
    "pattern",
    "maxItems",
    "minItems",
    "uniqueItems",
    "multipleOf",
    "properties",
    "required",
    "title",
    "type",
    "x-kubernetes-preserve-unknown-fields",
    "x-kubernetes-validations",
)
# What a node of allOf, anyOf, oneOf and not may not say, because it would shape the value.
_SHAPING = (
    "type",
    "additionalProperties",
    "nullable",
    "default",
    "title",
    "description",
    "x-kubernetes-preserve-unknown-fields",
    "x-kubernetes-embedded-resource",
    "x-kubernetes-int-or-string",
    "x-kubernetes-list-type",
    "x-kubernetes-list-map-keys",
    "x-kubernetes-map-type",
)
_INT_OR_STRING = [{"type": "integer"}, {"type": "string"}]


def root(schema: Object, where: str, errors: Errors, *, has_status: bool) -> None:
    """The whole schema of a version; `where` is its field in the definition."""
    before = len(errors)
    if has_status:
        _root_with_status(schema, where, errors)
    if schema.get("nullable"):
        errors.append(status.forbidden_value(f"{where}.nullable", "nullable cannot be true at the root"))
    _walk(Node(schema, where, "root"), errors)
    if len(errors) == before and _has_expressions(schema):
        from kube.apiserver.customresources.definition import expression_rules  # 20 ms of compiler

        expression_rules.expressions(schema, where, errors)
    if len(errors) == before:
        default_rules.defaults(schema, where, errors)


def _has_expressions(schema: Any) -> bool:
    """Whether any node has expressions."""
    if isinstance(schema, dict):
        return bool(schema.get("x-kubernetes-validations")) or any(map(_has_expressions, schema.values()))
    return isinstance(schema, list) and any(map(_has_expressions, schema))


def _root_with_status(schema: Object, where: str, errors: Errors) -> None:
    if schema.get("type") not in (None, "object"):
        detail = (
            'only "object" type is allowed at the root of the schema when the status subresource is enabled'
        )
        errors.append(status.invalid_value(f"{where}.type", schema.get("type"), detail))
    if any(word not in _AT_ROOT_WITH_STATUS for word in schema):
        listed = " ".join(word[:1].upper() + word[1:] for word in _AT_ROOT_WITH_STATUS[1:])
        detail = f"only [{listed}] fields are allowed at the root of the schema if the status subresource is enabled"
        errors.append(status.invalid_value(where, schema, detail))


def _walk(node: Node, errors: Errors) -> None:
    _keywords(node, errors)
    _extensions(node, errors)
    list_rules.lists(node, errors)
    _shape(node, errors)
    if node.level == "root" or node.flag("x-kubernetes-embedded-resource"):
        _type_fields(node, errors)
    for part in below(node):
        _walk(part, errors)
    for part in _alternatives(node):
        _logical(part, node, errors)


def _keywords(node: Node, errors: Errors) -> None:
    schema = node.schema
    for word, detail in _UNSUPPORTED.items():
        if schema.get(word) not in (None, "", {}, []):
            errors.append(status.forbidden_value(node.at(word), detail))
    kind = schema.get("type")
    if kind == "null":
        detail = "type cannot be set to null, use nullable as an alternative"
        errors.append(status.forbidden_value(node.at("type"), detail))
    if kind and kind not in _TYPES:
        errors.append(status.not_supported(node.at("type"), kind, _TYPES))
    if schema.get("uniqueItems"):
        detail = "uniqueItems cannot be set to true since the runtime complexity becomes quadratic"
        errors.append(status.forbidden_value(node.at("uniqueItems"), detail))
    more = schema.get("additionalProperties")
    if more is False and not schema.get("properties"):
        detail = "additionalProperties cannot be set to false"
        errors.append(status.forbidden_value(node.at("additionalProperties"), detail))
    if (more is False or isinstance(more, dict)) and schema.get("properties"):
        detail = "additionalProperties and properties are mutual exclusive"
        errors.append(status.forbidden_value(node.at("additionalProperties"), detail))
    if isinstance(schema.get("items"), list):
        detail = "items must be a schema object and not an array"
        errors.append(status.forbidden_value(node.at("items"), detail))
    if schema.get("pattern"):
        _pattern(schema["pattern"], node.at("pattern"), errors)


def _pattern(pattern: str, where: str, errors: Errors) -> None:
    try:
        compiled(pattern)
    except BadPattern as error:
        detail = f"must be a valid regular expression, but isn't: {error}"
        errors.append(status.invalid_value(where, pattern, detail))


def _extensions(node: Node, errors: Errors) -> None:
    schema = node.schema
    if schema.get("x-kubernetes-preserve-unknown-fields") is False:
        where = node.at("x-kubernetes-preserve-unknown-fields")
        errors.append(status.invalid_value(where, False, "must be true or undefined"))
    map_type = schema.get("x-kubernetes-map-type")
    if map_type and map_type not in ("atomic", "granular"):
        where = node.at("x-kubernetes-map-type")
        errors.append(status.not_supported(where, map_type, ("atomic", "granular")))
    if map_type and schema.get("type") != "object":
        detail = "must be object if x-kubernetes-map-type is specified"
        errors.append(wrong(node, "type", detail))


def _shape(node: Node, errors: Errors) -> None:
    """Every node says of which type its values are."""
    schema, kind = node.schema, node.schema.get("type")
    int_or_string = node.flag("x-kubernetes-int-or-string")
    is_embedded = node.flag("x-kubernetes-embedded-resource")
    if node.level == "root":
        if kind != "object":
            detail = "must be object at the root" if kind else "must not be empty at the root"
            errors.append(wrong(node, "type", detail))
        for word in ("x-kubernetes-embedded-resource", "x-kubernetes-int-or-string"):
            if node.flag(word):
                errors.append(status.forbidden_value(node.at(word), "must be false at the root"))
    elif not kind and not int_or_string and not node.flag("x-kubernetes-preserve-unknown-fields"):
        of_what = "array items" if node.level == "item" else "object fields"
        errors.append(status.required(node.at("type"), f"must not be empty for specified {of_what}"))
    if int_or_string and kind:
        detail = "must be empty if x-kubernetes-int-or-string is true"
        errors.append(status.invalid_value(node.at("type"), kind, detail))
    if is_embedded and kind != "object":
        errors.append(wrong(node, "type", "must be object if x-kubernetes-embedded-resource is true"))
    if is_embedded and schema.get("additionalProperties") is not None:
        detail = "must not be used if x-kubernetes-embedded-resource is set"
        errors.append(status.forbidden_value(node.at("additionalProperties"), detail))
    if is_embedded and not node.flag("x-kubernetes-preserve-unknown-fields") and not schema.get("properties"):
        detail = (
            "must not be empty if x-kubernetes-embedded-resource is true without "
            "x-kubernetes-preserve-unknown-fields"
        )
        errors.append(status.required(node.at("properties"), detail))
    if (
        kind == "array"
        and schema.get("items") is None
        and not node.flag("x-kubernetes-preserve-unknown-fields")
    ):
        errors.append(status.required(node.at("items"), "must be specified"))


def _type_fields(node: Node, errors: Errors) -> None:
    """apiVersion, kind and metadata have the types they have everywhere."""
    properties = node.schema.get("properties") or {}
    for name in ("apiVersion", "kind"):
        part = properties.get(name)
        if part is not None and part.get("type") != "string":
            where = f"{node.at('properties')}[{name}].type"
            errors.append(status.invalid_value(where, part.get("type") or "", "must be string"))
    metadata = properties.get("metadata")
    if metadata is None:
        return
    where = f"{node.at('properties')}[metadata]"
    if metadata.get("type") != "object":
        errors.append(status.invalid_value(f"{where}.type", metadata.get("type") or "", "must be object"))
    if set(metadata.get("properties") or {}) - {"name", "generateName"}:
        detail = (
            "must not specify anything other than name and generateName, but metadata is implicitly specified"
        )
        errors.append(status.forbidden_value(where, detail))


def _alternatives(node: Node) -> list[Node]:
    found = []
    for word in ("allOf", "anyOf", "oneOf"):
        parts = node.schema.get(word) or ()
        if word == "anyOf" and node.flag("x-kubernetes-int-or-string") and list(parts) == _INT_OR_STRING:
            continue  # the one way to say this in plain OpenAPI
        for index, part in enumerate(parts):
            if word == "allOf" and index == 0 and part == {"anyOf": _INT_OR_STRING}:
                continue
            found.append(Node(part, f"{node.at(word)}[{index}]", "logical"))
    if isinstance(node.schema.get("not"), dict):
        found.append(Node(node.schema["not"], node.at("not"), "logical"))
    return found


def _logical(part: Node, shape: Node | None, errors: Errors) -> None:
    """A node of allOf, anyOf, oneOf or not beside the node that shapes the same value."""
    _keywords(part, errors)
    for word in _SHAPING:
        if part.schema.get(word) not in (None, "", False, [], ()):
            errors.append(status.forbidden_value(part.at(word), "must be empty to be structural"))
    for inner in below(part):
        counterpart = shape.child(inner.step) if shape is not None else None
        if counterpart is None and shape is not None:
            where = f"{shape.where}.{inner.step_text}"
            errors.append(status.required(where, f"because it is defined in {inner.where}"))
        _logical(inner, counterpart, errors)
    for inner in _alternatives(part):
        _logical(inner, shape, errors)
