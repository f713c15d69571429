"""Amounts of several resources at once (core/v1 ResourceList): sums, differences, and what a pod asks for."""

from collections.abc import Iterable, Mapping
from typing import Any

from kube.apiserver.kinds.quantity import NANO, Quantity, parse, render

Object = dict[str, Any]
Amounts = Mapping[str, Quantity]  # by resource name

ONE = Quantity(NANO, "decimal")
NONE = Quantity(0, "decimal")


def amounts(listed: Mapping[str, Any] | None) -> dict[str, Quantity]:
    """Of a ResourceList in JSON. Raises ValueError."""
    return {name: parse(str(amount)) for name, amount in (listed or {}).items()}


def shown(sums: Amounts) -> dict[str, str]:
    """As a ResourceList in JSON."""
    return {name: render(amount) for name, amount in sums.items()}


def pieces(count: int) -> Quantity:
    return Quantity(count * NANO, "decimal")


def plus(one: Amounts, other: Amounts) -> dict[str, Quantity]:
    """The sums; a resource that stands in one of them is as it stands there."""
    total = dict(one)
    for name, amount in other.items():
        before = total.get(name)
        total[name] = amount if before is None else _sum(before, amount)
    return total


def _sum(one: Quantity, other: Quantity) -> Quantity:
    """In the first one's notation, unless that is nothing."""
    return Quantity(one.nano + other.nano, one.format if one.nano else other.format)


def minus(one: Amounts, other: Amounts) -> dict[str, Quantity]:
    """What one has more than the other; nothing is below zero, as an increase is asked for."""
    return {
        name: Quantity(max(0, amount.nano - other.get(name, NONE).nano), amount.format)
        for name, amount in one.items()
    }


def larger(one: Amounts, other: Amounts) -> dict[str, Quantity]:
    """For each resource the larger amount."""
    found = dict(one)
    for name, amount in other.items():
        if name not in found or amount.nano > found[name].nano:
            found[name] = amount
    return found


def pod_amounts(spec: Object, field: str) -> dict[str, Quantity]:
    """What a pod needs at once; `field` is requests or limits.

    All containers run together, sidecars (init containers that are restarted) from their start on, other init
    containers one after the other beside the sidecars before them (KEP-753).
    """
    running: Amounts = _sum_of(spec.get("containers") or (), field)
    sidecars: dict[str, Quantity] = {}
    starting: dict[str, Quantity] = {}
    for container in spec.get("initContainers") or ():
        own = amounts((container.get("resources") or {}).get(field))
        if container.get("restartPolicy") == "Always":
            sidecars = plus(sidecars, own)
            own = {}
        starting = larger(starting, plus(sidecars, own))
    needed = larger(plus(running, sidecars), starting)
    needed = {**needed, **amounts((spec.get("resources") or {}).get(field))}
    overhead = amounts(spec.get("overhead"))
    if field == "limits":  # only what is limited at all has an overhead on top
        overhead = {name: amount for name, amount in overhead.items() if name in needed}
    return plus(needed, overhead)


def _sum_of(containers: Iterable[Object], field: str) -> dict[str, Quantity]:
    total: dict[str, Quantity] = {}
    for container in containers:
        total = plus(total, amounts((container.get("resources") or {}).get(field)))
    return total
