"""Values that may be missing."""

from typing import Any

from kube.apiserver.cel.errors import CelError
from kube.apiserver.cel.types import overload
from kube.apiserver.cel.values import ABSENT, NONE, Duration, Optional, Timestamp


def _value(optional: Optional) -> Any:
    if optional.value is ABSENT:
        raise CelError("optional.none() dereference")
    return optional.value


def _of_non_zero(value: Any) -> Optional:
    is_zero = value is None or value is False or value in (0, "", b"", [], {}, Timestamp(0), Duration(0))
    return NONE if is_zero else Optional(value)


TABLE = (
    overload("optional.of(A) -> optional(A)", Optional),
    overload("optional.ofNonZeroValue(A) -> optional(A)", _of_non_zero),
    overload("optional.none() -> optional(dyn)", lambda: NONE),
    overload("optional(A)::hasValue() -> bool", lambda optional: optional.value is not ABSENT),
    overload("optional(A)::value() -> A", _value),
    overload(
        "optional(A)::or(optional(A)) -> optional(A)",
        lambda one, other: other if one.value is ABSENT else one,
    ),
    overload("optional(A)::orValue(A) -> A", lambda one, other: other if one.value is ABSENT else one.value),
)
