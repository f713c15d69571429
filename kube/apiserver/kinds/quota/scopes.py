"""Which objects a quota counts: its scopes, which are about pods."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from kube.apiserver.kinds.lifecycle.pods import qos_class
from kube.apiserver.kinds.quota.usage import PODS

Object = dict[str, Any]


def counts(quota: Object, key: str, obj: Object) -> bool:
    """A quota with scopes counts nothing but pods."""
    spec = quota.get("spec") or {}
    scopes = spec.get("scopes") or ()
    selectors = (spec.get("scopeSelector") or {}).get("matchExpressions") or ()
    if not scopes and not selectors:
        return True
    if key != PODS:
        return False
    return all(_in_scope(obj, scope, "Exists", ()) for scope in scopes) and all(
        _in_scope(obj, row.get("scopeName", ""), row.get("operator", ""), row.get("values") or ())
        for row in selectors
    )


def _in_scope(pod: Object, scope: str, operator: str, values: Iterable[str]) -> bool:
    if scope == "PriorityClass":
        return _by_priority((pod.get("spec") or {}).get("priorityClassName") or "", operator, values)
    test = _SCOPES.get(scope)
    return test is not None and test(pod)


def _by_priority(name: str, operator: str, values: Iterable[str]) -> bool:
    match operator:
        case "In":
            return name in values
        case "NotIn":
            return name not in values
        case "Exists":
            return bool(name)
        case "DoesNotExist":
            return not name
        case _:
            return False


def _terminating(pod: Object) -> bool:
    seconds = (pod.get("spec") or {}).get("activeDeadlineSeconds")
    return seconds is not None and int(seconds) >= 0


def _best_effort(pod: Object) -> bool:
    return qos_class(pod.get("spec") or {}) == "BestEffort"


def _crosses_namespaces(pod: Object) -> bool:
    """An affinity term that looks at pods of other namespaces."""
    affinity = (pod.get("spec") or {}).get("affinity") or {}
    for kind in ("podAffinity", "podAntiAffinity"):
        rules = affinity.get(kind) or {}
        terms = list(rules.get("requiredDuringSchedulingIgnoredDuringExecution") or ())
        preferred = rules.get("preferredDuringSchedulingIgnoredDuringExecution") or ()
        terms += [row.get("podAffinityTerm") or {} for row in preferred]
        if any(term.get("namespaces") or term.get("namespaceSelector") is not None for term in terms):
            return True
    return False


_SCOPES: Mapping[str, Callable[[Object], bool]] = {
    "Terminating": _terminating,
    "NotTerminating": lambda pod: not _terminating(pod),
    "BestEffort": _best_effort,
    "NotBestEffort": lambda pod: not _best_effort(pod),
    "CrossNamespacePodAffinity": _crosses_namespaces,
}
