"""Defaults of a structural schema, filled in where a value is absent, or null and may not be."""

from typing import Any

import msgspec

from kube.apiserver.customresources.structural import ABSENT, Schema


def apply(value: Any, schema: Schema) -> None:
    """In place. Afterwards nulls that are neither allowed nor defaulted are gone, as the server drops them."""
    fill(value, schema)
    drop_nulls(value, schema)


def _copy(value: Any) -> Any:
    return msgspec.json.decode(msgspec.json.encode(value)) if isinstance(value, dict | list) else value


def _is_stray_null(value: Any, schema: Schema) -> bool:
    return value is None and not schema.nullable


def fill(value: Any, schema: Schema) -> None:
    """Only below what is there: a default does not make its parents."""
    if not schema.has_defaults:
        return
    if isinstance(value, dict):
        for name, part in schema.properties.items():
            if part.default is not ABSENT and (name not in value or _is_stray_null(value[name], part)):
                value[name] = _copy(part.default)
        for name, item in value.items():
            part_of = schema.properties.get(name) or schema.additional
            if part_of is None:
                continue
            if name not in schema.properties and _is_stray_null(item, part_of):
                if part_of.default is ABSENT:
                    continue
                value[name] = item = _copy(part_of.default)
            fill(item, part_of)
    elif isinstance(value, list) and schema.items is not None:
        for index, item in enumerate(value):
            if _is_stray_null(item, schema.items) and schema.items.default is not ABSENT:
                value[index] = item = _copy(schema.items.default)
            fill(item, schema.items)


def drop_nulls(value: Any, schema: Schema) -> None:
    """Members only: a null in a list stays, and validation speaks of it."""
    if isinstance(value, dict):
        for name in list(value):
            part = schema.properties.get(name) or schema.additional
            if part is None:
                continue
            if _is_stray_null(value[name], part) and part.default is ABSENT:
                del value[name]
            else:
                drop_nulls(value[name], part)
    elif isinstance(value, list) and schema.items is not None:
        for item in value:
            drop_nulls(item, schema.items)
