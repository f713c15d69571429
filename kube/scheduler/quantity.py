"""Kubernetes quantities ("250m", "1.5Gi", "2e3") as integers."""

from __future__ import annotations

from decimal import ROUND_CEILING, Decimal, InvalidOperation
from functools import lru_cache

from kube.objects import Quantity

_BINARY = {"Ki": 10, "Mi": 20, "Gi": 30, "Ti": 40, "Pi": 50, "Ei": 60}
_DECIMAL = {"n": -9, "u": -6, "m": -3, "": 0, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18}


@lru_cache(maxsize=4096)
def parse(text: str) -> Decimal:
    """The exact value. Raises ValueError for what the API server would refuse as well."""
    number, factor = text, Decimal(1)
    if text[-2:] in _BINARY:
        number, factor = text[:-2], Decimal(1 << _BINARY[text[-2:]])
    elif text[-1:].isalpha():
        if text[-1] not in _DECIMAL:
            raise ValueError(f"quantity {text!r}: unknown suffix")
        number, factor = text[:-1], Decimal(1).scaleb(_DECIMAL[text[-1]])
    try:
        return Decimal(number) * factor
    except InvalidOperation as error:
        raise ValueError(f"quantity {text!r}: not a number") from error


@lru_cache(maxsize=4096)
def milli(text: str) -> int:
    """Thousandths, rounded up: how CPU is counted."""
    return int((parse(text) * 1000).to_integral_value(ROUND_CEILING))


@lru_cache(maxsize=4096)
def units(text: str) -> int:
    """Whole units, rounded up: bytes of memory, pieces of everything else."""
    return int(parse(text).to_integral_value(ROUND_CEILING))


def amount(resource: str, quantity: Quantity) -> int:
    """What the scheduler counts: millicores for cpu, whole units otherwise."""
    return milli(str(quantity)) if resource == "cpu" else units(str(quantity))
