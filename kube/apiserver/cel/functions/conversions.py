"""From one type to another."""

import math
from typing import Any

from kube.apiserver.cel.errors import CelError
from kube.apiserver.cel.types import overload
from kube.apiserver.cel.values import (
    NS,
    Duration,
    TypeValue,
    Uint,
    double_text,
    duration_text,
    in_int,
    in_uint,
    parse_duration,
    parse_timestamp,
    timestamp_of,
    timestamp_text,
    type_name,
)

_TRUE, _FALSE = ("1", "t", "true", "TRUE", "True"), ("0", "f", "false", "FALSE", "False")


def _int_of_text(text: str) -> int:
    try:
        if not text or not text.lstrip("+-").isdigit() or not text.isascii():
            raise ValueError(text)
        return in_int(int(text))
    except ValueError as error:
        raise CelError(f'strconv.ParseInt: parsing "{text}": invalid syntax') from error


def _int_of_double(value: float) -> int:
    if math.isnan(value) or math.isinf(value) or not -(2**63) < value < 2**63:
        raise CelError("integer overflow")
    return int(value)


def _uint_of_double(value: float) -> Uint:
    if math.isnan(value) or math.isinf(value) or not 0 <= value < 2**64:
        raise CelError("unsigned integer overflow")
    return Uint(int(value))


def _uint_of_text(text: str) -> Uint:
    if not text.isascii() or not text.isdigit():
        raise CelError(f'strconv.ParseUint: parsing "{text}": invalid syntax')
    return in_uint(int(text))


def _double_of_text(text: str) -> float:
    try:
        if "_" in text or text != text.strip():
            raise ValueError(text)
        return float(text)
    except ValueError as error:
        raise CelError(f'strconv.ParseFloat: parsing "{text}": invalid syntax') from error


def _bool_of_text(text: str) -> bool:
    if text in _TRUE:
        return True
    if text in _FALSE:
        return False
    raise CelError(f'strconv.ParseBool: parsing "{text}": invalid syntax')


def _text_of_bytes(data: bytes) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise CelError("invalid UTF-8 in bytes, cannot convert to string") from error


def _same(value: Any) -> Any:
    return value


TABLE = (
    overload("dyn(A) -> dyn", _same),
    overload("type(A) -> type", lambda value: TypeValue(type_name(value))),
    overload("int(int) -> int", _same),
    overload("int(uint) -> int", lambda value: in_int(int(value))),
    overload("int(double) -> int", _int_of_double),
    overload("int(string) -> int", _int_of_text),
    overload("int(timestamp) -> int", lambda value: value.ns // NS),
    overload("int(duration) -> int", lambda value: value.ns),
    overload("uint(uint) -> uint", _same),
    overload("uint(int) -> uint", in_uint),
    overload("uint(double) -> uint", _uint_of_double),
    overload("uint(string) -> uint", _uint_of_text),
    overload("double(double) -> double", _same),
    overload("double(int) -> double", float),
    overload("double(uint) -> double", float),
    overload("double(string) -> double", _double_of_text),
    overload("bool(bool) -> bool", _same),
    overload("bool(string) -> bool", _bool_of_text),
    overload("string(string) -> string", _same),
    overload("string(bool) -> string", lambda value: "true" if value else "false"),
    overload("string(int) -> string", str),
    overload("string(uint) -> string", lambda value: str(int(value))),
    overload("string(double) -> string", double_text),
    overload("string(bytes) -> string", _text_of_bytes),
    overload("string(timestamp) -> string", timestamp_text),
    overload("string(duration) -> string", duration_text),
    overload("bytes(bytes) -> bytes", _same),
    overload("bytes(string) -> bytes", lambda value: value.encode()),
    overload("timestamp(timestamp) -> timestamp", _same),
    overload("timestamp(string) -> timestamp", parse_timestamp),
    overload("timestamp(int) -> timestamp", lambda value: timestamp_of(value * NS)),
    overload("duration(duration) -> duration", _same),
    overload("duration(string) -> duration", parse_duration),
    overload("duration(int) -> duration", Duration),
)
