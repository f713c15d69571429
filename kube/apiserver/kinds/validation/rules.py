"""The rules of one kind, and checks that many rules are made of."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

from kube.apiserver.kinds.names import label_key_errors, label_value_errors
from kube.apiserver.status import FieldError, invalid_value, not_supported, required

Object = dict[str, Any]
Errors = list[FieldError]

IMMUTABLE = "field is immutable"
NOT_NEGATIVE = "must be greater than or equal to 0"
NOT_A_PORT = "must be between 1 and 65535, inclusive"


class Rules(NamedTuple):
    """`create` also holds for updates; `update` compares with what is stored; `status` is for writes of it alone.

    All append to the errors.
    """

    create: Callable[[Object, Errors], None] | None = None
    update: Callable[[Object, Object, Errors], None] | None = None
    status: Callable[[Object, Errors], None] | None = None


def immutable(errors: Errors, field: str, new: Any, old: Any) -> None:
    if new != old:
        errors.append(invalid_value(field, new, IMMUTABLE))


def not_negative(errors: Errors, field: str, value: Any) -> None:
    if isinstance(value, int) and value < 0:
        errors.append(invalid_value(field, value, NOT_NEGATIVE))


def one_of(errors: Errors, field: str, value: Any, supported: Iterable[str]) -> None:
    """An enumerated field that is set must have one of the values."""
    if value is not None and value not in supported:
        errors.append(not_supported(field, value, sorted(supported)))


def needed(errors: Errors, field: str, value: Any, detail: str = "") -> bool:
    """False, and an error, when the field is empty."""
    if value in (None, "", [], {}):
        errors.append(required(field, detail))
        return False
    return True


def each(errors: Errors, field: str, value: Any, sentences: Iterable[str]) -> None:
    errors.extend(invalid_value(field, value, sentence) for sentence in sentences)


def port_number(errors: Errors, field: str, value: Any) -> None:
    if not isinstance(value, int) or not 1 <= value <= 65535:
        errors.append(invalid_value(field, value, NOT_A_PORT))


def label_map(errors: Errors, field: str, labels: Mapping[str, str] | None) -> None:
    for key, value in (labels or {}).items():
        for sentence in label_key_errors(key):
            errors.append(invalid_value(field, key, sentence))
        for sentence in label_value_errors(value):
            errors.append(invalid_value(field, value, sentence))


_SELECTOR_OPERATORS = ("In", "NotIn", "Exists", "DoesNotExist")


def label_selector(errors: Errors, field: str, selector: Mapping[str, Any] | None) -> None:
    """A metav1.LabelSelector."""
    if selector is None:
        return
    label_map(errors, f"{field}.matchLabels", selector.get("matchLabels"))
    for index, expression in enumerate(selector.get("matchExpressions") or ()):
        where = f"{field}.matchExpressions[{index}]"
        operator, values = expression.get("operator"), expression.get("values")
        if operator not in _SELECTOR_OPERATORS:
            errors.append(invalid_value(f"{where}.operator", operator, "not a valid selector operator"))
        elif operator in ("In", "NotIn") and not values:
            detail = "must be specified when `operator` is 'In' or 'NotIn'"
            errors.append(required(f"{where}.values", detail))
        elif operator in ("Exists", "DoesNotExist") and values:
            detail = "may not be specified when `operator` is 'Exists' or 'DoesNotExist'"
            errors.append(FieldError("FieldValueForbidden", f"{where}.values", detail))
        each(errors, f"{where}.key", expression.get("key", ""), label_key_errors(expression.get("key", "")))
