"""Kubernetes' library of resource quantities."""

from kube.apiserver.cel.errors import CelError
from kube.apiserver.cel.types import overload
from kube.apiserver.cel.values import Opaque
from kube.apiserver.kinds.quantity import NANO, parse


class Amount(Opaque):
    """A quantity, compared by its value."""

    type_name = "kubernetes.Quantity"

    def __init__(self, nano: int) -> None:
        self.nano = nano

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Amount) and self.nano == other.nano

    def __hash__(self) -> int:
        return hash(self.nano)


def _quantity(text: str) -> Amount:
    try:
        return Amount(parse(text).nano)
    except (ValueError, IndexError) as error:
        raise CelError(str(error)) from error


def _is_quantity(text: str) -> bool:
    try:
        parse(text)
    except (ValueError, IndexError):
        return False
    return True


def _is_integer(amount: Amount) -> bool:
    return amount.nano % NANO == 0 and -(2**63) <= amount.nano // NANO < 2**63


def _as_integer(amount: Amount) -> int:
    if not _is_integer(amount):
        raise CelError("cannot convert value to integer")
    return amount.nano // NANO


def _number(other: Amount | int) -> int:
    return other.nano if isinstance(other, Amount) else other * NANO


def _compared(one: Amount, other: Amount) -> int:
    return (one.nano > other.nano) - (one.nano < other.nano)


_Q = "kubernetes.Quantity"
TABLE = (
    overload(f"quantity(string) -> {_Q}", _quantity),
    overload("isQuantity(string) -> bool", _is_quantity),
    overload(f"sign({_Q}) -> int", lambda one: (one.nano > 0) - (one.nano < 0)),
    overload(f"{_Q}::isInteger() -> bool", _is_integer),
    overload(f"{_Q}::asInteger() -> int", _as_integer),
    overload(f"{_Q}::asApproximateFloat() -> double", lambda one: one.nano / NANO),
    overload(f"{_Q}::add({_Q}) -> {_Q}", lambda one, other: Amount(one.nano + _number(other))),
    overload(f"{_Q}::add(int) -> {_Q}", lambda one, other: Amount(one.nano + _number(other))),
    overload(f"{_Q}::sub({_Q}) -> {_Q}", lambda one, other: Amount(one.nano - _number(other))),
    overload(f"{_Q}::sub(int) -> {_Q}", lambda one, other: Amount(one.nano - _number(other))),
    overload(f"{_Q}::isLessThan({_Q}) -> bool", lambda one, other: one.nano < other.nano),
    overload(f"{_Q}::isGreaterThan({_Q}) -> bool", lambda one, other: one.nano > other.nano),
    overload(f"{_Q}::compareTo({_Q}) -> int", _compared),
)
