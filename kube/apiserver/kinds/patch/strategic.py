"""Strategic merge patch: a merge patch that also merges lists, by the merge keys of the schema.

Directives: `$patch: replace|delete|merge`, `$setElementOrder/LIST`, `$deleteFromPrimitiveList/LIST`,
`$retainKeys`; null removes a member. kubectl sends this type for apply, edit, set, taint and rollout.
"""

from functools import cache
from typing import Any, NamedTuple

from kube.apiserver.kinds import disk
from kube.apiserver.kinds.go_text import printed
from kube.apiserver.kinds.patch.element_order import in_order

Object = dict[str, Any]

DIRECTIVE = "$patch"
RETAIN_KEYS = "$retainKeys"
ELEMENT_ORDER = "$setElementOrder/"
PRIMITIVE_DELETION = "$deleteFromPrimitiveList/"


class BadPatch(ValueError):
    """A directive that is unknown or does not fit the list it is about."""


class UnlikeElements(ValueError):
    """Elements of a list that cannot be told apart by its merge key; the server owns up to it as its own fault."""


class Field(NamedTuple):
    """How a field merges. `schema` is that of the map, or of the list's elements."""

    schema: "Schema | None" = None
    merges: bool = False
    replaces: bool = False
    merge_key: str = ""


_UNKNOWN = Field()


class Schema:
    """The merge rules of one definition, read from the type definitions as they are asked for."""

    __slots__ = ("fields", "properties")

    def __init__(self, properties: Object) -> None:
        self.properties = properties
        self.fields: dict[str, Field] = {}

    def field(self, name: str) -> Field:
        field = self.fields.get(name)
        if field is None:
            field = self.fields[name] = self._read(self.properties.get(name))
        return field

    def _read(self, schema: Object | None) -> Field:
        if schema is None:
            return _UNKNOWN
        strategies = schema.get("x-kubernetes-patch-strategy", "").split(",")
        target = schema.get("items", schema).get("$ref", "")
        return Field(
            schema=schema_of(target.removeprefix("#/definitions/")) if target else None,
            merges="merge" in strategies,
            replaces="replace" in strategies,
            merge_key=schema.get("x-kubernetes-patch-merge-key", ""),
        )


@cache
def schema_of(definition: str) -> Schema | None:
    """The rules of a definition by its full name; None where there are no fields to speak of."""
    properties = disk.definitions().get(definition, {}).get("properties")
    return None if properties is None else Schema(properties)


def merge(original: Object, patch: Object, schema: Schema | None) -> Object:
    """The merged map; `original` may be changed in place, `patch` is not."""
    if DIRECTIVE in patch:
        return _directed(patch)
    patch = dict(patch)
    if RETAIN_KEYS in patch:
        _retain_keys(original, patch)
    _order_elements(original, patch, schema)
    for name, value in patch.items():
        if name.startswith(PRIMITIVE_DELETION):
            _delete_primitives(original, name.removeprefix(PRIMITIVE_DELETION), value)
            continue
        if value is None:
            original.pop(name, None)
            continue
        field = schema.field(name) if schema is not None else _UNKNOWN
        before = original.get(name)
        if isinstance(value, dict) and isinstance(before, dict) and not field.replaces:
            original[name] = merge(before, value, field.schema)
        elif isinstance(value, list) and isinstance(before, list) and field.merges:
            original[name] = merge_list(before, value, field)
        else:
            original[name] = without_directives(value)
    return original


def _directed(patch: Object) -> Object:
    rest = {name: value for name, value in patch.items() if name != DIRECTIVE}
    match patch[DIRECTIVE]:
        case "replace":
            return rest
        case "delete":
            return {}
        case other:
            raise BadPatch(f"unknown patch type: {other} in map: {printed(patch)}")


def _retain_keys(original: Object, patch: Object) -> None:
    retained = patch.pop(RETAIN_KEYS)
    if not isinstance(retained, list):
        raise BadPatch("$retainKeys list must be a list")
    for name, value in patch.items():
        if value is not None and name not in retained and not name.startswith("$"):
            raise BadPatch("$retainKeys list must contain all fields that are present in the patch")
    for name in [name for name in original if name not in retained]:
        del original[name]


