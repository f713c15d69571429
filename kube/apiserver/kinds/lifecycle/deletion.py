"""What the server makes of an object that is deleted: it stays while somebody has to finish something."""

from typing import Any

from kube.apiserver.customresources import naming
from kube.apiserver.kinds.kind import Kind
from kube.apiserver.kinds.lifecycle import pods

Object = dict[str, Any]

ORPHAN = "orphan"
FOREGROUND = "foregroundDeletion"


def prepare_delete(
    kind: Kind,
    obj: Object,
    *,
    now: str,
    grace_period_s: int | None = None,
    propagation: str | None = None,
) -> Object | None:
    """The object as it stays while its deletion waits for finalizers or a grace period; None: remove it now.

    `now` is RFC 3339 text. Returns `obj` itself when it already waits and nothing changes.
    """
    metadata = obj.get("metadata") or {}
    if kind.key == "customresourcedefinitions.apiextensions.k8s.io" and not metadata.get("deletionTimestamp"):
        obj = naming.ending(obj, now)
        metadata = obj["metadata"]
    finalizers = _finalizers_for(metadata.get("finalizers") or [], propagation)
    grace_s = pods.grace_period_s(obj, grace_period_s) if kind.key == "pods" else 0
    held = bool(finalizers) or (kind.key == "namespaces" and bool((obj.get("spec") or {}).get("finalizers")))
    if not grace_s and not held:
        return None
    if metadata.get("deletionTimestamp"):
        before_s = metadata.get("deletionGracePeriodSeconds") or 0
        if finalizers == (metadata.get("finalizers") or []) and (
            grace_s >= before_s or grace_period_s is None
        ):
            return obj
        grace_s = min(grace_s, before_s)
    return _marked(kind, obj, now, grace_s, finalizers)


def _marked(kind: Kind, obj: Object, now: str, grace_s: int, finalizers: list[str]) -> Object:
    metadata = {**obj["metadata"]}
    first = "deletionTimestamp" not in metadata
    if first or grace_s != metadata.get("deletionGracePeriodSeconds"):
        metadata["deletionTimestamp"] = pods.add_seconds(now, grace_s)
        metadata["deletionGracePeriodSeconds"] = grace_s
    if first and metadata.get("generation"):
        metadata["generation"] += 1
    metadata.pop("finalizers", None)
    if finalizers:
        metadata["finalizers"] = finalizers
    result = {**obj, "metadata": metadata}
    if kind.key == "namespaces":
        result["status"] = {**(obj.get("status") or {}), "phase": "Terminating"}
    return result


def _finalizers_for(finalizers: list[str], propagation: str | None) -> list[str]:
    if propagation is None:
        return finalizers
    kept = [name for name in finalizers if name not in (ORPHAN, FOREGROUND)]
    if propagation == "Orphan":
        kept.append(ORPHAN)
    elif propagation == "Foreground":
        kept.append(FOREGROUND)
    return kept


def finished(kind: Kind, obj: Object) -> bool:
    """True when an object under deletion has nothing left to wait for: remove it instead of storing it."""
    metadata = obj.get("metadata") or {}
    if not metadata.get("deletionTimestamp") or metadata.get("finalizers"):
        return False
    if metadata.get("deletionGracePeriodSeconds"):
        return False
    return kind.key != "namespaces" or not (obj.get("spec") or {}).get("finalizers")
