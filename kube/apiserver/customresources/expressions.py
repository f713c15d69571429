"""What expressions in a schema see: `declared` gives the type of a node's values, `seen` such a value."""

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from kube.apiserver.cel.errors import CelError
from kube.apiserver.cel.lexer import RESERVED
from kube.apiserver.cel.types import (
    BOOL,
    BYTES,
    DOUBLE,
    DURATION,
    DYN,
    INT,
    STRING,
    TIMESTAMP,
    Record,
    Type,
    list_of,
    map_of,
)
from kube.apiserver.cel.values import parse_duration, parse_timestamp
from kube.apiserver.customresources.structural import Schema

_RESERVED = RESERVED | {"true", "false", "null", "in"}
_NAME = re.compile(r"[A-Za-z_./-][A-Za-z0-9_./-]*")
_ESCAPES = (("__", "__underscores__"), (".", "__dot__"), ("-", "__dash__"), ("/", "__slash__"))
_SCALARS = {"string": STRING, "integer": INT, "number": DOUBLE, "boolean": BOOL}
_TEXT_FORMATS = {"date-time": TIMESTAMP, "date": TIMESTAMP, "duration": DURATION, "byte": BYTES}
_RESOURCE_FIELDS = ("apiVersion", "kind", "metadata")


def escaped(name: str) -> str | None:
    """A property's name as an expression writes it; None for names that cannot be written."""
    if name in _RESERVED:
        return f"__{name}__"
    if not _NAME.fullmatch(name):
        return None
    for text, escape in _ESCAPES:
        name = name.replace(text, escape) if text in name else name
    return name


class Seen(NamedTuple):
    """A schema's type, and the types with fields that it is made of."""

    type: Type
    records: Mapping[str, Record]


def declared(schema: Schema, *, is_resource: bool = False) -> Seen:
    """How expressions at this node see `self`."""
    records: dict[str, Record] = {}
    return Seen(_type(schema, "self", records, is_resource=is_resource) or DYN, records)


def _type(
    schema: Schema, place: str, records: dict[str, Record], *, is_resource: bool = False
) -> Type | None:
    """None for values that expressions cannot see."""
    if schema.int_or_string:
        return DYN
    match schema.type:
        case "array":
            item = _type(schema.items, f"{place}.@idx", records) if schema.items is not None else None
            return list_of(item) if item is not None else None
        case "object":
            if schema.additional is not None:
                value = _type(schema.additional, f"{place}.@elem", records)
                return map_of(STRING, value) if value is not None else None
            return _record(schema, place, records, is_resource=is_resource or schema.embedded)
        case "string":
            return _TEXT_FORMATS.get(schema.format, STRING)
        case kind:
            return _SCALARS.get(kind)


def _record(schema: Schema, place: str, records: dict[str, Record], *, is_resource: bool) -> Type:
    fields: dict[str, Type] = {}
    if is_resource:
        names = Record({"name": STRING, "generateName": STRING})
        records[f"{place}.metadata"] = names
        fields = {"apiVersion": STRING, "kind": STRING, "metadata": Type(f"{place}.metadata")}
    for name, part in schema.properties.items():
        shown = escaped(name)
        if shown is None or (is_resource and name in _RESOURCE_FIELDS):
            continue
        found = _type(part, f"{place}.{name}", records)
        if found is not None:
            fields[shown] = found
    records[place] = Record(fields)
    return Type(place)


def seen(value: Any, schema: Schema, *, is_resource: bool = False) -> Any:
    """A JSON value as an expression sees it: numbers and texts by their schema, names escaped. Raises CelError."""
    if value is None or schema.int_or_string:
        return value
    match value:
        case dict() if schema.additional is not None:
            return {name: seen(item, schema.additional) for name, item in value.items()}
        case dict():
            return _seen_record(value, schema, is_resource=is_resource or schema.embedded)
        case list():
            return [seen(item, schema.items) for item in value] if schema.items is not None else value
        case int() if schema.type == "number" and not isinstance(value, bool):
            return float(value)
        case float() if schema.type == "integer":
            return int(value)
        case str() if schema.format in _TEXT_FORMATS:
            return _seen_text(value, schema.format)
        case _:
            return value


def _seen_record(value: dict[str, Any], schema: Schema, *, is_resource: bool) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, part in schema.properties.items():
        shown = escaped(name)
        if name in value and shown is not None and not (is_resource and name in _RESOURCE_FIELDS):
            found[shown] = seen(value[name], part)
    if is_resource:
        found.update({name: value[name] for name in ("apiVersion", "kind") if name in value})
        metadata = value.get("metadata") or {}
        found["metadata"] = {name: metadata[name] for name in ("name", "generateName") if name in metadata}
    return found


def _seen_text(text: str, form: str) -> Any:
    match form:
        case "date-time":
            return parse_timestamp(text)
        case "date":
            return parse_timestamp(f"{text}T00:00:00Z")
        case "duration":
            return parse_duration(text)
        case _:
            import base64
            import binascii

            try:
                return base64.b64decode(text, validate=True)
            except binascii.Error as error:
                raise CelError(f"illegal base64 data: {error}") from error
