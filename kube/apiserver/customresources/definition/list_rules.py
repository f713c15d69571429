"""Rules of x-kubernetes-list-type and its keys."""

from kube.apiserver import status
from kube.apiserver.customresources.definition.node import Errors, Node, wrong

_LIST_TYPES = ("atomic", "map", "set")
_KEYS = "x-kubernetes-list-map-keys"
_TYPE = "x-kubernetes-list-type"


def lists(node: Node, errors: Errors) -> None:
    list_type, keys = node.schema.get(_TYPE), node.schema.get(_KEYS) or ()
    if list_type and list_type not in _LIST_TYPES:
        errors.append(status.not_supported(node.at(_TYPE), list_type, _LIST_TYPES))
    if list_type and node.schema.get("type") != "array":
        errors.append(wrong(node, "type", "must be array if x-kubernetes-list-type is specified"))
    if keys and list_type != "map":
        errors.append(wrong(node, _TYPE, "must be map if x-kubernetes-list-map-keys is non-empty"))
    if list_type == "map":
        _map(node, list(keys), errors)
    elif list_type == "set":
        _set(node, errors)


def _map(node: Node, keys: list[str], errors: Errors) -> None:
    items = node.schema.get("items")
    if not keys:
        detail = "must not be empty if x-kubernetes-list-type is map"
        errors.append(status.required(node.at(_KEYS), detail))
    if not isinstance(items, dict):
        detail = "must have a schema if x-kubernetes-list-type is map"
        errors.append(status.required(node.at("items"), detail))
        return
    if items.get("type") != "object":
        detail = "must be object if parent array's x-kubernetes-list-type is map"
        errors.append(status.invalid_value(f"{node.at('items')}.type", items.get("type") or "", detail))
    if items.get("nullable"):
        detail = "cannot be nullable when x-kubernetes-list-type is map"
        errors.append(status.forbidden_value(f"{node.at('items')}.nullable", detail))
    properties, required = items.get("properties") or {}, items.get("required") or ()
    for index, key in enumerate(keys):
        part = properties.get(key)
        where = f"{node.at('items')}.properties[{key}]"
        if keys.index(key) < index:
            detail = "must not contain duplicate entries"
            errors.append(status.invalid_value(node.at(_KEYS), keys, detail))
        if part is None:
            detail = "entries must all be names of item properties"
            errors.append(status.invalid_value(node.at(_KEYS), keys, detail))
            continue
        if part.get("type") in ("array", "object"):
            detail = "must be a scalar type if parent array's x-kubernetes-list-type is map"
            errors.append(status.invalid_value(f"{where}.type", part["type"], detail))
        if part.get("nullable"):
            detail = "this property is in x-kubernetes-list-map-keys, so it cannot be nullable"
            errors.append(status.forbidden_value(f"{where}.nullable", detail))
        if key not in required and "default" not in part:
            detail = "this property is in x-kubernetes-list-map-keys, so it must have a default or be a required property"
            errors.append(status.required(f"{where}.default", detail))


def _set(node: Node, errors: Errors) -> None:
    """Its items are compared as a whole. A list within is atomic unless it says otherwise, an object only if it does."""
    items = node.schema.get("items")
    if not isinstance(items, dict):
        return
    if items.get("nullable"):
        detail = "cannot be nullable when x-kubernetes-list-type is set"
        errors.append(status.forbidden_value(f"{node.at('items')}.nullable", detail))
    field, unsaid = {"object": ("x-kubernetes-map-type", ""), "array": (_TYPE, "atomic")}.get(
        items.get("type") or "", ("", "")
    )
    if field and (items.get(field) or unsaid) != "atomic":
        detail = "must be atomic as item of a list with x-kubernetes-list-type=set"
        errors.append(status.invalid_value(f"{node.at('items')}.{field}", items.get(field), detail))
