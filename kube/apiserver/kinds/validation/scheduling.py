"""Rules of what steers the scheduler: affinity, tolerations, spreading."""

from collections.abc import Iterable
from typing import Any

from kube.apiserver.kinds.names import label_key_errors, label_value_errors
from kube.apiserver.kinds.validation.rules import Errors, each, label_selector, needed, one_of
from kube.apiserver.status import forbidden_value, invalid_value, required

Object = dict[str, Any]

EFFECTS = ("NoExecute", "NoSchedule", "PreferNoSchedule")
_NODE_OPERATORS = ("In", "NotIn", "Exists", "DoesNotExist", "Gt", "Lt")
_REQUIRED, _PREFERRED = (
    "requiredDuringSchedulingIgnoredDuringExecution",
    "preferredDuringSchedulingIgnoredDuringExecution",
)


def tolerations(errors: Errors, where: str, items: Iterable[Object]) -> None:
    for index, item in enumerate(items):
        here = f"{where}[{index}]"
        key, operator = item.get("key") or "", item.get("operator") or "Equal"
        if key:
            each(errors, f"{here}.key", key, label_key_errors(key))
        elif operator != "Exists":
            detail = (
                'operator must be Exists when `key` is empty, which means "match all values and all keys"'
            )
            errors.append(invalid_value(f"{here}.operator", item.get("operator") or "", detail))
        if item.get("tolerationSeconds") is not None and item.get("effect") != "NoExecute":
            detail = "effect must be 'NoExecute' when `tolerationSeconds` is set"
            errors.append(invalid_value(f"{here}.effect", item.get("effect") or "", detail))
        if operator == "Equal":
            each(
                errors,
                f"{here}.operator",
                item.get("value") or "",
                label_value_errors(item.get("value") or ""),
            )
        elif operator == "Exists":
            if item.get("value"):
                detail = "value must be empty when `operator` is 'Exists'"
                errors.append(invalid_value(f"{here}.operator", item, detail))
        else:
            one_of(errors, f"{here}.operator", operator, ("Equal", "Exists"))
        if item.get("effect"):
            one_of(errors, f"{here}.effect", item["effect"], EFFECTS)


def affinity(errors: Errors, where: str, item: Object) -> None:
    node = item.get("nodeAffinity")
    if node:
        _node_affinity(errors, f"{where}.nodeAffinity", node)
    for name in ("podAffinity", "podAntiAffinity"):
        if item.get(name):
            _pod_affinity(errors, f"{where}.{name}", item[name])


def _node_affinity(errors: Errors, where: str, item: Object) -> None:
    needed_terms = item.get(_REQUIRED)
    if needed_terms is not None:
        node_selector(errors, f"{where}.{_REQUIRED}", needed_terms)
    for index, preferred in enumerate(item.get(_PREFERRED) or ()):
        here = f"{where}.{_PREFERRED}[{index}]"
        _weight(errors, here, preferred)
        node_selector_term(errors, f"{here}.preference", preferred.get("preference") or {})


def node_selector(errors: Errors, where: str, selector: Object) -> None:
    terms = selector.get("nodeSelectorTerms")
    if not terms:
        detail = "must have at least one node selector term"
        errors.append(required(f"{where}.nodeSelectorTerms", detail))
    for index, term in enumerate(terms or ()):
        node_selector_term(errors, f"{where}.nodeSelectorTerms[{index}]", term)


def node_selector_term(errors: Errors, where: str, term: Object) -> None:
    for name in ("matchExpressions", "matchFields"):
        for index, requirement in enumerate(term.get(name) or ()):
            _node_requirement(errors, f"{where}.{name}[{index}]", requirement)


def _node_requirement(errors: Errors, where: str, requirement: Object) -> None:
    operator, values = requirement.get("operator"), requirement.get("values") or ()
    if operator not in _NODE_OPERATORS:
        errors.append(invalid_value(f"{where}.operator", operator, "not a valid selector operator"))
    elif operator in ("In", "NotIn") and not values:
        errors.append(required(f"{where}.values", "must be specified when `operator` is 'In' or 'NotIn'"))
    elif operator in ("Exists", "DoesNotExist") and values:
        detail = "may not be specified when `operator` is 'Exists' or 'DoesNotExist'"
        errors.append(forbidden_value(f"{where}.values", detail))
    elif operator in ("Gt", "Lt") and len(values) != 1:
        detail = "must be specified single value when `operator` is 'Lt' or 'Gt'"
        errors.append(required(f"{where}.values", detail))
    each(errors, f"{where}.key", requirement.get("key", ""), label_key_errors(requirement.get("key", "")))


def _weight(errors: Errors, where: str, item: Object) -> None:
    weight = item.get("weight", 0)
    if not 1 <= weight <= 100:
        errors.append(invalid_value(f"{where}.weight", weight, "must be in the range 1-100"))


def _pod_affinity(errors: Errors, where: str, item: Object) -> None:
    for index, term in enumerate(item.get(_REQUIRED) or ()):
        _pod_term(errors, f"{where}.{_REQUIRED}[{index}]", term)
    for index, preferred in enumerate(item.get(_PREFERRED) or ()):
        here = f"{where}.{_PREFERRED}[{index}]"
        _weight(errors, here, preferred)
        _pod_term(errors, f"{here}.podAffinityTerm", preferred.get("podAffinityTerm") or {})


def _pod_term(errors: Errors, where: str, term: Object) -> None:
    label_selector(errors, f"{where}.labelSelector", term.get("labelSelector"))
    label_selector(errors, f"{where}.namespaceSelector", term.get("namespaceSelector"))
    key = term.get("topologyKey")
    if needed(errors, f"{where}.topologyKey", key, "can not be empty"):
        each(errors, f"{where}.topologyKey", key, label_key_errors(str(key)))


def spreading(errors: Errors, where: str, items: Iterable[Object]) -> None:
    for index, item in enumerate(items):
        here = f"{where}[{index}]"
        skew = item.get("maxSkew", 0)
        if skew <= 0:
            errors.append(invalid_value(f"{here}.maxSkew", skew, "must be greater than zero"))
        needed(errors, f"{here}.topologyKey", item.get("topologyKey"), "can not be empty")
        supported = ("DoNotSchedule", "ScheduleAnyway")
        one_of(errors, f"{here}.whenUnsatisfiable", item.get("whenUnsatisfiable"), supported)
        domains = item.get("minDomains")
        if domains is not None and domains <= 0:
            errors.append(invalid_value(f"{here}.minDomains", domains, "must be greater than 0"))
        label_selector(errors, f"{here}.labelSelector", item.get("labelSelector"))
