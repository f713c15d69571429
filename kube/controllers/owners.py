"""Who controls what: owner references as the controllers read and write them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeVar

from kube.controllers.mirror import Mirror
from kube.objects import Object, OwnerReference, Pod

T = TypeVar("T", bound=Object)


def controller_of(obj: Object) -> OwnerReference | None:
    return next((ref for ref in obj.metadata.owner_references if ref.controller), None)


def controlled_by(obj: Object) -> Iterable[str]:
    """Index: the controller's uid."""
    ref = controller_of(obj)
    return (ref.uid,) if ref is not None else ()


def orphan_in(obj: Object) -> Iterable[str]:
    """Index: the namespace of an object that nothing controls."""
    return () if controller_of(obj) is not None else (obj.metadata.namespace,)


def concerned(
    sets: Mirror[T], old: Pod | None, new: Pod | None, may_adopt: Callable[[T, Pod], bool]
) -> Iterator[T]:
    """Whom a change of a pod concerns: its controllers, and those that may adopt it where it has none.

    `sets` is indexed by "uid" and "namespace".
    """
    for pod in (old, new):
        ref = controller_of(pod) if pod is not None else None
        yield from sets.by("uid", ref.uid) if ref is not None else ()
    if new is not None and controller_of(new) is None:
        yield from (one for one in sets.by("namespace", new.metadata.namespace) if may_adopt(one, new))


def controller_reference(owner: Object) -> dict[str, Any]:
    return {
        "apiVersion": owner.resource.api_version,
        "kind": owner.resource.kind,
        "name": owner.metadata.name,
        "uid": owner.metadata.uid,
        "controller": True,
        "blockOwnerDeletion": True,
    }


def reference_body(ref: OwnerReference) -> dict[str, Any]:
    body: dict[str, Any] = {"apiVersion": ref.api_version, "kind": ref.kind, "name": ref.name, "uid": ref.uid}
    if ref.controller:
        body["controller"] = True
    if ref.block_owner_deletion:
        body["blockOwnerDeletion"] = True
    return body


def adopted(obj: Object, owner: Object) -> dict[str, Any]:
    """The merge patch that makes `owner` the controller; the revision guards against a rival."""
    refs = [reference_body(ref) for ref in obj.metadata.owner_references]
    return {
        "metadata": {
            "uid": obj.metadata.uid,
            "resourceVersion": obj.metadata.resource_version,
            "ownerReferences": [*refs, controller_reference(owner)],
        }
    }


def without_owners(obj: Object, uids: Iterable[str]) -> dict[str, Any]:
    """The merge patch that takes these owners away."""
    gone = set(uids)
    refs = [reference_body(ref) for ref in obj.metadata.owner_references if ref.uid not in gone]
    return {
        "metadata": {
            "uid": obj.metadata.uid,
            "resourceVersion": obj.metadata.resource_version,
            "ownerReferences": refs or None,
        }
    }
