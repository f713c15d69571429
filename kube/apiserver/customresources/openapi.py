"""OpenAPI schemas of custom kinds: what `kubectl explain` and `apply` read of them."""

from collections.abc import Sequence
from typing import Any

import msgspec

from kube.apiserver.kinds.descriptions import API_VERSION, KIND, OBJECT_META
from kube.apiserver.kinds.kind import Kind

Object = dict[str, Any]

_LIST_METADATA = "io.k8s.apimachinery.pkg.apis.meta.v1.ListMeta"
REFERENCED = (OBJECT_META, _LIST_METADATA)
# What OpenAPI v2 has no word for, and what its readers would not take.
_NOT_IN_V2 = (
    "nullable",
    "oneOf",
    "anyOf",
    "allOf",
    "not",
    "default",
)
_SHAPE = ("type", "items", "properties", "additionalProperties", "required")


def name_of(group: str, version: str, kind: str) -> str:
    """`com.example.v1.App` of App in example.com/v1: the group's labels the other way round."""
    return ".".join((*reversed(group.split(".")), version, kind))


def definitions(kind: Kind, *, prefix: str) -> Object:
    """The schemas of the kind and its list, by name; references begin with `prefix`."""
    assert kind.custom is not None
    name = kind.definition
    stored = (kind.custom.version.get("schema") or {}).get("openAPIV3Schema") or {}
    schema = {**stored, "x-kubernetes-group-version-kind": [_gvk(kind, kind.kind)]}
    schema["properties"] = {
        **(stored.get("properties") or {}),
        **_type_fields(prefix + OBJECT_META, kind.kind),
    }
    schema = _embedded(schema, prefix)
    return {name: schema, f"{name}List": _list(kind, prefix, name)}


def _gvk(kind: Kind, name: str) -> Object:
    return {"group": kind.group, "version": kind.version, "kind": name}


def _type_fields(metadata: str, kind: str) -> Object:
    return {
        "apiVersion": {"type": "string", "description": API_VERSION},
        "kind": {"type": "string", "description": KIND},
        "metadata": {
            "allOf": [{"$ref": metadata}],
            "description": f"Standard object's metadata of the {kind}.",
            "default": {},
        }
        if metadata.startswith("#/components/")
        else {"$ref": metadata},
    }


def _embedded(schema: Object, prefix: str) -> Object:
    """With the fields that every embedded resource has."""
    result = dict(schema)
    if schema.get("x-kubernetes-embedded-resource"):
        result["properties"] = {
            **_type_fields(prefix + OBJECT_META, "embedded object"),
            **(schema.get("properties") or {}),
        }
    if isinstance(result.get("properties"), dict):
        result["properties"] = {
            name: _embedded(part, prefix) if isinstance(part, dict) else part
            for name, part in result["properties"].items()
        }
    for word in ("items", "additionalProperties"):
        if isinstance(schema.get(word), dict):
            result[word] = _embedded(schema[word], prefix)
    return result


def _list(kind: Kind, prefix: str, name: str) -> Object:
    return {
        "description": f"{kind.list_kind} is a list of {kind.kind}",
        "type": "object",
        "required": ["items"],
        "properties": {
            "apiVersion": {"type": "string", "description": API_VERSION},
            "kind": {"type": "string", "description": KIND},
            "metadata": {"$ref": prefix + _LIST_METADATA},
            "items": {
                "type": "array",
                "items": {"$ref": prefix + name},
                "description": f"List of {kind.plural}.",
            },
        },
        "x-kubernetes-group-version-kind": [_gvk(kind, kind.list_kind)],
    }


def for_v2(schema: Any) -> Any:
    """The same, without what OpenAPI v2 lacks; what may be null or free has no shape there."""
    if isinstance(schema, list):
        return [for_v2(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    shapeless = schema.get("x-kubernetes-preserve-unknown-fields") or schema.get("nullable")
    kept: Object = {}
    for word, value in schema.items():
        if word in _NOT_IN_V2 or (shapeless and word in _SHAPE):
            continue
        if word == "properties":
            kept[word] = {name: for_v2(part) for name, part in value.items()}
        else:
            kept[word] = for_v2(value) if word in ("items", "additionalProperties") else value
    return kept


def root_for_v2(schema: Object) -> Object:
    """A custom kind's own schema; when its objects may hold anything it has no properties at all.

    kubectl would refuse every field beside those that are listed.
    """
    if not schema.get("x-kubernetes-preserve-unknown-fields"):
        return {**for_v2(schema), "type": "object"}
    gvk = "x-kubernetes-group-version-kind"
    return {"type": "object", gvk: schema[gvk]}


def material(kinds: Sequence[Kind]) -> bytes:
    """Changes whenever the kinds' schemas do."""
    parts = [
        msgspec.json.encode([kind.gvk, kind.custom.version]) for kind in kinds if kind.custom is not None
    ]
    return b"\n".join(parts)
