"""OpenAPI v2 of the built-in types, as JSON and as the protobuf that kubectl reads.

kubectl validates `kind: List` by it, and falls back to it for types that v3 does not know. The protobuf is
gnostic's openapi_v2.Document (github.com/google/gnostic, openapiv2/OpenAPIv2.proto); the numbers are its fields.
"""

from collections.abc import Iterable
from functools import cache
from typing import Any

import msgspec

from kube.apiserver.kinds import disk
from kube.apiserver.request import Object

# Asked for with "@" in the place of the last but one dot, which no parser of media types takes in an answer.
MEDIA_TYPE = "application/com.github.proto-openapi.spec.v2.v1.0+protobuf"
_LENGTH_DELIMITED = 2


@cache
def as_json() -> bytes:
    """The document as every other client reads it."""
    info = {"title": "Kubernetes", "version": "v1.36.3"}
    return msgspec.json.encode(
        {"swagger": "2.0", "info": info, "paths": {}, "definitions": disk.definitions()}
    )


@cache
def as_protobuf() -> bytes:
    """Document{swagger 1, info 2, paths 8, definitions 9}; 20 ms, once."""
    info = _text(1, "Kubernetes") + _text(2, "v1.36.3")
    schemas = b"".join(
        _message(1, _text(1, name) + _message(2, _schema(definition)))
        for name, definition in sorted(disk.definitions().items())
    )
    return _text(1, "2.0") + _message(2, info) + _message(8, b"") + _message(9, schemas)


def _schema(schema: Object) -> bytes:
    """Schema{$ref 1, format 2, required 19, additionalProperties 21, type 22, items 23, properties 25, extensions 31}."""
    parts = [_text(1, schema.get("$ref", "")), _text(2, schema.get("format", ""))]
    parts += [_text(19, name) for name in schema.get("required", ())]
    more = schema.get("additionalProperties")
    if isinstance(more, dict):
        parts.append(_message(21, _message(1, _schema(more))))
    if "type" in schema:
        parts.append(_message(22, _text(1, schema["type"])))
    if "items" in schema:
        parts.append(_message(23, _message(1, _schema(schema["items"]))))
    if "properties" in schema:
        parts.append(_message(25, _named(schema["properties"].items())))
    parts += [_extension(name, value) for name, value in schema.items() if name.startswith("x-")]
    return b"".join(parts)


def _named(properties: Iterable[tuple[str, Object]]) -> bytes:
    return b"".join(_message(1, _text(1, name) + _message(2, _schema(value))) for name, value in properties)


def _extension(name: str, value: Any) -> bytes:
    """NamedAny{name 1, value 2: Any{yaml 2}}; JSON is YAML."""
    return _message(31, _text(1, name) + _message(2, _text(2, msgspec.json.encode(value).decode())))


def _text(field: int, value: str) -> bytes:
    return _message(field, value.encode()) if value else b""


def _message(field: int, value: bytes) -> bytes:
    return _varint(field << 3 | _LENGTH_DELIMITED) + _varint(len(value)) + value


def _varint(number: int) -> bytes:
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)
