"""OpenAPI v3: what `kubectl apply`, `diff`, `edit` and `explain` read before they speak.

A document holds the schemas of one group and version, and for each kind one PATCH path: from its
`fieldValidation` parameter kubectl learns that the server checks fields, from its content types that
strategic merge patches are taken.
"""

import hashlib
from collections.abc import Iterator, Sequence
from functools import cache
from typing import Any

import msgspec

from kube.apiserver.customresources import openapi
from kube.apiserver.kinds import disk
from kube.apiserver.kinds.descriptions import described, material
from kube.apiserver.kinds.kind import Kind
from kube.apiserver.kinds.parameters import OF_VERBS, PARAMETERS
from kube.apiserver.kinds.rows import KINDS

Object = dict[str, Any]

_V2_PREFIX = "#/definitions/"
_V3_PREFIX = "#/components/schemas/"
_PATCH_TYPES = (
    "application/json-patch+json",
    "application/merge-patch+json",
    "application/strategic-merge-patch+json",
    "application/apply-patch+yaml",
)
_INT_OR_STRING = {"format": "int-or-string", "oneOf": [{"type": "integer"}, {"type": "string"}]}
_QUANTITY = {"oneOf": [{"type": "string"}, {"type": "number"}]}
_PATCH_SCHEMA = {"type": "object"}


def index(kinds: Sequence[Kind] = KINDS) -> Object:
    """/openapi/v3: the documents, each with a hash under which clients cache it."""
    group_versions = dict.fromkeys((kind.group, kind.version) for kind in kinds if kind.definition)
    urls = {
        path_of(group, version): f"/openapi/v3/{path_of(group, version)}?hash={etag(group, version, kinds)}"
        for group, version in group_versions
    }
    return {"paths": {path: {"serverRelativeURL": url} for path, url in urls.items()}}


def path_of(group: str, version: str) -> str:
    return f"apis/{group}/{version}" if group else f"api/{version}"


def etag(group: str, version: str, kinds: Sequence[Kind] = KINDS) -> str:
    """Changes whenever the shipped schema or that of a custom kind does; also the ETag of the document."""
    customs = _customs(group, version, kinds)
    return _digest(group, version, openapi.material(customs)) if customs else _built_in_digest(group, version)


def _digest(group: str, version: str, more: bytes = b"") -> str:
    material = _schema_hash() + f"{group}/{version}".encode() + more
    return hashlib.sha512(material, usedforsecurity=False).hexdigest().upper()


_built_in_digest = cache(_digest)


def _customs(group: str, version: str, kinds: Sequence[Kind]) -> list[Kind]:
    return [
        kind for kind in kinds if kind.custom is not None and (kind.group, kind.version) == (group, version)
    ]


@cache
def _schema_hash() -> bytes:
    return hashlib.sha512(
        disk.read("schema") + disk.read("enums") + material(), usedforsecurity=False
    ).digest()


def document(group: str, version: str, kinds: Sequence[Kind] = KINDS) -> bytes | None:
    """/openapi/v3/apis/GROUP/VERSION as JSON; None when it is not served."""
    customs = _customs(group, version, kinds)
    return _made(group, version, customs) if customs else _built_in(group, version)


@cache
def _built_in(group: str, version: str) -> bytes | None:
    return _made(group, version, ())


def _made(group: str, version: str, customs: Sequence[Kind]) -> bytes | None:
    kinds = [kind for kind in KINDS if (kind.group, kind.version) == (group, version)] + list(customs)
    if not kinds:
        return None
    schemas: Object = {}
    for kind in kinds:
        if kind.custom is not None:
            schemas.update(openapi.definitions(kind, prefix=_V3_PREFIX))
            continue
        _collect(kind.definition, schemas)
        _collect(kind.definition + "List", schemas)
    if customs:
        for name in openapi.REFERENCED:
            _collect(name, schemas)
    return msgspec.json.encode(
        {
            "openapi": "3.0.0",
            "info": {"title": "Kubernetes", "version": "v1.36.3"},
            "paths": {path: item for kind in kinds for path, item in _paths(kind)},
            "components": {"schemas": dict(sorted(schemas.items()))},
        }
    )


