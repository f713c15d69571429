"""Whether an object fits into a quota, and what the quota's usage is with it."""

from collections.abc import Mapping
from typing import Any

from kube.apiserver.kinds.amounts import NONE, Amounts, amounts, minus, plus
from kube.apiserver.kinds.quantity import Quantity, render
from kube.apiserver.kinds.quota.scopes import counts
from kube.apiserver.kinds.quota.usage import DECLARED, PODS, compute, usage

Object = dict[str, Any]


class Refusal(Exception):
    """The text goes behind `… is forbidden:`."""


def charge(
    quota: Object, used: Amounts, key: str, new: Object, old: Object | None
) -> dict[str, Quantity] | None:
    """The quota's usage with the object, of the resources that it limits; None when it does not change.

    `used` is the usage now; `old` is None for a create. Raises Refusal.
    """
    hard = amounts((quota.get("spec") or {}).get("hard"))
    if not counts(quota, key, new):
        return None
    if key == PODS and old is None:
        _check_declared(quota, hard, new)
    asked = usage(key, new)
    if old is not None and counts(quota, key, old):
        asked = minus(asked, usage(key, old))
    asked = {name: amount for name, amount in asked.items() if name in hard and amount.nano}
    if not asked:
        return None
    after = plus(used, asked)
    over = [name for name in asked if after[name].nano > hard[name].nano]
    if over:
        name = quota["metadata"]["name"]
        before = {resource: used.get(resource, NONE) for resource in over}
        raise Refusal(
            f"exceeded quota: {name}, requested: {_listed(asked, over)}, used: {_listed(before, over)}, "
            f"limited: {_listed(hard, over)}"
        )
    return after


def _listed(sums: Mapping[str, Quantity], names: list[str]) -> str:
    return ",".join(f"{name}={render(sums[name])}" for name in sorted(names))


def _check_declared(quota: Object, hard: Amounts, pod: Object) -> None:
    """A limit of cpu or memory can only be kept when every container says how much it takes."""
    wanted = DECLARED & set(hard)
    if not wanted:
        return
    spec = pod.get("spec") or {}
    lacking: dict[str, set[str]] = {}
    for container in (*(spec.get("containers") or ()), *(spec.get("initContainers") or ())):
        resources = container.get("resources") or {}
        declared = compute(amounts(resources.get("requests")), amounts(resources.get("limits")))
        for resource in wanted - set(declared):
            lacking.setdefault(resource, set()).add(container.get("name", ""))
    if lacking:
        rows = [f"{resource} for: {','.join(sorted(lacking[resource]))}" for resource in sorted(lacking)]
        raise Refusal(f"failed quota: {quota['metadata']['name']}: must specify {'; '.join(rows)}")
