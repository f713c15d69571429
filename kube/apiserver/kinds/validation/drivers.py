"""Rules of storage drivers: CSIDriver, CSINode, CSIStorageCapacity, VolumeAttachment, VolumeAttributesClass."""

from typing import Any

from kube.apiserver.kinds import quantity
from kube.apiserver.kinds.names import label_key_errors, subdomain_errors
from kube.apiserver.kinds.validation.rules import (
    NOT_NEGATIVE,
    Errors,
    each,
    immutable,
    label_selector,
    needed,
    one_of,
)
from kube.apiserver.status import duplicate, invalid_value, required, too_long

Object = dict[str, Any]

_MODES = ("Ephemeral", "Persistent")
_MAX_NAME = 63


def _driver_name(errors: Errors, field: str, name: str) -> None:
    if not name:
        errors.append(required(field))
        return
    if len(name) > _MAX_NAME:
        errors.append(too_long(field, _MAX_NAME))
    each(errors, field, name, subdomain_errors(name.lower()))


def driver(obj: Object, errors: Errors) -> None:
    spec = obj.get("spec") or {}
    _driver_name(errors, "name", (obj.get("metadata") or {}).get("name") or "")
    for field in ("attachRequired", "podInfoOnMount", "storageCapacity"):
        if spec.get(field) is None:
            errors.append(required(f"spec.{field}"))
    policies = ("File", "None", "ReadWriteOnceWithFSType")
    one_of(errors, "spec.fsGroupPolicy", spec.get("fsGroupPolicy"), policies)
    for mode in spec.get("volumeLifecycleModes") or ():
        one_of(errors, "spec.volumeLifecycleModes", mode, _MODES)
    audiences: set[str] = set()
    for index, token in enumerate(spec.get("tokenRequests") or ()):
        where, audience = f"spec.tokenRequests[{index}]", token.get("audience") or ""
        if audience in audiences:
            errors.append(duplicate(f"{where}.audience", audience))
        audiences.add(audience)
        seconds = token.get("expirationSeconds")
        if seconds is not None and seconds < 600:
            detail = "may not specify a duration less than 10 minutes"
            errors.append(invalid_value(f"{where}.expirationSeconds", seconds, detail))


def driver_update(new: Object, old: Object, errors: Errors) -> None:
    spec, before = new.get("spec") or {}, old.get("spec") or {}
    for field in ("attachRequired", "volumeLifecycleModes"):
        immutable(errors, f"spec.{field}", spec.get(field), before.get(field))


def node(obj: Object, errors: Errors) -> None:
    seen: set[str] = set()
    for index, row in enumerate((obj.get("spec") or {}).get("drivers") or ()):
        where, name = f"spec.drivers[{index}]", row.get("name") or ""
        _driver_name(errors, f"{where}.name", name)
        if name in seen:
            errors.append(duplicate(f"{where}.name", name))
        seen.add(name)
        identity = row.get("nodeID") or ""
        if needed(errors, f"{where}.nodeID", identity) and len(identity) > 192:
            detail = "must be 192 characters or less"
            errors.append(invalid_value(f"{where}.nodeID", identity, detail))
        count = (row.get("allocatable") or {}).get("count")
        if count is not None and count < 0:
            errors.append(invalid_value(f"{where}.allocatable.count", count, NOT_NEGATIVE))
        for key in row.get("topologyKeys") or ():
            each(errors, where, key, label_key_errors(key))


def node_update(new: Object, old: Object, errors: Errors) -> None:
    """A driver that is there stays as it is, but for what it can allocate."""

    def fixed(obj: Object) -> dict[str, Object]:
        rows = (obj.get("spec") or {}).get("drivers") or ()
        return {row["name"]: {k: v for k, v in row.items() if k != "allocatable"} for row in rows}

    before = fixed(old)
    for name, row in fixed(new).items():
        if name in before and before[name] != row:
            errors.append(invalid_value("CSINode", row, "field is immutable"))


def capacity(obj: Object, errors: Errors) -> None:
    label_selector(errors, "nodeTopology", obj.get("nodeTopology"))
    needed(errors, "storageClassName", obj.get("storageClassName"))
    for field in ("capacity", "maximumVolumeSize"):
        amount = obj.get(field)
        if amount is not None and quantity.parse(str(amount)).nano < 0:
            errors.append(invalid_value(field, str(amount), NOT_NEGATIVE))


def capacity_update(new: Object, old: Object, errors: Errors) -> None:
    for field in ("nodeTopology", "storageClassName"):
        immutable(errors, field, new.get(field), old.get(field))


def attachment(obj: Object, errors: Errors) -> None:
    spec = obj.get("spec") or {}
    _driver_name(errors, "spec.attacher", spec.get("attacher") or "")
    source = spec.get("source") or {}
    inline, volume = source.get("inlineVolumeSpec"), source.get("persistentVolumeName")
    if inline is None and volume is None:
        errors.append(
            required("spec.source", "must specify exactly one of inlineVolumeSpec and persistentVolumeName")
        )
    elif volume == "":
        errors.append(
            required("spec.source.persistentVolumeName", "must specify non empty persistentVolumeName")
        )
    needed(errors, "spec.nodeName", spec.get("nodeName"))


def attachment_update(new: Object, old: Object, errors: Errors) -> None:
    immutable(errors, "spec", new.get("spec"), old.get("spec"))


def attributes_class(obj: Object, errors: Errors) -> None:
    _driver_name(errors, "driverName", obj.get("driverName") or "")
    if not obj.get("parameters"):
        errors.append(required("parameters", "must contain at least one key/value pair"))


def attributes_class_update(new: Object, old: Object, errors: Errors) -> None:
    for field in ("driverName", "parameters"):
        immutable(errors, field, new.get(field), old.get(field))
