"""Lists of type set hold a value once, lists of type map an item of the same keys once."""

from typing import Any

import msgspec

from kube.apiserver import status
from kube.apiserver.customresources.structural import Schema
from kube.apiserver.customresources.values import item_key
from kube.apiserver.status import FieldError


def duplicates(value: Any, schema: Schema, path: str = "") -> list[FieldError]:
    """An error for each value that its list holds already."""
    errors: list[FieldError] = []
    _walk(value, schema, path, errors)
    return errors


def _walk(value: Any, schema: Schema, path: str, errors: list[FieldError]) -> None:
    if isinstance(value, dict):
        inside = path + "." if path else ""
        for name, item in value.items():
            part = schema.properties.get(name)
            if part is not None:
                _walk(item, part, inside + name, errors)
            elif schema.additional is not None:
                _walk(item, schema.additional, f"{path}[{name}]", errors)
    elif isinstance(value, list):
        if schema.list_type in ("set", "map"):
            _look(value, schema, path, errors)
        if schema.items is not None:
            for index, item in enumerate(value):
                _walk(item, schema.items, f"{path}[{index}]", errors)


def _look(value: list[Any], schema: Schema, path: str, errors: list[FieldError]) -> None:
    seen: set[bytes] = set()
    for index, item in enumerate(value):
        is_map = schema.list_type == "map"
        if is_map and not isinstance(item, dict):
            continue  # of the wrong type, and told so
        key = item_key(item, schema) if is_map else msgspec.json.encode(item, order="sorted")
        if key in seen:
            shown = msgspec.json.decode(key) if is_map else item
            errors.append(status.duplicate(f"{path}[{index}]", shown))
        seen.add(key)
