"""Rules of leases, classes of priority and run time, budgets and autoscalers."""

from typing import Any

from kube.apiserver.kinds.names import label_errors
from kube.apiserver.kinds.validation.rules import (
    Errors,
    each,
    immutable,
    label_selector,
    needed,
    not_negative,
    one_of,
)
from kube.apiserver.kinds.validation.workloads import int_or_percent
from kube.apiserver.status import forbidden_value, invalid_value

Object = dict[str, Any]

HIGHEST_USER_PRIORITY = 1_000_000_000
_SYSTEM_CLASSES = {"system-cluster-critical": 2_000_000_000, "system-node-critical": 2_000_001_000}


def lease(obj: Object, errors: Errors) -> None:
    spec = obj.get("spec") or {}
    duration_s = spec.get("leaseDurationSeconds")
    if duration_s is not None and duration_s <= 0:
        errors.append(invalid_value("spec.leaseDurationSeconds", duration_s, "must be greater than 0"))
    transitions = spec.get("leaseTransitions")
    if transitions is not None and transitions < 0:
        detail = "must be greater than or equal to 0"
        errors.append(invalid_value("spec.leaseTransitions", transitions, detail))


def priority_class(obj: Object, errors: Errors) -> None:
    name, value = (obj.get("metadata") or {}).get("name") or "", obj.get("value") or 0
    if name.startswith("system-"):
        if _SYSTEM_CLASSES.get(name) != value:
            detail = (
                "priority class names with 'system-' prefix are reserved for system use only. error: "
                f"{name} is not a known system priority class"
            )
            errors.append(forbidden_value("metadata.name", detail))
    elif value > HIGHEST_USER_PRIORITY:
        detail = f"maximum allowed value of a user defined priority is {HIGHEST_USER_PRIORITY}"
        errors.append(forbidden_value("value", detail))
    policies = ("Never", "PreemptLowerPriority")
    one_of(errors, "preemptionPolicy", obj.get("preemptionPolicy"), policies)


def priority_class_update(new: Object, old: Object, errors: Errors) -> None:
    if (new.get("value") or 0) != (old.get("value") or 0):
        errors.append(forbidden_value("value", "may not be changed in an update."))
    immutable(errors, "preemptionPolicy", new.get("preemptionPolicy"), old.get("preemptionPolicy"))


def runtime_class(obj: Object, errors: Errors) -> None:
    handler = obj.get("handler") or ""
    each(errors, "handler", handler, label_errors(handler))


def runtime_class_update(new: Object, old: Object, errors: Errors) -> None:
    immutable(errors, "handler", new.get("handler"), old.get("handler"))


def disruption_budget(obj: Object, errors: Errors) -> None:
    spec = obj.get("spec") or {}
    least, most = spec.get("minAvailable"), spec.get("maxUnavailable")
    if least is not None and most is not None:
        detail = "minAvailable and maxUnavailable cannot be both set"
        errors.append(invalid_value("spec", spec, detail))
    for name, value in (("minAvailable", least), ("maxUnavailable", most)):
        if value is not None:
            int_or_percent(errors, f"spec.{name}", value)
    label_selector(errors, "spec.selector", spec.get("selector"))


def autoscaler(obj: Object, errors: Errors) -> None:
    spec = obj.get("spec") or {}
    least, most = spec.get("minReplicas"), spec.get("maxReplicas") or 0
    if least is not None and least < 1:
        errors.append(invalid_value("spec.minReplicas", least, "must be greater than or equal to 1"))
    if most < 1:
        errors.append(invalid_value("spec.maxReplicas", most, "must be greater than 0"))
    if least is not None and most < least:
        detail = "must be greater than or equal to `minReplicas`"
        errors.append(invalid_value("spec.maxReplicas", most, detail))
    target = spec.get("scaleTargetRef") or {}
    for name in ("kind", "name"):
        needed(errors, f"spec.scaleTargetRef.{name}", target.get(name))
    for name in ("scaleUp", "scaleDown"):
        rules = (spec.get("behavior") or {}).get(name) or {}
        field = f"spec.behavior.{name}.stabilizationWindowSeconds"
        not_negative(errors, field, rules.get("stabilizationWindowSeconds"))
