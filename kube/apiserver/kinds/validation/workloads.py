"""Rules of the kinds that keep pods running: Deployment, ReplicaSet, StatefulSet, DaemonSet and older ones."""

import re
from collections.abc import Mapping
from typing import Any

from kube.apiserver.kinds.selectors import from_object
from kube.apiserver.kinds.validation.pods import template
from kube.apiserver.kinds.validation.rules import (
    NOT_NEGATIVE,
    Errors,
    immutable,
    label_selector,
    not_negative,
    one_of,
)
from kube.apiserver.status import forbidden_value, invalid_value, required

Object = dict[str, Any]

_PERCENT = re.compile(r"[0-9]+%")
_NOT_A_PERCENT = (
    "a valid percent string must be a numeric string followed by an ending '%' "
    "(e.g. '1%',  or '93%', regex used for validation is '[0-9]+%')"
)


def pod_template(obj: Object, errors: Errors) -> None:
    template(errors, "template", obj.get("template"), restart=("Always", "Never", "OnFailure"))


def deployment(obj: Object, errors: Errors) -> None:
    spec = obj.get("spec") or {}
    _counts(errors, spec, "replicas", "minReadySeconds", "revisionHistoryLimit", "progressDeadlineSeconds")
    _selector_and_template(errors, spec, "deployment")
    strategy = spec.get("strategy") or {}
    kind = strategy.get("type")
    if kind == "Recreate":
        if strategy.get("rollingUpdate") is not None:
            detail = "may not be specified when strategy `type` is 'Recreate'"
            errors.append(forbidden_value("spec.strategy.rollingUpdate", detail))
    elif kind == "RollingUpdate":
        rolling_update(errors, "spec.strategy.rollingUpdate", strategy.get("rollingUpdate"))
    else:
        one_of(errors, "spec.strategy", kind, ("Recreate", "RollingUpdate"))
    deadline_s, ready_s = spec.get("progressDeadlineSeconds"), spec.get("minReadySeconds") or 0
    if deadline_s is not None and deadline_s <= ready_s:
        detail = "must be greater than minReadySeconds"
        errors.append(invalid_value("spec.progressDeadlineSeconds", deadline_s, detail))


def rolling_update(errors: Errors, where: str, update: Mapping[str, Any] | None) -> None:
    if update is None:
        errors.append(required(where, "this should be defaulted and never be nil"))
        return
    unavailable, surge = update.get("maxUnavailable", 0), update.get("maxSurge", 0)
    for name, value in (("maxUnavailable", unavailable), ("maxSurge", surge)):
        int_or_percent(errors, f"{where}.{name}", value)
    if _is_zero(unavailable) and _is_zero(surge):
        detail = "may not be 0 when `maxSurge` is 0"
        errors.append(invalid_value(f"{where}.maxUnavailable", unavailable, detail))
    if isinstance(unavailable, str) and _PERCENT.fullmatch(unavailable) and int(unavailable[:-1]) > 100:
        errors.append(invalid_value(f"{where}.maxUnavailable", unavailable, "must not be greater than 100%"))


def int_or_percent(errors: Errors, where: str, value: Any) -> None:
    if isinstance(value, str):
        if not _PERCENT.fullmatch(value):
            errors.append(invalid_value(where, value, _NOT_A_PERCENT))
    else:
        not_negative(errors, where, value)


def _is_zero(value: Any) -> bool:
    return value in (0, "0%", "0")


def _counts(errors: Errors, spec: Object, *names: str) -> None:
    for name in names:
        not_negative(errors, f"spec.{name}", spec.get(name))


def _selector_and_template(errors: Errors, spec: Object, kind: str) -> None:
    """The selector selects something, and that something includes the template's pods."""
    selector = spec.get("selector")
    if selector is None:
        errors.append(required("spec.selector"))
    else:
        label_selector(errors, "spec.selector", selector)
        if not selector.get("matchLabels") and not selector.get("matchExpressions"):
            errors.append(invalid_value("spec.selector", selector, f"empty selector is invalid for {kind}"))
        elif not _selects(selector, spec):
            labels = ((spec.get("template") or {}).get("metadata") or {}).get("labels")
            detail = "`selector` does not match template `labels`"
            errors.append(invalid_value("spec.template.metadata.labels", labels, detail))
    template(errors, "spec.template", spec.get("template"))


def _selects(selector: Object, spec: Object) -> bool:
    labels = ((spec.get("template") or {}).get("metadata") or {}).get("labels")
    try:
        return from_object(selector).matches(labels)
    except ValueError:
        return True  # label_selector has named it


def replica_set(obj: Object, errors: Errors) -> None:
    spec = obj.get("spec") or {}
    _counts(errors, spec, "replicas", "minReadySeconds")
    _selector_and_template(errors, spec, "deployment")