def _collect(name: str, schemas: Object) -> None:
    """Adds a definition and all it refers to, in OpenAPI v3's form."""
    definition = disk.definitions().get(name)
    if name in schemas or definition is None:
        return
    schemas[name] = None
    schemas[name] = _convert(name, definition)
    for reference in _references(definition):
        _collect(reference, schemas)


def _convert(name: str, definition: Object) -> Object:
    if name.endswith(".IntOrString"):
        return _INT_OR_STRING
    if name.endswith(".Quantity"):
        return _QUANTITY
    converted: Object = _with_v3_references(described(name, definition))
    values = disk.enums().get(name)
    if not values:
        return converted
    fields = converted["properties"]
    few = {field: _of_few(fields[field], allowed) for field, allowed in values.items() if field in fields}
    return {**converted, "properties": {**fields, **few}}


def _of_few(schema: Object, values: list[str]) -> Object:
    """A text of few values, or a list or map of such."""
    for inside in ("items", "additionalProperties"):
        if isinstance(schema.get(inside), dict):
            return {**schema, inside: {**schema[inside], "enum": values}}
    return {**schema, "enum": values}


def _with_v3_references(value: Any) -> Any:
    if isinstance(value, dict):
        if isinstance(value.get("$ref"), str):
            reference = {"$ref": value["$ref"].replace(_V2_PREFIX, _V3_PREFIX)}
            beside = {key: item for key, item in value.items() if key != "$ref"}
            # Beside a reference nothing counts (OpenAPI 3.0, Reference Object).
            return {**beside, "allOf": [reference]} if beside else reference
        return {key: _with_v3_references(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_with_v3_references(item) for item in value]
    return value


def _references(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        reference = value.get("$ref")
        if isinstance(reference, str):
            yield reference.removeprefix(_V2_PREFIX)
        for item in value.values():
            yield from _references(item)
    elif isinstance(value, list):
        for item in value:
            yield from _references(item)


def _queries(verb: str) -> list[Object]:
    return [
        {
            "name": name,
            "in": "query",
            "description": PARAMETERS[name].description,
            "schema": {"type": PARAMETERS[name].type, "uniqueItems": True},
        }
        for name in OF_VERBS[verb]
    ]


def _paths(kind: Kind) -> Iterator[tuple[str, Object]]:
    """The collection's path with GET and POST, the object's path with GET and PATCH."""
    gvk = {"group": kind.group, "kind": kind.kind, "version": kind.version}
    schema = {"$ref": _V3_PREFIX + kind.definition}
    answer = {"200": {"description": "OK", "content": {"application/json": {"schema": schema}}}}
    place = "namespaces/{namespace}/" if kind.namespaced else ""
    collection = f"/{path_of(kind.group, kind.version)}/{place}{kind.plural}"

    def operation(action: str, parameters: Sequence[Object], body: Object | None = None) -> Object:
        result: Object = {
            "parameters": list(parameters),
            "responses": answer,
            "x-kubernetes-action": action,
            "x-kubernetes-group-version-kind": gvk,
        }
        if body is not None:
            result["requestBody"] = {"content": body}
        return result

    if "create" in kind.verbs:
        body = {"*/*": {"schema": schema}}
        item: Object = {"post": operation("post", _queries("create"), body)}
        if "list" in kind.verbs:
            item["get"] = operation("list", _queries("list"))
        yield collection, item
    if "get" in kind.verbs:
        item = {"get": operation("get", [])}
        if "patch" in kind.verbs:
            body = {
                media: {"schema": _PATCH_SCHEMA}
                for media in _PATCH_TYPES
                if kind.custom is None or media != "application/strategic-merge-patch+json"
            }
            item["patch"] = operation("patch", _queries("patch"), body)
            item["put"] = operation("put", _queries("update"), {"*/*": {"schema": schema}})
        yield collection + "/{name}", item
