"""Types whose JSON form is not that of their message: times, durations, quantities, raw JSON."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from kube.apiserver.kinds.protobuf.wire import DecodeError, fields, signed

# Stands for a value that JSON leaves out, as the zero time does.
ABSENT: Any = object()

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def text(data: bytes) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise DecodeError("a text is not UTF-8") from error


def _numbers(data: bytes) -> tuple[int, int]:
    """Fields 1 and 2 of a message of two integers."""
    found = {1: 0, 2: 0}
    for field in fields(data):
        if field.tag in found:
            found[field.tag] = signed(field.number)
    return found[1], found[2]


def _moment(data: bytes) -> datetime:
    seconds, nanos = _numbers(data)
    try:
        return _EPOCH + timedelta(seconds=seconds, microseconds=nanos // 1000)
    except OverflowError as error:
        raise DecodeError("a time lies outside the years 1 to 9999") from error


def time(data: bytes) -> Any:
    return f"{_moment(data).replace(tzinfo=None).isoformat(timespec='seconds')}Z" if data else ABSENT


def micro_time(data: bytes) -> Any:
    # Not strftime: glibc's %Y has no leading zeros, and clients send the year 1.
    return f"{_moment(data).replace(tzinfo=None).isoformat(timespec='microseconds')}Z" if data else ABSENT


def duration(data: bytes) -> Any:
    return go_duration(_numbers(data)[0])


def go_duration(nanos: int) -> str:
    """Go's time.Duration.String()."""
    sign, nanos = ("-", -nanos) if nanos < 0 else ("", nanos)
    if nanos < 1_000_000_000:
        for unit, size in (("ms", 1_000_000), ("µs", 1000), ("ns", 1)):
            if nanos >= size:
                return f"{sign}{_decimal(nanos, size)}{unit}"
        return "0s"
    minutes, rest = divmod(nanos, 60_000_000_000)
    hours, minutes = divmod(minutes, 60)
    seconds = _decimal(rest, 1_000_000_000)
    if hours:
        return f"{sign}{hours}h{minutes}m{seconds}s"
    return f"{sign}{minutes}m{seconds}s" if minutes else f"{sign}{seconds}s"


def _decimal(value: int, unit: int) -> str:
    whole, fraction = divmod(value, unit)
    if not fraction:
        return str(whole)
    digits = str(fraction).rjust(len(str(unit)) - 1, "0").rstrip("0")
    return f"{whole}.{digits}"


def quantity(data: bytes) -> Any:
    for field in fields(data):
        if field.tag == 1:
            return text(field.data)
    return "0"


def int_or_string(data: bytes) -> Any:
    kind = number = 0
    string = ""
    for field in fields(data):
        if field.tag == 1:
            kind = field.number
        elif field.tag == 2:
            number = signed(field.number)
        elif field.tag == 3:
            string = text(field.data)
    return string if kind == 1 else number


def raw_json(data: bytes) -> Any:
    """RawExtension and FieldsV1: JSON text in field 1."""
    for field in fields(data):
        if field.tag == 1:
            if not field.data:
                return ABSENT
            try:
                return msgspec.json.decode(field.data)
            except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
                raise DecodeError("an embedded object is not JSON") from error
    return ABSENT


SPECIALS: Mapping[str, Callable[[bytes], Any]] = {
    "special:Time": time,
    "special:MicroTime": micro_time,
    "special:Duration": duration,
    "special:Quantity": quantity,
    "special:IntOrString": int_or_string,
    "special:RawExtension": raw_json,
    "special:FieldsV1": raw_json,
}


def _either(message: dict[str, Any], *names: str) -> Any:
    """The first of the fields that is set."""
    return next((message[name] for name in names if name in message), None)


_EXTENSIONS = "apiextensions-apiserver/pkg/apis/apiextensions/v1."
# Messages of which one field is set, and JSON knows only that field's value.
UNIONS: Mapping[str, Callable[[dict[str, Any]], Any]] = {
    f"{_EXTENSIONS}JSONSchemaPropsOrArray": lambda message: _either(message, "schema", "jSONSchemas"),
    f"{_EXTENSIONS}JSONSchemaPropsOrBool": lambda message: _either(
        {"allows": False} | message, "schema", "allows"
    ),
    f"{_EXTENSIONS}JSONSchemaPropsOrStringArray": lambda message: _either(message, "schema", "property"),
}
