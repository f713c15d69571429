"""The schema as readers: each definition becomes one StructReader, built on first use.

A reader walks a fresh JSON value in place. Like the server's decoder it drops nulls and unknown fields,
puts quantities into canonical form, and notes what it met in a Findings.
"""

from collections.abc import Callable
from functools import cache
from typing import Any

from kube.apiserver.kinds import disk
from kube.apiserver.kinds.go_text import misfit
from kube.apiserver.kinds.schema import scalars
from kube.apiserver.kinds.schema.pointers import go_struct, keeps_empty_text, keeps_false, keeps_zero
from kube.apiserver.kinds.schema.scalars import Reader, TypeFault, go_value

Object = dict[str, Any]

_NUMBERS = ("int32", "int64", "float64")
MAX_FINDINGS = 100  # as many as the server reports


class Findings:
    """What a walk met: unknown fields with their paths, and the first type error (the decoder stops there)."""

    __slots__ = ("error", "misfit", "struct", "unknown")

    def __init__(self) -> None:
        self.struct = ""  # whose list or map is being read
        self.unknown: list[str] = []
        self.error: str = ""
        self.misfit: str = ""  # the error as it is told of a patched object

    def fault(self, fault: TypeFault, value: Any, struct: str, path: str) -> None:
        if self.error:
            return
        if fault.message:
            self.error = self.misfit = fault.message
        else:
            found = go_value(value) if fault.go_type in _NUMBERS else go_value(value).partition(" ")[0]
            self.misfit = misfit(value, fault.go_type)
            self.error = (
                f"json: cannot unmarshal {found} into Go struct field {struct}.{path} of type {fault.go_type}"
            )


# Reads a container: (value, path with indices, path as Go names it, findings).
Walker = Callable[[Any, str, str, Findings], None]


class FieldReader:
    """One field: a scalar reader, or a walker for lists, maps and structs.

    An empty value of type `absent_type` (text, number, bool, list or map) means that the field is absent.
    """

    __slots__ = ("absent_type", "exact", "go_type", "json_type", "scalar", "walk")

    def __init__(
        self,
        *,
        exact: type | None = None,
        scalar: Reader | None = None,
        walk: Walker | None = None,
        json_type: type = dict,
        go_type: str = "",
        absent_type: type | None = None,
    ) -> None:
        self.exact = exact  # values of this type need no further look
        self.scalar = scalar
        self.walk = walk
        self.json_type = json_type
        self.go_type = go_type
        self.absent_type = absent_type

    def dropping_empty(self, absent_type: type) -> "FieldReader":
        return FieldReader(
            exact=self.exact,
            scalar=self.scalar,
            walk=self.walk,
            json_type=self.json_type,
            go_type=self.go_type,
            absent_type=absent_type,
        )


class StructReader:
    """The reader of one definition; `fields` is filled after construction so that types may refer to themselves."""

    __slots__ = ("fields", "name")

    def __init__(self, name: str) -> None:
        self.name = name
        self.fields: dict[str, FieldReader] = {}

    def walk(self, value: Object, path: str, go_path: str, findings: Findings) -> None:
        fields = self.fields
        dropped: list[str] | None = None
        outer = findings.struct
        for key, item in value.items():
            field = fields.get(key)
            if field is None or item is None:
                if field is None and len(findings.unknown) < MAX_FINDINGS:
                    findings.unknown.append(path + key)
                if dropped is None:
                    dropped = []
                dropped.append(key)
                continue
            if not item and type(item) is field.absent_type:
                if dropped is None:
                    dropped = []
                dropped.append(key)
                continue
            if type(item) is field.exact:
                continue
            if field.scalar is not None:
                try:
                    kept = field.scalar(item)
                except TypeFault as fault:
                    findings.fault(fault, item, self.name, go_path + key)
                    continue
                if kept is not item:
                    value[key] = kept
            elif type(item) is not field.json_type:
                findings.fault(TypeFault(field.go_type), item, self.name, go_path + key)
            elif field.walk is not None and item:
                findings.struct = self.name
                field.walk(item, path + key, go_path + key, findings)
        findings.struct = outer
        if dropped is not None:
            for key in dropped:
                del value[key]


def _struct_walker(struct: StructReader) -> Walker:
    def walk(value: Any, path: str, go_path: str, findings: Findings) -> None:
        struct.walk(value, path + ".", go_path + ".", findings)

    return walk


def _list_walker(item: FieldReader) -> Walker:
    exact, scalar, inner, json_type = item.exact, item.scalar, item.walk, item.json_type

    def walk(value: Any, path: str, go_path: str, findings: Findings) -> None:
        for index, element in enumerate(value):
            if type(element) is exact:
                continue
            if element is None and scalar is None:
                value[index] = json_type()  # Go's zero value
            elif scalar is not None:
                try:
                    value[index] = scalar(element)
                except TypeFault as fault:
                    findings.fault(fault, element, findings.struct, go_path)
            elif type(element) is not json_type:
                findings.fault(TypeFault(item.go_type), element, findings.struct, go_path)
            elif inner is not None:
                inner(element, f"{path}[{index}]", go_path, findings)

    return walk


