"""Which fields can be owned: not an object's identity, nor what the server alone sets."""

from collections.abc import Iterable
from typing import Any

from kube.apiserver.kinds.kind import Kind
from kube.apiserver.kinds.managed_fields.field_set import FieldSet, Path, paths_of
from kube.apiserver.kinds.managed_fields.structure import Structure, of_definition

Object = dict[str, Any]

SERVER_METADATA = (
    "name",
    "namespace",
    "creationTimestamp",
    "selfLink",
    "uid",
    "clusterName",
    "generation",
    "managedFields",
    "resourceVersion",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
)
_NEVER = frozenset(
    {("f:apiVersion",), ("f:kind",), *(("f:metadata", f"f:{name}") for name in SERVER_METADATA)}
)


def structure_of(kind: Kind) -> Structure:
    return kind.custom.structure if kind.custom is not None else of_definition(kind.definition)


def ownable(kind: Kind, paths: Iterable[Path], subresource: str = "") -> FieldSet:
    """The paths that a write to the subresource can own."""
    return frozenset(path for path in paths if _counts(kind, path, subresource))


def _counts(kind: Kind, path: Path, subresource: str) -> bool:
    if path[:1] in _NEVER or path[:2] in _NEVER or path == ("f:metadata",):
        return False
    is_status = path[0] == "f:status"
    if subresource == "status":
        return is_status or path[0] == "f:metadata"
    return not (is_status and kind.has_status)


def fields_of(kind: Kind, obj: Object, subresource: str = "") -> FieldSet:
    return ownable(kind, paths_of(obj, structure_of(kind)), subresource)
