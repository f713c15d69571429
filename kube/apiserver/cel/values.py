"""Values of expressions, where Python has none of its own: int, str, bytes, float, bool, None, list and dict are theirs."""

import datetime as dt
import math
import re
from decimal import Decimal
from typing import Any

import msgspec

from kube.apiserver.cel.errors import CelError

INT_MIN, INT_MAX = -(1 << 63), (1 << 63) - 1
UINT_MAX = (1 << 64) - 1
NS = 1_000_000_000
ABSENT: Any = object()
_MIN_SECONDS, _MAX_SECONDS = -62_135_596_800, 253_402_300_799  # years 1 to 9999


class Uint(int):
    """An unsigned number: another type than int, though equal numbers are equal."""

    __slots__ = ()


class Timestamp(msgspec.Struct, frozen=True, order=True):
    """Nanoseconds since 1970."""

    ns: int


class Duration(msgspec.Struct, frozen=True, order=True):
    """Nanoseconds."""

    ns: int


class Optional(msgspec.Struct, frozen=True):
    """A value that may be missing (ABSENT)."""

    value: Any = ABSENT


NONE = Optional()


class TypeValue(msgspec.Struct, frozen=True):
    """What type(x) gives."""

    name: str


class Opaque:
    """A value of a type that only functions look into (Quantity, IP, URL, …): `type_name` names it."""

    type_name = ""


def type_name(value: Any) -> str:
    """As error messages and type() name it."""
    match value:
        case None:
            return "null_type"
        case bool():
            return "bool"
        case Uint():
            return "uint"
        case int():
            return "int"
        case float():
            return "double"
        case str():
            return "string"
        case bytes():
            return "bytes"
        case dict():
            return str(getattr(value, "type_name", "map"))
        case list() | tuple():
            return "list"
        case Timestamp():
            return "google.protobuf.Timestamp"
        case Duration():
            return "google.protobuf.Duration"
        case TypeValue():
            return "type"
        case Optional():
            return "optional_type"
        case _:
            return str(getattr(value, "type_name", type(value).__name__))


class MessageValue(dict[str, Any]):
    """Fields of a message by name, with the type's name; fields that are not set are not there."""

    __slots__ = ("type_name",)

    def __init__(self, name: str, fields: dict[str, Any]) -> None:
        super().__init__(fields)
        self.type_name = name


def equal(one: Any, other: Any) -> bool:
    """`==`: numbers by value across their types, everything else only within its type."""
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, (int, float)) and isinstance(other, (int, float)):
        return bool(one == other)
    if isinstance(one, dict) and isinstance(other, dict):
        return len(one) == len(other) and all(
            name in other and equal(item, other[name]) for name, item in one.items()
        )
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(equal, one, other))
    if isinstance(one, Optional) and isinstance(other, Optional):
        if one.value is ABSENT or other.value is ABSENT:
            return one.value is other.value
        return equal(one.value, other.value)
    return type(one) is type(other) and bool(one == other)


def in_int(number: int) -> int:
    """Raises CelError for what does not fit 64 bits."""
    if not INT_MIN <= number <= INT_MAX:
        raise CelError("integer overflow")
    return number


def in_uint(number: int) -> Uint:
    if not 0 <= number <= UINT_MAX:
        raise CelError("unsigned integer overflow")
    return Uint(number)


# --- text forms

_DURATION_PART = re.compile(r"(\d+(?:\.\d*)?|\.\d+)(ns|us|µs|μs|ms|s|m|h)")
_UNITS_NS = {
    "ns": 1, "us": 1_000, "µs": 1_000, "μs": 1_000, "ms": 1_000_000, "s": NS, "m": 60 * NS, "h": 3600 * NS,
}  # fmt: skip
_TIMESTAMP = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)[Tt](\d\d):(\d\d):(\d\d)(?:\.(\d{1,9})\d*)?([Zz]|[+-]\d\d:\d\d)"
)