def _map_walker(item: FieldReader) -> Walker:
    exact, scalar, inner, json_type = item.exact, item.scalar, item.walk, item.json_type
    nothing = json_type if scalar is None else _NULL_SCALARS.get(item.go_type)

    def walk(value: Any, path: str, go_path: str, findings: Findings) -> None:
        for key, element in value.items():
            if type(element) is exact:
                continue
            if element is None:
                value[key] = nothing() if nothing is not None else element
            elif scalar is not None:
                try:
                    value[key] = scalar(element)
                except TypeFault as fault:
                    findings.fault(fault, element, findings.struct, go_path)
            elif type(element) is not json_type:
                findings.fault(TypeFault(item.go_type), element, findings.struct, go_path)
            elif inner is not None:
                inner(element, f"{path}.{key}", go_path, findings)

    return walk


# What a null in a map becomes: Go's zero value.
_NULL_SCALARS: dict[str, Callable[[], Any]] = {
    "string": str,
    "[]uint8": str,
    "resource.Quantity": lambda: "0",
}
_SPECIAL: dict[str, FieldReader] = {
    "Quantity": FieldReader(scalar=scalars.read_quantity, go_type="resource.Quantity"),
    "IntOrString": FieldReader(exact=str, scalar=scalars.read_int_or_string, go_type="intstr.IntOrString"),
    "Time": FieldReader(scalar=scalars.read_time, go_type="v1.Time"),
    "MicroTime": FieldReader(scalar=scalars.read_micro_time, go_type="v1.MicroTime"),
    "Duration": FieldReader(exact=str, scalar=scalars.read_string, go_type="v1.Duration"),
}
_ANYTHING = FieldReader(scalar=scalars.read_anything, go_type="interface {}")
_STRING = FieldReader(exact=str, scalar=scalars.read_string, go_type="string")
_BYTES = FieldReader(scalar=scalars.read_bytes, go_type="[]uint8")
_BOOL = FieldReader(exact=bool, scalar=scalars.read_bool, go_type="bool")
_INT32 = FieldReader(scalar=scalars.read_int32, go_type="int32")
_INT64 = FieldReader(scalar=scalars.read_int64, go_type="int64")
_NUMBER = FieldReader(scalar=scalars.read_number, go_type="float64")


def _field(schema: Object) -> FieldReader:
    reference = schema.get("$ref")
    if reference is not None:
        return _reference(reference.removeprefix("#/definitions/"))
    match schema.get("type"):
        case "string":
            return _BYTES if schema.get("format") == "byte" else _STRING
        case "boolean":
            return _BOOL
        case "integer":
            return _INT32 if schema.get("format") == "int32" else _INT64
        case "number":
            return _NUMBER
        case "array":
            item = _field(schema["items"])
            return FieldReader(walk=_list_walker(item), json_type=list, go_type=f"[]{item.go_type}")
        case "object" if "additionalProperties" in schema:
            item = _field(schema["additionalProperties"])
            return FieldReader(walk=_map_walker(item), go_type=f"map[string]{item.go_type}")
        case _:
            return _ANYTHING


@cache
def _reference(name: str) -> FieldReader:
    short = name.rpartition(".")[2]
    if short in _SPECIAL and ".apimachinery." in name:
        return _SPECIAL[short]
    definition = disk.definitions().get(name)
    if short in _OR_SOMETHING_ELSE:  # a schema where it is an object; bool or array else
        walk = _struct_walker(struct_reader(name.removesuffix(_OR_SOMETHING_ELSE[short])))
        return FieldReader(exact=bool, walk=walk, go_type=f"v1.{short}")
    if definition is None or "properties" not in definition:
        if definition is not None and definition.get("type") == "string":
            return _STRING
        if definition is not None and definition.get("type") == "object" and not _opaque(short):
            return FieldReader(walk=_struct_walker(struct_reader(name)), go_type=f"v1.{short}")
        return _ANYTHING
    version = name.split(".")[-2]
    return FieldReader(walk=_struct_walker(struct_reader(name)), go_type=f"{version}.{short}")


def _opaque(short: str) -> bool:
    return short in ("RawExtension", "FieldsV1", "JSON")


_OR_SOMETHING_ELSE = {"JSONSchemaPropsOrArray": "OrArray", "JSONSchemaPropsOrBool": "OrBool"}


def _absent_type(struct: str, key: str, field: FieldReader, schema: Object) -> type | None:
    """The type whose empty value Go's encoder leaves out (omitempty on what is no pointer)."""
    if field is _STRING:
        return None if keeps_empty_text(struct, key) else str
    if field is _BOOL:
        return None if keeps_false(struct, key) else bool
    if field is _INT32 or field is _INT64:
        return None if keeps_zero(struct, key) else int
    if schema.get("type") == "array":
        return list
    return dict if "additionalProperties" in schema else None


_READERS: dict[str, StructReader] = {}


def struct_reader(name: str) -> StructReader:
    """The reader of a definition by its full name; KeyError when the schema has none."""
    reader = _READERS.get(name)
    if reader is None:
        definition = disk.definitions()[name]
        reader = _READERS[name] = StructReader(name.rpartition(".")[2])
        required = definition.get("required", ())
        for key, schema in definition.get("properties", {}).items():
            field = _field(schema)
            absent_type = None if key in required else _absent_type(go_struct(name), key, field, schema)
            if absent_type is not None:
                field = field.dropping_empty(absent_type)
            reader.fields[key] = field
    return reader
