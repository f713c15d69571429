"""Rules of volumes, claims and storage classes."""

from typing import Any

from kube.apiserver.kinds import quantity
from kube.apiserver.kinds.validation.rules import Errors, immutable, label_selector, needed, one_of
from kube.apiserver.status import forbidden_value, invalid_value, required

Object = dict[str, Any]

ACCESS_MODES = ("ReadOnlyMany", "ReadWriteMany", "ReadWriteOnce", "ReadWriteOncePod")
_CLAIM_SEALED = "spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims"


def _modes(errors: Errors, spec: Object) -> None:
    modes = spec.get("accessModes") or ()
    if not modes:
        errors.append(required("spec.accessModes", "at least 1 access mode is required"))
    for mode in modes:
        one_of(errors, "spec.accessModes", mode, ACCESS_MODES)


def _amount(errors: Errors, field: str, amount: Any) -> None:
    if amount is not None and quantity.parse(str(amount)).nano <= 0:
        errors.append(invalid_value(field, str(amount), "must be greater than zero"))


def volume(obj: Object, errors: Errors) -> None:
    spec = obj.get("spec") or {}
    _modes(errors, spec)
    capacity = spec.get("capacity") or {}
    if not capacity:
        errors.append(required("spec.capacity"))
    elif "storage" not in capacity:
        errors.append(required("spec.capacity[storage]"))
    _amount(errors, "spec.capacity[storage]", capacity.get("storage"))
    policies = ("Delete", "Recycle", "Retain")
    one_of(errors, "spec.persistentVolumeReclaimPolicy", spec.get("persistentVolumeReclaimPolicy"), policies)
    one_of(errors, "spec.volumeMode", spec.get("volumeMode"), ("Block", "Filesystem"))


def volume_update(new: Object, old: Object, errors: Errors) -> None:
    spec, before = new.get("spec") or {}, old.get("spec") or {}
    immutable(errors, "spec.volumeMode", spec.get("volumeMode"), before.get("volumeMode"))


def claim(obj: Object, errors: Errors) -> None:
    spec = obj.get("spec") or {}
    _modes(errors, spec)
    label_selector(errors, "spec.selector", spec.get("selector"))
    requests = (spec.get("resources") or {}).get("requests") or {}
    if "storage" not in requests:
        errors.append(required("spec.resources[storage]"))
    _amount(errors, "spec.resources[storage]", requests.get("storage"))
    one_of(errors, "spec.volumeMode", spec.get("volumeMode"), ("Block", "Filesystem"))


def claim_update(new: Object, old: Object, errors: Errors) -> None:
    """Binding sets the volume's name; a bound claim may grow; nothing else changes."""
    spec, before = new.get("spec") or {}, old.get("spec") or {}

    def fixed(item: Object) -> Object:
        free = ("resources", "volumeAttributesClassName")
        left = {name: value for name, value in item.items() if name not in free}
        if not before.get("volumeName"):
            left.pop("volumeName", None)
        if not before.get("storageClassName"):
            left.pop("storageClassName", None)
        return left

    if fixed(spec) != fixed(before):
        errors.append(forbidden_value("spec", _CLAIM_SEALED))
    asked = ((spec.get("resources") or {}).get("requests") or {}).get("storage")
    stored = ((before.get("resources") or {}).get("requests") or {}).get("storage")
    if asked is not None and stored is not None:
        held = ((old.get("status") or {}).get("capacity") or {}).get("storage") or stored
        wish, wished, least = (quantity.parse(str(each)).nano for each in (asked, stored, held))
        # What was asked for may be less than what was got: only a smaller wish is refused.
        if wish < wished and wish < least:
            detail = "field can not be less than status.capacity"
            errors.append(forbidden_value("spec.resources.requests.storage", detail))


def storage_class(obj: Object, errors: Errors) -> None:
    needed(errors, "provisioner", obj.get("provisioner"))
    one_of(errors, "reclaimPolicy", obj.get("reclaimPolicy"), ("Delete", "Retain"))
    modes = ("Immediate", "WaitForFirstConsumer")
    one_of(errors, "volumeBindingMode", obj.get("volumeBindingMode"), modes)


def storage_class_update(new: Object, old: Object, errors: Errors) -> None:
    if (new.get("parameters") or {}) != (old.get("parameters") or {}):
        errors.append(forbidden_value("parameters", "updates to parameters are forbidden."))
    if new.get("provisioner") != old.get("provisioner"):
        errors.append(forbidden_value("provisioner", "updates to provisioner are forbidden."))
    immutable(errors, "reclaimPolicy", new.get("reclaimPolicy"), old.get("reclaimPolicy"))
    immutable(errors, "volumeBindingMode", new.get("volumeBindingMode"), old.get("volumeBindingMode"))
