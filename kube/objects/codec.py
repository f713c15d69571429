"""Objects ↔ JSON. Reading ignores what this project does not use; writing adds apiVersion and kind.

A null is an absent field: a Go server writes one for an empty list that its type does not leave out
(`endpoints` and `ports` of a slice of a service without pods).
"""

from functools import cache
from typing import Any, Generic, TypeVar

import msgspec

from kube.objects.value import Object, Value

T = TypeVar("T", bound=Object)


class ListMeta(Value):
    resource_version: str = ""
    continue_: str = ""
    remaining_item_count: int | None = None


class ObjectList(Value, Generic[T]):
    items: tuple[T, ...] = ()
    metadata: ListMeta = ListMeta()

    @property
    def resource_version(self) -> str:
        return self.metadata.resource_version


class _RawObject(msgspec.Struct):
    object: msgspec.Raw
    type: str


class _RawList(msgspec.Struct):
    metadata: ListMeta
    items: tuple[msgspec.Raw, ...] | None = None


class WatchEvent(Value, Generic[T]):
    """ADDED, MODIFIED, DELETED carry an object; see `kube.watch` for BOOKMARK and ERROR."""

    type: str
    object: T


@cache
def _decoder(cls: type[T]) -> msgspec.json.Decoder[T]:
    return msgspec.json.Decoder(cls)


@cache
def _list_decoder(cls: type[T]) -> msgspec.json.Decoder[ObjectList[T]]:
    return msgspec.json.Decoder(ObjectList[cls])  # type: ignore[valid-type]


_raw_list_decoder = msgspec.json.Decoder(_RawList)
_event_decoder = msgspec.json.Decoder(_RawObject)
_encoder = msgspec.json.Encoder()


def decode(cls: type[T], data: bytes | msgspec.Raw) -> T:
    """The object; raises msgspec.ValidationError naming the field that does not fit."""
    try:
        value: T = _decoder(cls).decode(data)
    except msgspec.ValidationError:
        value = msgspec.convert(_without_nulls(msgspec.json.decode(data)), cls)
    return value


def decode_list(cls: type[T], data: bytes) -> ObjectList[T]:
    """The list as the API returns it; a null `items` is an empty list."""
    try:
        return _list_decoder(cls).decode(data)
    except msgspec.ValidationError:
        raw = _raw_list_decoder.decode(data)
        return ObjectList(items=tuple(decode(cls, item) for item in raw.items or ()), metadata=raw.metadata)


def _without_nulls(value: Any) -> Any:
    """The second reading, for what the first refuses: it costs several times as much."""
    match value:
        case dict():
            return {name: _without_nulls(part) for name, part in value.items() if part is not None}
        case list():
            return [_without_nulls(part) for part in value]
    return value


def decode_event(line: bytes) -> tuple[str, msgspec.Raw]:
    """The type of one watch line and its object, not decoded yet."""
    event = _event_decoder.decode(line)
    return event.type, event.object


def to_dict(obj: Object) -> dict[str, Any]:
    """JSON-shaped, with apiVersion and kind."""
    resource = obj.resource
    fields: dict[str, Any] = msgspec.to_builtins(obj)
    return {"apiVersion": resource.api_version, "kind": resource.kind, **fields}


def encode(obj: Object) -> bytes:
    """The request body that creates or replaces this object."""
    return _encoder.encode(to_dict(obj))
