"""OpenAPI v2 of the built-in types, as JSON and as the protobuf that kubectl reads.

kubectl validates `kind: List` by it, and falls back to it for types that v3 does not know. The protobuf is
gnostic's openapi_v2.Document (github.com/google/gnostic, openapiv2/OpenAPIv2.proto); the numbers are its fields.
"""

from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from typing import Any

import msgspec

from kube.apiserver.customresources import openapi
from kube.apiserver.kinds import KINDS, Kind, disk
from kube.apiserver.kinds.descriptions import described
from kube.apiserver.kinds.parameters import OF_VERBS, PARAMETERS
from kube.apiserver.kinds.patch import PATCH_TYPES
from kube.apiserver.requests.request import Object

# Asked for with "@" in the place of the last but one dot, which no parser of media types takes in an answer.
MEDIA_TYPE = "application/com.github.proto-openapi.spec.v2.v1.0+protobuf"
_LENGTH_DELIMITED = 2


def as_json(kinds: Sequence[Kind] = KINDS) -> bytes:
    """The document as every other client reads it."""
    info = {"title": "Kubernetes", "version": "v1.36.3"}
    definitions = {**_built_in(), **_custom(kinds)}
    paths = {path: item for kind in kinds for path, item in _paths(kind)}
    return msgspec.json.encode(
        {
            "swagger": "2.0",
            "info": info,
            "paths": paths,
            "parameters": _PARAMETERS,
            "definitions": dict(sorted(definitions.items())),
        }
    )


def _paths(kind: Kind) -> Iterator[tuple[str, Object]]:
    """The collection's path and the object's, with the operations that the kind has."""
    place = "namespaces/{namespace}/" if kind.namespaced else ""
    root = f"/apis/{kind.group}/{kind.version}" if kind.group else f"/api/{kind.version}"
    collection = f"{root}/{place}{kind.plural}"
    shared = [_in_path("namespace")] if kind.namespaced else []
    for path, names, where in (
        (collection, _ON_COLLECTION, shared),
        (collection + "/{name}", _ON_OBJECT, [*shared, _in_path("name")]),
    ):
        item = {
            method: _operation(kind, verb, action)
            for verb, (method, action) in names.items()
            if verb in kind.verbs
        }
        if item:
            yield path, {**item, "parameters": where}


_ON_COLLECTION = {
    "list": ("get", "list"),
    "create": ("post", "post"),
    "deletecollection": ("delete", "deletecollection"),
}
_ON_OBJECT = {
    "get": ("get", "get"),
    "update": ("put", "put"),
    "patch": ("patch", "patch"),
    "delete": ("delete", "delete"),
}
_STATUS = "io.k8s.apimachinery.pkg.apis.meta.v1.Status"


_PARAMETERS = {
    name: {
        "name": name,
        "in": "query",
        "type": parameter.type,
        "description": parameter.description,
        "uniqueItems": True,
    }
    for name, parameter in PARAMETERS.items()
}


def _in_path(name: str) -> Object:
    return {"name": name, "in": "path", "required": True, "type": "string", "uniqueItems": True}


def _operation(kind: Kind, verb: str, action: str) -> Object:
    answer = {"list": f"{kind.definition}List"}.get(verb, kind.definition)
    if verb.startswith("delete"):
        answer = _STATUS
    result: Object = {
        "operationId": f"{action}_{kind.group or 'core'}_{kind.version}_{kind.plural}",
        "tags": [f"{kind.group or 'core'}_{kind.version}"],
        "consumes": ["application/json", "application/yaml"],
        "produces": ["application/json"],
        "responses": {"200": {"description": "OK", "schema": {"$ref": f"#/definitions/{answer}"}}},
        "x-kubernetes-action": action,
        "x-kubernetes-group-version-kind": {"group": kind.group, "version": kind.version, "kind": kind.kind},
    }
    result["parameters"] = [{"$ref": f"#/parameters/{name}"} for name in OF_VERBS.get(verb, ())]
    if verb in ("create", "update"):
        schema = {"$ref": f"#/definitions/{kind.definition}"}
        result["parameters"] += [{"name": "body", "in": "body", "required": True, "schema": schema}]
    if verb == "patch":
        result["consumes"] = [
            media for media in PATCH_TYPES if kind.custom is None or "strategic" not in media
        ]
        result["parameters"] += [
            {"name": "body", "in": "body", "required": True, "schema": {"type": "object"}}
        ]
    return result


def _custom(kinds: Iterable[Kind]) -> Object:
    """The definitions of custom kinds, in the words that OpenAPI v2 has."""
    found: Object = {}
    for kind in kinds:
        if kind.custom is not None:
            made = openapi.definitions(kind, prefix="#/definitions/")
            found.update({name: openapi.root_for_v2(schema) for name, schema in made.items()})
    return found


def as_protobuf(customs: Iterable[Kind] = ()) -> bytes:
    """Document{swagger 1, info 2, paths 8, definitions 9}."""
    info = _text(1, "Kubernetes") + _text(2, "v1.36.3")
    schemas = _built_in_schemas() + _schemas(_custom(customs))
    return _text(1, "2.0") + _message(2, info) + _message(8, b"") + _message(9, schemas)


@cache
def _built_in_schemas() -> bytes:
    """20 ms, once."""
    return _schemas(_built_in())


def _built_in() -> Object:
    return {name: described(name, definition) for name, definition in disk.definitions().items()}


def _schemas(definitions: Object) -> bytes:
    return b"".join(
        _message(1, _text(1, name) + _message(2, _schema(definition)))
        for name, definition in sorted(definitions.items())
    )


def _schema(schema: Object) -> bytes:
    """Schema{$ref 1, format 2, description 4, required 19, additionalProperties 21, type 22, items 23, properties 25, extensions 31}."""
    parts = [_text(1, schema.get("$ref", "")), _text(2, schema.get("format", ""))]
    parts.append(_text(4, schema.get("description", "")))
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