def replication_controller(obj: Object, errors: Errors) -> None:
    spec = obj.get("spec") or {}
    _counts(errors, spec, "replicas", "minReadySeconds")
    selector = spec.get("selector")
    if not selector:
        errors.append(required("spec.selector"))
    if spec.get("template") is None:
        errors.append(required("spec.template"))
        return
    labels = (spec["template"].get("metadata") or {}).get("labels") or {}
    if selector and any(labels.get(key) != value for key, value in selector.items()):
        detail = "`selector` does not match template `labels`"
        errors.append(invalid_value("spec.template.metadata.labels", labels or None, detail))
    template(errors, "spec.template", spec["template"])


def daemon_set(obj: Object, errors: Errors) -> None:
    spec = obj.get("spec") or {}
    _counts(errors, spec, "minReadySeconds", "revisionHistoryLimit")
    _selector_and_template(errors, spec, "daemonset")
    strategy = spec.get("updateStrategy") or {}
    one_of(errors, "spec.updateStrategy", strategy.get("type"), ("OnDelete", "RollingUpdate"))
    if strategy.get("type") == "RollingUpdate":
        update = strategy.get("rollingUpdate") or {}
        unavailable, surge = update.get("maxUnavailable", 0), update.get("maxSurge", 0)
        where = "spec.updateStrategy.rollingUpdate"
        for name, value in (("maxUnavailable", unavailable), ("maxSurge", surge)):
            int_or_percent(errors, f"{where}.{name}", value)
        if _is_zero(unavailable) and _is_zero(surge):
            detail = "cannot be 0 when maxSurge is 0"
            errors.append(invalid_value(f"{where}.maxUnavailable", unavailable, detail))
        elif not _is_zero(unavailable) and not _is_zero(surge):
            detail = "may not be set when maxUnavailable is non-zero"
            errors.append(invalid_value(f"{where}.maxSurge", surge, detail))


def stateful_set(obj: Object, errors: Errors) -> None:
    spec = obj.get("spec") or {}
    _counts(errors, spec, "replicas", "minReadySeconds", "revisionHistoryLimit")
    one_of(errors, "spec.podManagementPolicy", spec.get("podManagementPolicy"), ("OrderedReady", "Parallel"))
    strategy = spec.get("updateStrategy") or {}
    one_of(errors, "spec.updateStrategy", strategy.get("type"), ("OnDelete", "RollingUpdate"))
    partition = (strategy.get("rollingUpdate") or {}).get("partition")
    not_negative(errors, "spec.updateStrategy.rollingUpdate.partition", partition)
    most = (strategy.get("rollingUpdate") or {}).get("maxUnavailable")
    if most is not None:
        int_or_percent(errors, "spec.updateStrategy.rollingUpdate.maxUnavailable", most)
    _selector_and_template(errors, _with_claimed_volumes(spec), "statefulset")


def _with_claimed_volumes(spec: Object) -> Object:
    """As the pods will be: each claim template is a volume that containers may mount."""
    names = [(claim.get("metadata") or {}).get("name") for claim in spec.get("volumeClaimTemplates") or ()]
    pod = (spec.get("template") or {}).get("spec")
    if not names or pod is None:
        return spec
    kept = [volume for volume in pod.get("volumes") or () if volume.get("name") not in names]
    claimed = [{"name": name, "persistentVolumeClaim": {"claimName": name}} for name in names]
    return {**spec, "template": {**spec["template"], "spec": {**pod, "volumes": [*kept, *claimed]}}}


_STATEFUL_CHANGES = (
    "replicas",
    "ordinals",
    "template",
    "updateStrategy",
    "revisionHistoryLimit",
    "persistentVolumeClaimRetentionPolicy",
    "minReadySeconds",
)


def stateful_set_update(new: Object, old: Object, errors: Errors) -> None:
    def fixed(obj: Object) -> Object:
        return {
            name: value for name, value in (obj.get("spec") or {}).items() if name not in _STATEFUL_CHANGES
        }

    if fixed(new) != fixed(old):
        names = ", ".join(f"'{name}'" for name in _STATEFUL_CHANGES[:-1])
        detail = (
            f"updates to statefulset spec for fields other than {names} and "
            f"'{_STATEFUL_CHANGES[-1]}' are forbidden"
        )
        errors.append(forbidden_value("spec", detail))


def revision(obj: Object, errors: Errors) -> None:
    number = obj.get("revision") or 0
    if number < 0:
        errors.append(invalid_value("revision", number, NOT_NEGATIVE))


def revision_update(new: Object, old: Object, errors: Errors) -> None:
    immutable(errors, "data", new.get("data"), old.get("data"))


def same_selector(new: Object, old: Object, errors: Errors) -> None:
    selector = (new.get("spec") or {}).get("selector")
    immutable(errors, "spec.selector", selector, (old.get("spec") or {}).get("selector"))
