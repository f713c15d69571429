"""One generic decoder over a table of all message types (data/protobuf.json.gz).

Go writes every field that is not a pointer, zero or not; what JSON would leave out is left out here too.
"""

import base64
import struct
from functools import cache
from typing import Any, NamedTuple

from kube.apiserver.kinds import disk
from kube.apiserver.kinds.protobuf.specials import ABSENT, SPECIALS, UNIONS, text
from kube.apiserver.kinds.protobuf.wire import (
    BYTES,
    FIXED64,
    VARINT,
    DecodeError,
    Field,
    fields,
    signed,
    varint,
)
from kube.apiserver.kinds.schema.pointers import go_struct, keeps_empty_text, keeps_false, keeps_zero

__all__ = ["DecodeError", "decode"]

Object = dict[str, Any]

MAGIC = b"k8s\x00"
_MAX_DEPTH = 64


class _Slot(NamedTuple):
    """A field of a message type. `json` is "" for an embedded struct, whose fields are the message's own."""

    json: str
    kind: str  # of one element
    type: str
    shape: str  # "one", "list" or "map"
    keeps_zero: bool


@cache
def _tables() -> Any:
    return disk.load("protobuf")


@cache
def _slots(type_name: str) -> dict[int, _Slot]:
    rows = _tables()["types"].get(type_name)
    if rows is None:
        raise DecodeError(f"messages of type {type_name} are not known")
    struct_name = go_struct(type_name)
    definition = disk.definitions().get("io.k8s." + type_name.replace("/", "."), {})
    required = definition.get("required", ())
    return {
        tag: _Slot(
            json=name,
            kind=kind.removeprefix("[]").removeprefix("map:"),
            type=reference,
            shape="list" if kind.startswith("[]") else "map" if kind.startswith("map:") else "one",
            keeps_zero=name in required or _is_pointer(struct_name, name, kind),
        )
        for tag, _, name, kind, reference in rows
    }


def _is_pointer(struct_name: str, name: str, kind: str) -> bool:
    if kind == "msg":
        return True  # false in place of a schema
    if kind == "string":
        return keeps_empty_text(struct_name, name)
    if kind == "special:IntOrString":
        return struct_name != "ServicePort"  # everywhere else zero is a choice: maxUnavailable: 0
    return keeps_false(struct_name, name) if kind == "bool" else keeps_zero(struct_name, name)


def decode(body: bytes) -> Object:
    """The object in the envelope, with its apiVersion and kind. DecodeError for anything else."""
    if not body.startswith(MAGIC):
        raise DecodeError("the body does not begin with the Kubernetes protobuf prefix")
    api_version = kind = ""
    raw = b""
    for field in fields(body[len(MAGIC) :]):
        if field.tag == 1:
            for part in fields(field.data):
                if part.tag == 1:
                    api_version = text(part.data)
                elif part.tag == 2:
                    kind = text(part.data)
        elif field.tag == 2:
            raw = field.data
        elif field.tag == 3 and field.data:
            raise DecodeError("encoded content is not taken")
    group, _, version = api_version.rpartition("/")
    kinds = _tables()["kinds"]
    type_name = kinds.get(f"{group}/{version}/{kind}")
    if type_name is None and kind.endswith("Options"):
        type_name = kinds.get(f"/v1/{kind}")  # clients name the options of a custom group after the group
    if type_name is None:
        raise DecodeError(f'no kind "{kind}" is registered for version "{api_version}"')
    return {"apiVersion": api_version, "kind": kind, **_message(type_name, raw, 0)}


def _message(type_name: str, data: bytes, depth: int) -> Object:
    if depth > _MAX_DEPTH:
        raise DecodeError("messages are nested too deep")
    slots = _slots(type_name)
    result: Object = {}
    for field in fields(data):
        slot = slots.get(field.tag)
        if slot is None:
            continue
        if slot.json == "":
            _expect_bytes(field)
            result.update(_message(slot.type, field.data, depth + 1))
        elif slot.shape == "one":
            value = _value(slot, field, depth)
            if value is not ABSENT and (value or slot.keeps_zero or not _is_scalar(value)):
                result[slot.json] = value
        elif slot.shape == "list":
            _extend(result.setdefault(slot.json, []), slot, field, depth)
        else:
            _expect_bytes(field)
            name, value = _entry(slot, field.data, depth)
            result.setdefault(slot.json, {})[name] = value
    return result


def _is_scalar(value: Any) -> bool:
    return not isinstance(value, dict | list)


def _expect_bytes(field: Field) -> None:
    if field.wire != BYTES:
        raise DecodeError(f"field {field.tag} has wire type {field.wire}")


def _extend(items: list[Any], slot: _Slot, field: Field, depth: int) -> None:
    if slot.kind in ("int", "bool") and field.wire == BYTES:
        at = 0
        while at < len(field.data):
            number, at = varint(field.data, at)
            items.append(bool(number) if slot.kind == "bool" else signed(number))
        return
    value = _value(slot, field, depth)
    if value is not ABSENT:
        items.append(value)


def _entry(slot: _Slot, data: bytes, depth: int) -> tuple[str, Any]:
    """One entry of a map: a message of key and value."""
    name, value = "", None
    for field in fields(data):
        if field.tag == 1:
            _expect_bytes(field)
            name = text(field.data)
        elif field.tag == 2:
            value = _value(slot, field, depth)
    if value is ABSENT or value is None:
        value = {"string": "", "bytes": "", "int": 0, "bool": False, "msg": {}, "[]string": []}.get(slot.kind)
    return name, value


def _value(slot: _Slot, field: Field, depth: int) -> Any:
    match slot.kind:
        case "int":
            if field.wire == FIXED64:
                real: float = struct.unpack("<d", field.data)[0]
                return int(real) if real.is_integer() else real  # as Go's JSON writes it
            if field.wire != VARINT:
                raise DecodeError(f"field {slot.json} has wire type {field.wire}")
            return signed(field.number)
        case "bool":
            if field.wire != VARINT:
                raise DecodeError(f"field {slot.json} has wire type {field.wire}")
            return bool(field.number)
    _expect_bytes(field)
    match slot.kind:
        case "string":
            return text(field.data)
        case "bytes":
            return base64.b64encode(field.data).decode()
        case "msg":
            message = _message(slot.type, field.data, depth + 1)
            union = UNIONS.get(slot.type)
            return message if union is None else union(message)
        case "[]string":
            return [text(item.data) for item in fields(field.data) if item.tag == 1]
        case _:
            return SPECIALS[slot.kind](field.data)
