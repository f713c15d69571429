"""Operators: numbers, comparisons, membership."""

import math
import operator
from typing import Any

from kube.apiserver.cel.errors import CelError
from kube.apiserver.cel.types import overload
from kube.apiserver.cel.values import (
    Duration,
    Uint,
    equal,
    in_int,
    in_uint,
    timestamp_of,
)


def _divided(one: int, other: int) -> int:
    if other == 0:
        raise CelError("division by zero")
    quotient = abs(one) // abs(other)
    return quotient if (one < 0) == (other < 0) else -quotient


def _int_divide(one: int, other: int) -> int:
    return in_int(_divided(one, other))


def _int_remainder(one: int, other: int) -> int:
    """With the sign of the dividend, as in Go."""
    if other == 0:
        raise CelError("modulus by zero")
    return (
        int(math.copysign(abs(one) % abs(other), one))
        if abs(one) < 1 << 52
        else one - other * _divided(one, other)
    )


def _uint_divide(one: Uint, other: Uint) -> Uint:
    return Uint(_divided(one, other))


def _uint_remainder(one: Uint, other: Uint) -> Uint:
    if other == 0:
        raise CelError("modulus by zero")
    return Uint(int(one) % int(other))


def _float_divide(one: float, other: float) -> float:
    if other == 0:
        if one == 0 or math.isnan(one):
            return math.nan
        return math.copysign(math.inf, one) * math.copysign(1.0, other)
    return one / other


def _times(one: float, other: float) -> float:
    return one * other


def _is_in(one: Any, many: Any) -> bool:
    if isinstance(many, dict):
        return key_in(many, one) is not None
    return any(equal(one, item) for item in many)


def key_in(many: dict[Any, Any], key: Any) -> Any:
    """The map's own key that equals the key, as a list of one; None where there is none.

    Python's 1, 1.0 and True are one key: maps of JSON have text for keys, those that are written out are compared.
    """
    try:
        if key not in many:
            return None
    except TypeError:
        return None
    if isinstance(key, str):
        return (key,)
    return next(((own,) for own in many if equal(own, key)), None)


def _orders(name: str, types: tuple[str, ...]) -> list[Any]:
    compare = {"<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge}[name]
    rows = [overload(f"_{name}_({kind}, {kind}) -> bool", compare) for kind in types]
    numbers = ("int", "uint", "double")
    rows += [
        overload(f"_{name}_({one}, {other}) -> bool", compare)
        for one in numbers
        for other in numbers
        if one != other
    ]
    return rows


_ORDERED = ("bool", "int", "uint", "double", "string", "bytes", "timestamp", "duration")

TABLE = (
    overload("_+_(int, int) -> int", lambda one, other: in_int(one + other)),
    overload("_+_(uint, uint) -> uint", lambda one, other: in_uint(int(one) + int(other))),
    overload("_+_(double, double) -> double", operator.add),
    overload("_+_(string, string) -> string", operator.add),
    overload("_+_(bytes, bytes) -> bytes", operator.add),
    overload("_+_(list(A), list(A)) -> list(A)", operator.add),
    overload("_+_(duration, duration) -> duration", lambda one, other: Duration(in_int(one.ns + other.ns))),
    overload("_+_(timestamp, duration) -> timestamp", lambda one, other: timestamp_of(one.ns + other.ns)),
    overload("_+_(duration, timestamp) -> timestamp", lambda one, other: timestamp_of(one.ns + other.ns)),
    overload("_-_(int, int) -> int", lambda one, other: in_int(one - other)),
    overload("_-_(uint, uint) -> uint", lambda one, other: in_uint(int(one) - int(other))),
    overload("_-_(double, double) -> double", operator.sub),
    overload("_-_(duration, duration) -> duration", lambda one, other: Duration(in_int(one.ns - other.ns))),
    overload("_-_(timestamp, duration) -> timestamp", lambda one, other: timestamp_of(one.ns - other.ns)),
    overload("_-_(timestamp, timestamp) -> duration", lambda one, other: Duration(in_int(one.ns - other.ns))),
    overload("_*_(int, int) -> int", lambda one, other: in_int(one * other)),
    overload("_*_(uint, uint) -> uint", lambda one, other: in_uint(int(one) * int(other))),
    overload("_*_(double, double) -> double", _times),
    overload("_/_(int, int) -> int", _int_divide),
    overload("_/_(uint, uint) -> uint", _uint_divide),
    overload("_/_(double, double) -> double", _float_divide),
    overload("_%_(int, int) -> int", _int_remainder),
    overload("_%_(uint, uint) -> uint", _uint_remainder),
    overload("-_(int) -> int", lambda one: in_int(-one)),
    overload("-_(double) -> double", operator.neg),
    overload("!_(bool) -> bool", operator.not_),
    overload("_==_(A, A) -> bool", equal),
    overload("_!=_(A, A) -> bool", lambda one, other: not equal(one, other)),
    overload("@in(A, list(A)) -> bool", _is_in),
    overload("@in(A, map(A, B)) -> bool", _is_in),
    *_orders("<", _ORDERED),
    *_orders("<=", _ORDERED),
    *_orders(">", _ORDERED),
    *_orders(">=", _ORDERED),
)
