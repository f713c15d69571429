"""How custom resources are taken apart into fields that managers own: by the structural schema."""

from collections.abc import Iterator
from typing import Any

from kube.apiserver.customresources.structural import ABSENT, Schema
from kube.apiserver.kinds.managed_fields.structure import ATOMIC, Structure, of_definition

Object = dict[str, Any]

_METADATA = "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta"
_TYPE_FIELDS = ("apiVersion", "kind")

# Unknown content: maps by member, everything else whole.
FREE = Structure("map")
FREE.item = FREE


class SchemaStructure(Structure):
    """A struct, map, list or set of a schema."""

    __slots__ = ("_is_resource", "_members", "schema")

    def __init__(self, schema: Schema, *, is_resource: bool = False) -> None:
        shape, item = _shape(schema, is_resource=is_resource)
        super().__init__(shape, item=item, keys=schema.list_map_keys)
        self.schema = schema
        self._is_resource = is_resource
        self._members: dict[str, Structure] = {}

    def member(self, name: str) -> Structure:
        if self.shape != "struct":
            return self.item or ATOMIC
        found = self._members.get(name)
        if found is None:
            found = self._members[name] = self._member(name)
        return found

    def _member(self, name: str) -> Structure:
        if self._is_resource and name == "metadata":
            return of_definition(_METADATA)
        part = self.schema.properties.get(name)
        if part is not None:
            return of(part)
        return FREE if self.schema.preserves_unknown else ATOMIC

    def key_of(self, item: Any) -> Object | None:
        """Keys that are left out have their defaults."""
        if not isinstance(item, dict):
            return None
        members = self.schema.items.properties if self.schema.items is not None else {}
        key: Object = {}
        for name in self.keys:
            part = members.get(name)
            default = part.default if part is not None and part.default is not ABSENT else None
            value = item.get(name, default)
            if value is None:
                return None
            key[name] = value
        return key


def _shape(schema: Schema, *, is_resource: bool) -> tuple[Any, Structure | None]:
    if schema.map_type == "atomic":
        return "atomic", None
    if schema.type == "array":
        if schema.list_type == "map" and schema.items is not None:
            return "list", of(schema.items)
        return ("set", ATOMIC) if schema.list_type == "set" else ("atomic", None)
    if schema.properties or schema.embedded or is_resource:
        return "struct", None
    if schema.additional is not None:
        return "map", of(schema.additional)
    if schema.type == "object" and not schema.preserves_unknown:
        return "struct", None
    return "atomic", None


def of(schema: Schema) -> Structure:
    """The structure of a schema that is not an object's root."""
    free = schema.preserves_unknown and not schema.properties and not schema.embedded
    if free and schema.type in ("", "object") and schema.map_type != "atomic":
        return FREE
    return SchemaStructure(schema, is_resource=schema.embedded)


def of_root(schema: Schema) -> Structure:
    return SchemaStructure(schema, is_resource=True)


def undeclared(obj: Object, structure: Structure) -> list[str]:
    """Paths (`.spec.x`) of fields that an applied configuration has and the schema has not."""
    return list(_undeclared(obj, structure, "", is_resource=True))


def _undeclared(value: Any, structure: Structure, path: str, *, is_resource: bool = False) -> Iterator[str]:
    if isinstance(value, list) and structure.shape == "list":
        for item in value:
            key = structure.key_of(item) or {}
            shown = ",".join(f"{name}={_literal(part)}" for name, part in sorted(key.items()))
            yield from _undeclared(item, structure.item or ATOMIC, f"{path}[{shown}]")
    elif isinstance(value, dict) and structure.shape == "map" and structure is not FREE:
        for name, item in value.items():
            yield from _undeclared(item, structure.item or ATOMIC, f"{path}.{name}")
    elif isinstance(value, dict) and structure.shape == "struct":
        for name, item in value.items():
            here = f"{path}.{name}"
            if (is_resource or _is_resource(structure)) and name in _TYPE_FIELDS:
                continue
            if not _declares(structure, name):
                yield here
            else:
                yield from _undeclared(item, structure.member(name), here)


def _is_resource(structure: Structure) -> bool:
    return isinstance(structure, SchemaStructure) and structure._is_resource


def _declares(structure: Structure, name: str) -> bool:
    if not isinstance(structure, SchemaStructure):
        return structure.declares(name)
    schema = structure.schema
    return (
        name in schema.properties
        or schema.preserves_unknown
        or (structure._is_resource and name == "metadata")
    )


def _literal(value: Any) -> str:
    return f'"{value}"' if isinstance(value, str) else str(value)
