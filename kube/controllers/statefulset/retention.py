"""Who takes a StatefulSet's claims along when it goes (KEP-1847). Pure: the garbage collector does the rest.

A claim owned by the set goes with the set; one owned by its pod goes when scaling down has ended that pod.
"""

from __future__ import annotations

from typing import Any

from kube.controllers.owners import reference_body
from kube.controllers.statefulset.identity import ordinals
from kube.controllers.statefulset.kinds import ClaimingStatefulSet
from kube.objects import Object, OwnerReference, Pod, Resource


def is_asked_for(one: ClaimingStatefulSet) -> bool:
    policy = one.spec.persistent_volume_claim_retention_policy
    return "Delete" in (policy.when_deleted, policy.when_scaled)


def owner_of_claim(one: ClaimingStatefulSet, ordinal: int, pod: Pod | None) -> Object | None:
    """None: nobody, the claim stays whatever happens."""
    policy = one.spec.persistent_volume_claim_retention_policy
    if policy.when_scaled == "Delete" and ordinal not in ordinals(one):
        return pod
    return one if policy.when_deleted == "Delete" else None


def owners_patch(
    claim: Object, one: ClaimingStatefulSet, pod: Pod | None, owner: Object | None
) -> dict[str, Any] | None:
    """The merge patch that makes `owner` the only one of set and pod that owns the claim; None: it is so."""
    ours = {one.metadata.uid} | ({pod.metadata.uid} if pod is not None else set())
    refs = claim.metadata.owner_references
    stale = [ref for ref in refs if ref.kind == "Pod" and ref.name == _pod_name(one, claim)]
    others = [ref for ref in refs if ref.uid not in ours and ref not in stale]
    wanted = [*others, *([_reference(owner)] if owner is not None else [])]
    if {ref.uid for ref in wanted} == {ref.uid for ref in refs}:
        return None
    return {
        "metadata": {
            "uid": claim.metadata.uid,
            "resourceVersion": claim.metadata.resource_version,
            "ownerReferences": [reference_body(ref) for ref in wanted] or None,
        }
    }


def _pod_name(one: ClaimingStatefulSet, claim: Object) -> str:
    return f"{one.metadata.name}-{claim.metadata.name.rpartition('-')[2]}"


def _reference(owner: Object) -> OwnerReference:
    resource: Resource = owner.resource
    return OwnerReference(
        api_version=resource.api_version,
        kind=resource.kind,
        name=owner.metadata.name,
        uid=owner.metadata.uid,
        controller=resource.kind == "StatefulSet",
    )
