"""What a subresource may change of its object; all else stays as it is stored."""

from collections.abc import Callable, Mapping
from typing import Any

from kube.apiserver.kinds.kind import Kind

Object = dict[str, Any]

# These let a status write change labels and annotations as well.
_METADATA_BY_STATUS = frozenset({"pods", "nodes", "namespaces", "services", "persistentvolumes"})


def only_status(kind: Kind, new: Object, old: Object) -> None:
    for name in [name for name in new if name not in ("apiVersion", "kind", "metadata", "status")]:
        del new[name]
    for name, value in old.items():
        if name not in ("metadata", "status"):
            new[name] = value
    metadata, before = new["metadata"], old["metadata"]
    if kind.custom is not None:
        names: tuple[str, ...] = tuple({*metadata, *before} - {"managedFields"})
    else:
        names = ("ownerReferences", "finalizers") if kind.key in _METADATA_BY_STATUS else ("labels",)
    for name in names:
        if name in before:
            metadata[name] = before[name]
        else:
            metadata.pop(name, None)


def _only_ephemeral_containers(new: Object, old: Object) -> None:
    containers = (new.get("spec") or {}).get("ephemeralContainers")
    keep_all(new, old)
    if containers is not None:
        new["spec"] = {**old["spec"], "ephemeralContainers": containers}


def _only_resources(new: Object, old: Object) -> None:
    """resize: of each container its resources and resize policy."""
    wanted = {c.get("name"): c for c in (new.get("spec") or {}).get("containers") or ()}
    keep_all(new, old)
    containers = []
    for container in old["spec"].get("containers") or ():
        change = wanted.get(container.get("name"), container)
        containers.append({**container, "resources": change.get("resources", {})})
    new["spec"] = {**old["spec"], "containers": containers}


def _only_finalizers(new: Object, old: Object) -> None:
    finalizers = (new.get("spec") or {}).get("finalizers")
    keep_all(new, old)
    spec = {name: value for name, value in (old.get("spec") or {}).items() if name != "finalizers"}
    if finalizers:
        spec["finalizers"] = finalizers
    new["spec"] = spec


def _only_conditions(new: Object, old: Object) -> None:
    """Approval of a certificate request."""
    conditions = (new.get("status") or {}).get("conditions")
    keep_all(new, old)
    new["status"] = {**(old.get("status") or {})}
    if conditions is not None:
        new["status"]["conditions"] = conditions


def keep_all(new: Object, old: Object) -> None:
    for name in [name for name in new if name != "metadata"]:
        del new[name]
    new.update({name: value for name, value in old.items() if name != "metadata"})


ONLY: Mapping[str, Callable[[Object, Object], None]] = {
    "ephemeralcontainers": _only_ephemeral_containers,
    "resize": _only_resources,
    "finalize": _only_finalizers,
    "approval": _only_conditions,
}


def copy_field(name: str, new: Object, old: Object) -> None:
    if name in old:
        new[name] = old[name]
    else:
        new.pop(name, None)


def copy_within(parent: str, name: str, new: Object, old: Object) -> None:
    before = (old.get(parent) or {}).get(name)
    if before is not None:
        new.setdefault(parent, {})[name] = before
    elif parent in new:
        new[parent].pop(name, None)
