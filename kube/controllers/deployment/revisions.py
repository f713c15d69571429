"""Which ReplicaSet belongs to which template, and in what order they came."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from kube.controllers.owners import controller_reference
from kube.objects import Deployment, ReplicaSet

HASH_LABEL = "pod-template-hash"
REVISION = "deployment.kubernetes.io/revision"
REVISION_HISTORY = "deployment.kubernetes.io/revision-history"
DESIRED_REPLICAS = "deployment.kubernetes.io/desired-replicas"
MAX_REPLICAS = "deployment.kubernetes.io/max-replicas"

_OWN = frozenset({REVISION, REVISION_HISTORY, DESIRED_REPLICAS, MAX_REPLICAS})
_NOT_COPIED = frozenset(
    {*_OWN, "kubectl.kubernetes.io/last-applied-configuration", "deprecated.deployment.rollback.to"}
)
# The letters of generated names (no vowels: no words).
_SAFE = "bcdfghjklmnpqrstvwxz2456789"


def canonical(value: Any) -> Any:
    """Without nulls, which some writers send for what is absent."""
    if isinstance(value, dict):
        return {key: canonical(item) for key, item in value.items() if item is not None}
    if isinstance(value, list):
        return [canonical(item) for item in value]
    return value


def same_template(one: dict[str, Any], other: dict[str, Any]) -> bool:
    """Equal but for the hash label, whoever computed it."""
    return bool(_without_hash(one) == _without_hash(other))


def _without_hash(template: dict[str, Any]) -> Any:
    whole = canonical(template)
    meta = whole.get("metadata") or {}
    labels = {key: value for key, value in (meta.get("labels") or {}).items() if key != HASH_LABEL}
    return {**whole, "metadata": {**meta, "labels": labels}}


def template_hash(template: dict[str, Any], collision_count: int | None) -> str:
    """Stable for equal templates; ten letters at most, as users know it."""
    text = msgspec.json.encode(canonical(template), order="deterministic")
    digest = hashlib.blake2s(text + str(collision_count or "").encode(), digest_size=4).digest()
    return "".join(_SAFE[int(digit)] for digit in str(int.from_bytes(digest, "big")))


def revision_of(replica_set: ReplicaSet) -> int:
    try:
        return int(replica_set.metadata.annotations.get(REVISION, "0"))
    except ValueError:
        return 0


def created_order(replica_set: ReplicaSet) -> tuple[str, str]:
    return replica_set.metadata.creation_timestamp or "", replica_set.metadata.name


def find_new(deployment: Deployment, replica_sets: Iterable[ReplicaSet]) -> ReplicaSet | None:
    """The oldest with the Deployment's template: all must agree on one, even if two were made by mistake."""
    same = (one for one in replica_sets if same_template(one.spec.template, deployment.spec.template))
    return min(same, key=created_order, default=None)


def next_revision(old: Sequence[ReplicaSet]) -> int:
    return max((revision_of(one) for one in old), default=0) + 1


def copied_annotations(deployment: Deployment) -> dict[str, str]:
    return {key: value for key, value in deployment.metadata.annotations.items() if key not in _NOT_COPIED}


def revised_annotations(deployment: Deployment, new: ReplicaSet, revision: int) -> dict[str, str]:
    """What the new ReplicaSet should carry; a revision that is taken up again leaves its old number in the history."""
    annotations = {**new.metadata.annotations, **copied_annotations(deployment)}
    known = revision_of(new)
    if known < revision:
        annotations[REVISION] = str(revision)
        if known:
            history = annotations.get(REVISION_HISTORY)
            annotations[REVISION_HISTORY] = f"{history},{known}" if history else str(known)
    return annotations


def scale_annotations(desired: int, surge: int) -> dict[str, str]:
    return {DESIRED_REPLICAS: str(desired), MAX_REPLICAS: str(desired + surge)}


def replica_set_body(deployment: Deployment, replicas: int, revision: int, surge: int) -> dict[str, Any]:
    """The ReplicaSet of the Deployment's present template."""
    template = deployment.spec.template
    digest = template_hash(template, deployment.status.collision_count)
    meta = template.get("metadata") or {}
    labels = {**(meta.get("labels") or {}), HASH_LABEL: digest}
    selector: dict[str, Any] = msgspec.to_builtins(deployment.spec.selector)
    selector["matchLabels"] = {**(selector.get("matchLabels") or {}), HASH_LABEL: digest}
    spec: dict[str, Any] = {
        "replicas": replicas,
        "selector": selector,
        "template": {**template, "metadata": {**meta, "labels": labels}},
    }
    if deployment.spec.min_ready_seconds:
        spec["minReadySeconds"] = deployment.spec.min_ready_seconds
    annotations = {
        **copied_annotations(deployment),
        REVISION: str(revision),
        **scale_annotations(deployment.spec.replicas, surge),
    }
    return {
        "metadata": {
            "name": f"{deployment.metadata.name}-{digest}",
            "namespace": deployment.metadata.namespace,
            "labels": labels,
            "annotations": annotations,
            "ownerReferences": [controller_reference(deployment)],
        },
        "spec": spec,
    }
