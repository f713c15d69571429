"""Lists, maps and sets: the language's, Kubernetes' list library, cel-go's sets and lists (version 3)."""

from collections.abc import Sequence
from functools import cmp_to_key
from typing import Any

from kube.apiserver.cel.errors import CelError
from kube.apiserver.cel.types import Overload, overload
from kube.apiserver.cel.values import NONE, Duration, Optional, Uint, equal, in_int, in_uint, type_name

_MOST = 1_000_000  # items of a list that is made from numbers alone


def less(one: Any, other: Any) -> bool:
    """Raises CelError for values that have no order."""
    numbers = isinstance(one, int | float) and isinstance(other, int | float)
    if type_name(one) != type_name(other) and not numbers:
        raise CelError("no such overload")
    try:
        return bool(one < other)
    except TypeError as error:
        raise CelError("no such overload") from error


def _is_sorted(items: Sequence[Any]) -> bool:
    return not any(less(items[at + 1], items[at]) for at in range(len(items) - 1))


def _sum(items: Sequence[Any]) -> Any:
    total: Any = None
    for item in items:
        total = item if total is None else _added(total, item)
    return 0 if total is None else total


def _added(one: Any, other: Any) -> Any:
    match one, other:
        case Duration(), Duration():
            return Duration(in_int(one.ns + other.ns))
        case Uint(), Uint():
            return in_uint(int(one) + int(other))
        case int(), int():
            return in_int(one + other)
        case float(), float():
            return one + other
        case _:
            raise CelError("no such overload")


def _min(items: Sequence[Any]) -> Any:
    if not items:
        raise CelError("min called on empty list")
    least = items[0]
    for item in items[1:]:
        least = item if less(item, least) else least
    return least


def _max(items: Sequence[Any]) -> Any:
    if not items:
        raise CelError("max called on empty list")
    most = items[0]
    for item in items[1:]:
        most = item if less(most, item) else most
    return most


def _index_of(items: Sequence[Any], wanted: Any) -> int:
    return next((at for at, item in enumerate(items) if equal(item, wanted)), -1)


def _last_index_of(items: Sequence[Any], wanted: Any) -> int:
    return next((at for at in range(len(items) - 1, -1, -1) if equal(items[at], wanted)), -1)


def has(items: Sequence[Any], wanted: Any) -> bool:
    return any(equal(item, wanted) for item in items)


def _contains(items: Sequence[Any], others: Sequence[Any]) -> bool:
    return all(has(items, other) for other in others)


def _equivalent(items: Sequence[Any], others: Sequence[Any]) -> bool:
    return _contains(items, others) and _contains(others, items)


def _intersects(items: Sequence[Any], others: Sequence[Any]) -> bool:
    return any(has(others, item) for item in items)


def _distinct(items: Sequence[Any]) -> list[Any]:
    found: list[Any] = []
    for item in items:
        if not has(found, item):
            found.append(item)
    return found


def _flatten(items: Sequence[Any], depth: int = 1) -> list[Any]:
    if depth < 0:
        raise CelError("level must be non-negative")
    flat: list[Any] = []
    for item in items:
        flat.extend(_flatten(item, depth - 1) if isinstance(item, list) and depth else (item,))
    return flat


def _slice(items: Sequence[Any], start: int, end: int) -> list[Any]:
    if start < 0 or end < 0:
        raise CelError(f"cannot slice({start}, {end}), negative indexes not supported")
    if start > end:
        raise CelError(f"cannot slice({start}, {end}), start index must be less than or equal to end index")
    if end > len(items):
        raise CelError(f"cannot slice({start}, {end}), list is length {len(items)}")
    return list(items[start:end])


def ordered(keys: Sequence[Any], items: Sequence[Any]) -> list[Any]:
    """The items by their keys."""

    def compare(one: int, other: int) -> int:
        return -1 if less(keys[one], keys[other]) else int(less(keys[other], keys[one]))

    return [items[at] for at in sorted(range(len(items)), key=cmp_to_key(compare))]


def _sort(items: Sequence[Any]) -> list[Any]:
    return ordered(items, items)


def _range(count: int) -> list[int]:
    if count > _MOST:
        raise CelError(f"lists.range(): {count} is more than {_MOST}")
    return list(range(count))


def _first(items: Sequence[Any]) -> Optional:
    return Optional(items[0]) if items else NONE


def _last(items: Sequence[Any]) -> Optional:
    return Optional(items[-1]) if items else NONE


_SUMMED = ("int", "uint", "double", "duration")
_COMPARED = (*_SUMMED, "bool", "string", "bytes", "timestamp")


def _comparing() -> list[Overload]:
    rows = []
    for kind in (*_COMPARED, "dyn"):
        rows.append(overload(f"list({kind})::isSorted() -> bool", _is_sorted))
        rows.append(overload(f"list({kind})::min() -> {kind}", _min))
        rows.append(overload(f"list({kind})::max() -> {kind}", _max))
        rows.append(overload(f"list({kind})::sort() -> list({kind})", _sort))
    rows += [overload(f"list({kind})::sum() -> {kind}", _sum) for kind in (*_SUMMED, "dyn")]
    return rows


TABLE = (
    overload("size(list(A)) -> int", len),
    overload("list(A)::size() -> int", len),
    overload("size(map(A, B)) -> int", len),
    overload("map(A, B)::size() -> int", len),
    *_comparing(),
    overload("list(A)::indexOf(A) -> int", _index_of),
    overload("list(A)::lastIndexOf(A) -> int", _last_index_of),
    overload("list(A)::distinct() -> list(A)", _distinct),
    overload("list(A)::reverse() -> list(A)", lambda items: items[::-1]),
    overload("list(A)::slice(int, int) -> list(A)", _slice),
    overload("list(A)::first() -> optional(A)", _first),
    overload("list(A)::last() -> optional(A)", _last),
    overload("list(dyn)::flatten() -> list(dyn)", _flatten),
    overload("list(dyn)::flatten(int) -> list(dyn)", _flatten),
    overload("lists.range(int) -> list(int)", _range),
    overload("sets.contains(list(A), list(A)) -> bool", _contains),
    overload("sets.equivalent(list(A), list(A)) -> bool", _equivalent),
    overload("sets.intersects(list(A), list(A)) -> bool", _intersects),
)
