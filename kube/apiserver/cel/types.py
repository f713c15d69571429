"""Types of expressions, and signatures of functions written as text: `list(A).indexOf(A) -> int`."""

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, NamedTuple

from kube.apiserver.cel.values import Duration, Optional, Timestamp, TypeValue, Uint, type_name


class Type(NamedTuple):
    """`A` and `B` are variables of a signature; `dyn` is whatever it is."""

    name: str
    parameters: tuple["Type", ...] = ()

    def __str__(self) -> str:
        if not self.parameters:
            return _SHOWN.get(self.name, self.name)
        return f"{_SHOWN.get(self.name, self.name)}({', '.join(map(str, self.parameters))})"


DYN, BOOL, INT, UINT, DOUBLE = Type("dyn"), Type("bool"), Type("int"), Type("uint"), Type("double")
STRING, BYTES, NULL, TYPE = Type("string"), Type("bytes"), Type("null"), Type("type")
TIMESTAMP, DURATION = Type("timestamp"), Type("duration")
_SHOWN = {
    "null": "null_type",
    "timestamp": "google.protobuf.Timestamp",
    "duration": "google.protobuf.Duration",
    "optional": "optional_type",
}


def list_of(item: Type) -> Type:
    return Type("list", (item,))


def map_of(key: Type, value: Type) -> Type:
    return Type("map", (key, value))


def optional_of(value: Type) -> Type:
    return Type("optional", (value,))


class Record(NamedTuple):
    """A type with fields; one that is open may have others too."""

    fields: Mapping[str, Type]
    is_open: bool = False


class Overload(NamedTuple):
    """One signature of a function and what it does; `parameters` begin with a method's target.

    `shown` is the signature as it was written.
    """

    name: str
    is_method: bool
    parameters: tuple[Type, ...]
    result: Type
    call: Callable[..., Any]
    shown: str


def overload(signature: str, call: Callable[..., Any]) -> Overload:
    """A row of a table of functions; a method's target is set off with `::`."""
    head, result = signature.rsplit(" -> ", 1)
    target, _, rest = head.rpartition("::")
    name, _, parameters = rest.partition("(")
    listed = _listed(parameters[:-1])
    types = (*((parse_type(target),) if target else ()), *map(parse_type, listed))
    return Overload(name, bool(target), types, parse_type(result), call, signature)


def _listed(text: str) -> list[str]:
    """The parts between commas that are outside brackets."""
    parts, depth, start = [], 0, 0
    for at, char in enumerate(text):
        depth += (char == "(") - (char == ")")
        if char == "," and not depth:
            parts.append(text[start:at])
            start = at + 1
    return [part.strip() for part in [*parts, text[start:]] if part.strip()]


@lru_cache(256)
def parse_type(text: str) -> Type:
    name, _, inside = text.strip().partition("(")
    return Type(name, tuple(map(parse_type, _listed(inside[:-1]))) if inside else ())


def is_variable(wanted: Type) -> bool:
    return len(wanted.name) == 1


_CLASSES: dict[str, type] = {
    "uint": Uint,
    "double": float,
    "string": str,
    "bytes": bytes,
    "bool": bool,
    "list": list,
    "map": dict,
    "timestamp": Timestamp,
    "duration": Duration,
    "optional": Optional,
    "type": TypeValue,
}


def has_type(value: Any, wanted: Type) -> bool:
    """Whether a function may be given the value; what is inside lists and maps is not looked at."""
    name = wanted.name
    if name == "dyn" or len(name) == 1:
        return True
    if name == "int":
        return isinstance(value, int) and not isinstance(value, (bool, Uint))
    known = _CLASSES.get(name)
    if known is not None:
        return isinstance(value, known)
    return value is None if name == "null" else type_name(value) == name