def _order_elements(original: Object, patch: Object, schema: Schema | None) -> None:
    """Merges and orders each list that the patch gives an order for, and takes both out of the patch."""
    for directive in [name for name in patch if name.startswith(ELEMENT_ORDER)]:
        order = patch.pop(directive)
        name = directive.removeprefix(ELEMENT_ORDER)
        field = schema.field(name) if schema is not None else _UNKNOWN
        before = original.get(name)
        deletions = patch.pop(PRIMITIVE_DELETION + name, None)
        if deletions is not None:
            _delete_primitives(original, name, deletions)
        if not isinstance(order, list) or not field.merges:
            raise BadPatch(f"{directive} is only for lists that merge")
        values = patch.pop(name, [])
        if values is None:
            original.pop(name, None)
            continue
        live = original.get(name) or []
        merged = merge_list(list(live), values, field) if values else live
        if merged or name in original:
            original[name] = in_order(merged, order, before or [], field.merge_key)


def _delete_primitives(original: Object, name: str, values: Any) -> None:
    if not isinstance(values, list):
        raise BadPatch(f"{PRIMITIVE_DELETION}{name} must be a list")
    if isinstance(original.get(name), list):
        original[name] = [item for item in original[name] if item not in values]


def merge_list(original: list[Any], patch: list[Any], field: Field) -> list[Any]:
    """Both lists as one, in the patch's order as far as the live order allows."""
    if any(isinstance(item, list) for item in (*original, *patch)):
        raise BadPatch("lists of lists cannot be merged")
    if not any(isinstance(item, dict) for item in (*original, *patch)):
        merged: list[Any] = list(dict.fromkeys([*original, *patch]))
        return in_order(merged, patch, original, "")
    if not all(isinstance(item, dict) for item in (*original, *patch)):
        raise UnlikeElements(f"list element types are not identical: {printed([original, patch])}")
    key = field.merge_key
    if not key:
        raise BadPatch("cannot merge lists without merge key")
    live, changes = _apply_list_directives(original, patch, key)
    merged = list(live)
    places = {_key_of(item, key): index for index, item in enumerate(merged)}
    for change in changes:
        place = places.get(_key_of(change, key))
        if place is None:
            places[_key_of(change, key)] = len(merged)
            merged.append(without_directives(change))
        else:
            merged[place] = merge(merged[place], change, field.schema)
    return in_order(merged, changes, live, key)


def _key_of(item: Any, key: str) -> Any:
    if not isinstance(item, dict):
        raise BadPatch(f"{printed(item)} is not a map, as its list's elements are")
    if key not in item:
        raise UnlikeElements(f"map: {printed(item)} does not contain declared merge key: {key}")
    if isinstance(item[key], dict | list):
        raise BadPatch(f"merge key {key} of {printed(item)} is not a scalar")
    return item[key]


def _apply_list_directives(original: list[Any], patch: list[Any], key: str) -> tuple[list[Any], list[Any]]:
    """The live list after deletions or replacement, and the elements still to merge."""
    changes = [item for item in patch if not (isinstance(item, dict) and DIRECTIVE in item)]
    live = original
    for item in patch:
        if not isinstance(item, dict) or DIRECTIVE not in item:
            continue
        match item[DIRECTIVE]:
            case "delete":
                if key not in item:
                    raise BadPatch(f"delete patch type with no merge key defined: {printed(item)}")
                live = [element for element in live if _key_of(element, key) != item[key]]
            case "replace":
                return [], changes
            case "merge":
                changes.append({name: value for name, value in item.items() if name != DIRECTIVE})
            case other:
                raise BadPatch(f"unexpected patch type: {other} in list")
    return live, changes


def without_directives(value: Any) -> Any:
    """A patch's value as it enters an object that had none: no directives, no nulls."""
    if isinstance(value, list):
        return [
            without_directives(item)
            for item in value
            if not (isinstance(item, dict) and item.get(DIRECTIVE) == "delete")
        ]
    if not isinstance(value, dict):
        return value
    if value.get(DIRECTIVE) == "delete":
        return {}
    return {
        name: without_directives(item)
        for name, item in value.items()
        if item is not None
        and name not in (DIRECTIVE, RETAIN_KEYS)
        and not name.startswith((ELEMENT_ORDER, PRIMITIVE_DELETION))
    }
