"""What the server makes of a changed object: what only it may set stays, and a wish that differs is a new generation."""

from typing import Any

from kube.apiserver import status
from kube.apiserver.kinds.kind import Kind
from kube.apiserver.kinds.lifecycle.parts import ONLY, copy_field, copy_within, keep_all, only_status

Object = dict[str, Any]
TEMPLATE_GENERATION = "deprecated.daemonset.template.generation"
# What only the server sets: taken from the old object when an update leaves it out.
_SERVER_METADATA = ("uid", "creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds")
_NOT_DESIRE = ("apiVersion", "kind", "metadata", "status")


def prepare_update(kind: Kind, new: Object, old: Object, *, subresource: str = "") -> Object:
    """What an update would store; `new` is changed in place. Returns `old` itself when nothing changes.

    `old` is not changed, but parts of it are shared with the result.
    """
    _keep_metadata(new, old)
    if subresource == "status":
        only_status(kind, new, old)
    elif subresource:
        ONLY.get(subresource, keep_all)(new, old)
    else:
        if kind.has_status:
            copy_field("status", new, old)
        if kind.key == "namespaces":
            copy_within("spec", "finalizers", new, old)
        if kind.key == "nodes" and (old.get("spec") or {}).get("podCIDR"):
            for name in ("podCIDR", "podCIDRs"):
                new.setdefault("spec", {}).setdefault(name, old["spec"].get(name))
        if kind.key == "daemonsets.apps":
            _count_template(new, old)
    if kind.has_generation:
        generation = (old.get("metadata") or {}).get("generation", 0)
        new["metadata"]["generation"] = generation + (1 if _desire(kind, new) != _desire(kind, old) else 0)
    return old if unchanged(new, old) else new


def _count_template(new: Object, old: Object) -> None:
    """The generation of a DaemonSet's template, which clients of old read from an annotation."""
    before = (old["metadata"].get("annotations") or {}).get(TEMPLATE_GENERATION) or "0"
    changed = (new.get("spec") or {}).get("template") != (old.get("spec") or {}).get("template")
    count = int(before) if before.isdecimal() else 0
    metadata = new["metadata"]
    metadata["annotations"] = {
        **(metadata.get("annotations") or {}),
        TEMPLATE_GENERATION: str(count + changed),
    }


def unchanged(new: Object, old: Object) -> bool:
    """Equal but for the times in managedFields and the resource version."""
    return _comparable(new) == _comparable(old)


def check_version(kind: Kind, new: Object, old: Object) -> None:
    """StatusError 409 when the client updated another version, or another object of the same name."""
    given, stored = new.get("metadata") or {}, old.get("metadata") or {}
    name = stored.get("name", "")
    if given.get("uid") and given["uid"] != stored.get("uid"):
        why = f"Precondition failed: UID in precondition: {given['uid']}, UID in object meta: {stored.get('uid')}"
        raise status.conflict(kind.resource, name, why)
    version = given.get("resourceVersion")
    if version in (None, "", "0"):
        if not kind.unconditional_update:
            error = status.invalid_value("metadata.resourceVersion", 0, "must be specified for an update")
            raise status.invalid(kind.group_kind, name, (error,))
        return
    if version != stored.get("resourceVersion"):
        raise status.conflict(kind.resource, name)


def _keep_metadata(new: Object, old: Object) -> None:
    metadata, before = new.setdefault("metadata", {}), old["metadata"]
    metadata.pop("selfLink", None)
    for name in ("generation", "resourceVersion"):
        if name in before:
            metadata[name] = before[name]
        else:
            metadata.pop(name, None)
    for name in _SERVER_METADATA:
        if name in before and not metadata.get(name):
            metadata[name] = before[name]
    for name in ("name", "namespace"):
        if name in before:
            metadata.setdefault(name, before[name])


def _desire(kind: Kind, obj: Object) -> Object:
    """All but metadata and status: a change here counts as a new generation.

    A custom resource whose status is not written apart has no status in this sense.
    """
    wished = {name: value for name, value in obj.items() if name not in _NOT_DESIRE}
    if kind.custom is not None and not kind.has_status:
        wished["status"] = obj.get("status")
    return wished


def _comparable(obj: Object) -> Object:
    metadata = {**(obj.get("metadata") or {})}
    metadata.pop("resourceVersion", None)
    if "managedFields" in metadata:
        metadata["managedFields"] = [{**entry, "time": None} for entry in metadata["managedFields"]]
    return {**obj, "metadata": metadata}
