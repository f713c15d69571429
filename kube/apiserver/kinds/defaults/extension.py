"""Defaults of webhooks, admission policies, priority levels and device claims."""

from collections.abc import Iterable
from typing import Any

Object = dict[str, Any]


def _match(match: Object) -> None:
    match.setdefault("matchPolicy", "Equivalent")
    match.setdefault("namespaceSelector", {})
    match.setdefault("objectSelector", {})
    for name in ("resourceRules", "excludeResourceRules"):
        for rule in match.get(name) or ():
            rule.setdefault("scope", "*")


def default_policy(obj: Object) -> None:
    spec = obj.setdefault("spec", {})
    spec.setdefault("failurePolicy", "Fail")
    if spec.get("matchConstraints") is not None:
        _match(spec["matchConstraints"])


def default_policy_binding(obj: Object) -> None:
    spec = obj.setdefault("spec", {})
    if spec.get("matchResources") is not None:
        _match(spec["matchResources"])


def default_flow_schema(obj: Object) -> None:
    obj.setdefault("spec", {}).setdefault("matchingPrecedence", 1000)


def default_priority_level(obj: Object) -> None:
    spec = obj.setdefault("spec", {})
    if spec.get("type") == "Exempt":
        exempt = spec.setdefault("exempt", {})
        exempt.setdefault("nominalConcurrencyShares", 0)
        exempt.setdefault("lendablePercent", 0)
    limited = spec.get("limited")
    if limited is None:
        return
    limited.setdefault("nominalConcurrencyShares", 30)
    limited.setdefault("lendablePercent", 0)
    response = limited.get("limitResponse") or {}
    if response.get("type") == "Queue" and response.get("queuing") is not None:
        for name, value in (("queues", 64), ("handSize", 8), ("queueLengthLimit", 50)):
            response["queuing"].setdefault(name, value)


def _requests(spec: Object) -> Iterable[Object]:
    for request in (spec.get("devices") or {}).get("requests") or ():
        if request.get("exactly") is not None:
            yield request["exactly"]
        yield from request.get("firstAvailable") or ()


def _claim(spec: Object) -> None:
    for request in _requests(spec):
        request.setdefault("allocationMode", "ExactCount")
        if request["allocationMode"] == "ExactCount":
            request.setdefault("count", 1)


def default_claim(obj: Object) -> None:
    _claim(obj.setdefault("spec", {}))


def default_claim_template(obj: Object) -> None:
    _claim(obj.setdefault("spec", {}).setdefault("spec", {}))
