"""Writes the tables of docs/controllers.md from the kinds the controllers read and their options; `--check` compares."""

import sys
from collections.abc import Iterator
from types import UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

import msgspec

from kube.apiserver.kinds import disk, kind_at
from kube.controllers.autoscaler.kinds import Autoscaler
from kube.controllers.cronjob.kinds import RecurringJob
from kube.controllers.job.kinds import TrackedJob
from kube.controllers.options import ControllerOptions
from kube.controllers.quota.kinds import ResourceQuota
from kube.controllers.statefulset.kinds import ClaimingStatefulSet
from kube.ingress.kinds import IngressClass
from kube.objects import (
    DaemonSet,
    Deployment,
    Ingress,
    LabelSelector,
    PersistentVolume,
    PersistentVolumeClaim,
    PodDisruptionBudget,
    ReplicaSet,
    Service,
    StorageClass,
)
from kube.objects.value import Object, json_name
from tools.generated_page import GeneratedPage, table

_KINDS: tuple[type[Object], ...] = (
    Deployment,
    ReplicaSet,
    ClaimingStatefulSet,
    DaemonSet,
    TrackedJob,
    RecurringJob,
    Autoscaler,
    PodDisruptionBudget,
    Service,
    Ingress,
    IngressClass,
    PersistentVolumeClaim,
    PersistentVolume,
    StorageClass,
    ResourceQuota,
)
_ELSEWHERE = {
    ("PodDisruptionBudget", "spec.unhealthyPodEvictionPolicy")
}  # the API server acts on it, in evictions
_NOT_SPEC = frozenset({"metadata", "status", "apiVersion", "kind"})


def _struct_of(hint: Any) -> type[msgspec.Struct] | None:
    """The struct inside optional and tuple types."""
    if isinstance(hint, type) and issubclass(hint, msgspec.Struct):
        return hint
    if get_origin(hint) in (Union, UnionType, tuple):
        return next((found for part in get_args(hint) if (found := _struct_of(part))), None)
    return None


def _read(struct: type[msgspec.Struct]) -> dict[str, type[msgspec.Struct] | None]:
    """JSON names of a struct's fields, with the struct behind each that is one."""
    hints = get_type_hints(struct)
    return {json_name(name): _struct_of(hints[name]) for name in struct.__struct_fields__}


def _definition(part: Any) -> str:
    """The named type of a schema's property, or of its items."""
    reference = part.get("$ref") or (part.get("items") or {}).get("$ref") or ""
    return reference.rpartition("/")[2]


def _fields(struct: type[msgspec.Struct], definition: str, path: str = "") -> Iterator[tuple[str, bool]]:
    """Each field of the type by path, and whether it is read here; below what is not read nothing is listed."""
    known = _read(struct)
    for name, part in sorted(disk.definitions()[definition].get("properties", {}).items()):
        if not path and name in _NOT_SPEC:
            continue
        where = f"{path}.{name}" if path else name
        below, inner = known.get(name), _definition(part)
        if name in known and below not in (None, LabelSelector) and inner in disk.definitions():
            assert below is not None
            yield from _fields(below, inner, where)
        else:
            yield where, name in known


def fields() -> str:
    lines = []
    for cls in _KINDS:
        resource = cls.resource
        kind = kind_at(resource.group, resource.version, resource.plural)
        assert kind is not None
        found = list(_fields(cls, kind.definition))
        lines.append(f"### {resource.kind} ({resource.api_version})\n")
        for title, wanted in (("acted on", True), ("stored and validated only", False)):
            names = [
                f"`{path.removeprefix('spec.')}`"
                for path, read in found
                if (read or (resource.kind, path) in _ELSEWHERE) == wanted
            ]
            if names:
                lines.append(f"- {title}: {', '.join(names)}")
        lines.append("")
    return "\n" + "\n".join(lines) + "\n"


def options() -> str:
    default, lab = ControllerOptions(), ControllerOptions.named("lab")
    rows = (
        (f"`{name}`", repr(getattr(default, name)), repr(getattr(lab, name)))
        for name in ControllerOptions.__struct_fields__
        if getattr(default, name) != getattr(lab, name)
    )
    return table(("option", "default", "lab"), rows)


PAGE = GeneratedPage("controllers.md", {"fields": fields, "options": options})


if __name__ == "__main__":
    sys.exit(PAGE.main())
