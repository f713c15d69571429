"""What of a pod may change after its creation: very little."""

from collections.abc import Sequence
from typing import Any

from kube.apiserver.kinds.validation import scheduling
from kube.apiserver.kinds.validation.rules import Errors
from kube.apiserver.status import forbidden_value, invalid_value, required

Object = dict[str, Any]

_ONLY = (
    "pod updates may not change fields other than `spec.containers[*].image`,"
    "`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,"
    "`spec.tolerations` (only additions to existing tolerations),"
    "`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)"
)
_GATED = ("nodeSelector", "affinity")


def pod(new: Object, old: Object, errors: Errors) -> None:
    spec, before = new.get("spec") or {}, old.get("spec") or {}
    if spec == before:
        return
    for group in ("containers", "initContainers"):
        if len(spec.get(group) or ()) != len(before.get(group) or ()):
            errors.append(forbidden_value(f"spec.{group}", "pod updates may not add or remove containers"))
            return
        for index, item in enumerate(spec.get(group) or ()):
            if not item.get("image"):
                errors.append(required(f"spec.{group}[{index}].image"))
    _deadline(errors, spec, before)
    _tolerations(errors, spec.get("tolerations") or [], before.get("tolerations") or [])
    _gates(errors, spec, before)
    if _fixed(spec, before) != _fixed(before, before):
        errors.append(forbidden_value("spec", _ONLY))


def _deadline(errors: Errors, spec: Object, before: Object) -> None:
    now_s, old_s = spec.get("activeDeadlineSeconds"), before.get("activeDeadlineSeconds")
    field = "spec.activeDeadlineSeconds"
    if now_s is not None:
        if now_s < 1:
            errors.append(invalid_value(field, now_s, "must be between 1 and 2147483647, inclusive"))
        elif old_s is not None and now_s > old_s:
            errors.append(invalid_value(field, now_s, "must be less than or equal to previous value"))
    elif old_s is not None:
        errors.append(invalid_value(field, None, "must not update from a positive integer to nil value"))


def _tolerations(errors: Errors, new: Sequence[Object], old: Sequence[Object]) -> None:
    """Old ones stay, but for tolerationSeconds; new ones may come."""

    def key(item: Object) -> Object:
        return {name: value for name, value in item.items() if name != "tolerationSeconds"}

    present = [key(item) for item in new]
    if any(key(item) not in present for item in old):
        detail = "existing toleration can not be modified except its tolerationSeconds"
        errors.append(forbidden_value("spec.tolerations", detail))
    if new != old:
        scheduling.tolerations(errors, "spec.tolerations", new)


def _gates(errors: Errors, spec: Object, before: Object) -> None:
    old = before.get("schedulingGates") or []
    added = [gate for gate in spec.get("schedulingGates") or () if gate not in old]
    if added:
        detail = "only deletion is allowed, but found new scheduling gate"
        errors.append(forbidden_value("spec.schedulingGates", f"{detail} '{added[0].get('name')}'"))


def _fixed(spec: Object, before: Object) -> Object:
    """The spec without what may change; `before` says what state the pod is in."""
    fixed = {
        name: value
        for name, value in spec.items()
        if name not in ("activeDeadlineSeconds", "tolerations", "schedulingGates")
    }
    for group in ("containers", "initContainers"):
        if fixed.get(group):
            fixed[group] = [{**item, "image": ""} for item in fixed[group]]
    if (before.get("terminationGracePeriodSeconds") or 0) < 0 and spec.get(
        "terminationGracePeriodSeconds"
    ) in (
        1,
        before.get("terminationGracePeriodSeconds"),
    ):
        fixed.pop("terminationGracePeriodSeconds", None)
    if before.get("schedulingGates"):
        for name in _GATED:
            fixed.pop(name, None)
    return fixed
