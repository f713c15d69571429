"""Rows of admission policies and webhooks."""

from typing import Any

from kube.apiserver.kinds.table.format import UNSET, age, name_of

Object = dict[str, Any]


def webhooks(obj: Object, now: float) -> list[Any]:
    return [name_of(obj), len(obj.get("webhooks") or ()), age(obj, now)]


def validating_policy(obj: Object, now: float) -> list[Any]:
    return _policy(obj, "validations", now)


def mutating_policy(obj: Object, now: float) -> list[Any]:
    return _policy(obj, "mutations", now)


def _policy(obj: Object, rules: str, now: float) -> list[Any]:
    spec = obj.get("spec") or {}
    parameter = spec.get("paramKind")
    shown = f"{parameter.get('apiVersion', '')}/{parameter.get('kind', '')}" if parameter else UNSET
    return [name_of(obj), len(spec.get(rules) or ()), shown, age(obj, now)]


def policy_binding(obj: Object, now: float) -> list[Any]:
    spec = obj.get("spec") or {}
    reference = spec.get("paramRef")
    shown = UNSET
    if reference:
        namespace = reference.get("namespace") or "*"
        shown = f"{namespace}/{reference['name']}" if reference.get("name") else f"{namespace}/*"
    return [name_of(obj), spec.get("policyName", ""), shown, age(obj, now)]