def parse_duration(text: str) -> Duration:
    """Go's time.ParseDuration. Raises CelError."""
    rest = text[1:] if text[:1] in ("-", "+") else text
    if rest == "0":
        return Duration(0)
    total, at = 0, 0
    while at < len(rest):
        found = _DURATION_PART.match(rest, at)
        if found is None:
            break
        whole, _, part = found[1].partition(".")
        unit = _UNITS_NS[found[2]]
        total += int(whole or 0) * unit + (int(part) * unit // 10 ** len(part) if part else 0)
        at = found.end()
    if not rest or at < len(rest):
        raise CelError(f'time: invalid duration "{text}"')
    return Duration(in_int(-total if text[0] == "-" else total))


def parse_timestamp(text: str) -> Timestamp:
    """RFC 3339. Raises CelError."""
    found = _TIMESTAMP.fullmatch(text)
    if found is None:
        raise CelError(f'parsing time "{text}" as "2006-01-02T15:04:05Z07:00": cannot parse')
    numbers = [int(part) for part in found.groups()[:6]]
    try:
        moment = dt.datetime(*numbers, tzinfo=dt.UTC)  # type: ignore[misc,arg-type]
    except ValueError as error:
        raise CelError(f'parsing time "{text}": {error}') from error
    seconds = int((moment - _EPOCH).total_seconds())
    zone = found[8]
    if zone not in "Zz":
        offset_s = int(zone[1:3]) * 3600 + int(zone[4:6]) * 60
        seconds += offset_s if zone[0] == "-" else -offset_s
    return timestamp_of(seconds * NS + int((found[7] or "0").ljust(9, "0")))


_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


def timestamp_of(ns: int) -> Timestamp:
    if not _MIN_SECONDS <= ns // NS <= _MAX_SECONDS:
        raise CelError("timestamp overflow")
    return Timestamp(ns)


def moment_of(value: Timestamp) -> dt.datetime:
    """Without what is smaller than a second."""
    return _EPOCH + dt.timedelta(seconds=value.ns // NS)


def timestamp_text(value: Timestamp) -> str:
    text = moment_of(value).strftime("%Y-%m-%dT%H:%M:%S").rjust(19, "0")
    part = value.ns % NS
    return text + (f".{part:09d}".rstrip("0") if part else "") + "Z"


def duration_text(value: Duration) -> str:
    """Seconds, as the JSON form of a duration has them."""
    sign, ns = ("-", -value.ns) if value.ns < 0 else ("", value.ns)
    part = f".{ns % NS:09d}".rstrip("0") if ns % NS else ""
    return f"{sign}{ns // NS}{part}s"


def double_text(value: float) -> str:
    """As Go's strconv with format g and the shortest precision: an exponent below 1e-4 and from 1e6 on."""
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    if math.isnan(value):
        return "NaN"
    if value and not 1e-4 <= abs(value) < 1e6:
        digits, _, exponent = format(Decimal(repr(value)).normalize(), "e").partition("e")
        return f"{digits}e{exponent[0]}{exponent[1:].rjust(2, '0')}"
    return plain_double(value)


def plain_double(value: float) -> str:
    """As Go's format f: never an exponent."""
    if math.isinf(value) or math.isnan(value):
        return double_text(value)
    text = format(Decimal(repr(value)), "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def to_json(value: Any) -> Any:
    """The value as JSON has it. Raises CelError for types that have no such form."""
    match value:
        case None | bool() | str() | float():
            return value
        case int():
            return int(value)
        case list():
            return [to_json(item) for item in value]
        case dict():
            return {_json_key(key): to_json(item) for key, item in value.items()}
        case Timestamp():
            return timestamp_text(value)
        case Duration():
            return duration_text(value)
        case Optional(value=inside):
            return None if inside is ABSENT else to_json(inside)
        case bytes():
            import base64

            return base64.b64encode(value).decode()
        case _:
            raise CelError(f"type conversion error from '{type_name(value)}' to 'google.protobuf.Value'")


def _json_key(key: Any) -> str:
    if isinstance(key, bool):
        return "true" if key else "false"
    return str(key)
