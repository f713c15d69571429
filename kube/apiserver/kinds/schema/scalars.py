"""Readers of single JSON values. A reader returns the value to keep or raises TypeFault."""

import base64
import binascii
import re
from collections.abc import Callable
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from kube.apiserver.kinds import quantity
from kube.apiserver.status import quote

Reader = Callable[[Any], Any]


class TypeFault(Exception):
    """The value is not of the field's type; `go_type` is what the server calls that type.

    With `message` the value was of the right JSON type but did not parse.
    """

    def __init__(self, go_type: str, message: str = "") -> None:
        super().__init__(message)
        self.go_type = go_type
        self.message = message


def go_value(value: Any) -> str:
    """What Go's decoder calls a JSON value in its messages."""
    if value is True or value is False:
        return "bool"
    if isinstance(value, str):
        return "string"
    if isinstance(value, dict):
        return "object"
    if isinstance(value, list):
        return "array"
    return f"number {value}" if isinstance(value, int | float) else "null"


def read_string(value: Any) -> Any:
    if type(value) is str:
        return value
    raise TypeFault("string")


def read_bool(value: Any) -> Any:
    if type(value) is bool:
        return value
    raise TypeFault("bool")


def read_int32(value: Any) -> Any:
    if type(value) is int and -(2**31) <= value < 2**31:
        return value
    raise TypeFault("int32")


def read_int64(value: Any) -> Any:
    if type(value) is int and -(2**63) <= value < 2**63:
        return value
    raise TypeFault("int64")


def read_number(value: Any) -> Any:
    if type(value) is int or type(value) is float:
        return value
    raise TypeFault("float64")


def read_int_or_string(value: Any) -> Any:
    if type(value) is str:
        return value
    return read_int32(value)


def read_quantity(value: Any) -> Any:
    if type(value) is str:
        text = value.strip()
    elif type(value) is int or type(value) is float:
        text = repr(value)
    else:
        raise TypeFault("", quantity.FORMAT_ERROR)
    try:
        return quantity.canonical(text)
    except ValueError as error:
        raise TypeFault("", str(error)) from error


_TIME = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)")


@lru_cache(1024)
def _moment(text: str) -> datetime | None:
    """In UTC; None when it is no time."""
    if _TIME.fullmatch(text) is None:
        return None
    whole, dot, fraction = text.upper().partition(".")
    if dot:  # of any length, where fromisoformat wants six digits at most
        digits = fraction.rstrip("Z").partition("+")[0].partition("-")[0]
        text = f"{whole}.{digits[:6].ljust(6, '0')}{fraction[len(digits) :]}"
    try:
        return datetime.fromisoformat(text.upper()).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _read_moment(value: Any) -> datetime:
    if type(value) is not str:
        raise TypeFault("string")
    moment = _moment(value) if len(value) < 64 else None  # what is remembered has to be small
    if moment is None:
        pattern = '"2006-01-02T15:04:05Z07:00"'
        raise TypeFault(
            "", f'parsing time {quote(value)} as {pattern}: cannot parse {quote(value)} as "2006"'
        )
    return moment


def read_time(value: Any) -> Any:
    """To whole seconds in UTC, as the server keeps every metav1.Time: clients send other zones and fractions."""
    text = f"{_read_moment(value).replace(tzinfo=None).isoformat(timespec='seconds')}Z"
    return value if text == value else text


def read_micro_time(value: Any) -> Any:
    """The same with six digits behind the point."""
    text = f"{_read_moment(value).replace(tzinfo=None).isoformat(timespec='microseconds')}Z"
    return value if text == value else text


def read_bytes(value: Any) -> Any:
    """Base64 text with padding, as Go's []byte takes it."""
    if type(value) is not str:
        raise TypeFault("[]uint8")
    text = value.replace("\n", "").replace("\r", "") if "\n" in value or "\r" in value else value
    try:
        base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise TypeFault("", f"illegal base64 data at input byte {_bad_byte(text)}") from error
    return value


_BASE64 = re.compile(r"[A-Za-z0-9+/]*")


def _bad_byte(text: str) -> int:
    match = _BASE64.match(text)
    end = match.end() if match else 0
    if end < len(text) and text[end] != "=":
        return end
    return end // 4 * 4 if end == len(text) else end


def read_anything(value: Any) -> Any:
    return value
