"""The fixed part of a StatefulSet's pod: its name, its labels, its claims. Pure."""

from __future__ import annotations

from typing import Any

from kube.controllers.history.plan import HASH_LABEL
from kube.controllers.owners import controller_reference
from kube.controllers.statefulset.kinds import ClaimingStatefulSet
from kube.objects import Pod

POD_NAME = "statefulset.kubernetes.io/pod-name"
POD_INDEX = "apps.kubernetes.io/pod-index"


def ordinals(one: ClaimingStatefulSet) -> range:
    start = one.spec.ordinals.start if one.spec.ordinals is not None else 0
    return range(start, start + one.spec.replicas)


def is_named_for(one: ClaimingStatefulSet, pod: Pod) -> bool:
    return ordinal_of(one, pod) is not None


def ordinal_of(one: ClaimingStatefulSet, pod: Pod) -> int | None:
    """None for a pod that is not named like ours."""
    parent, _, number = pod.metadata.name.rpartition("-")
    return int(number) if parent == one.metadata.name and number.isdigit() else None


def claim_name(one: ClaimingStatefulSet, template: dict[str, Any], ordinal: int) -> str:
    return f"{template['metadata']['name']}-{one.metadata.name}-{ordinal}"


def claim_bodies(one: ClaimingStatefulSet, ordinal: int) -> list[dict[str, Any]]:
    """They outlive the pods, and by default the set."""
    return [
        {
            "metadata": {
                "name": claim_name(one, template, ordinal),
                "namespace": one.metadata.namespace,
                "labels": {**(template["metadata"].get("labels") or {}), **one.spec.selector.match_labels},
                "annotations": template["metadata"].get("annotations") or {},
            },
            "spec": template.get("spec") or {},
        }
        for template in one.spec.volume_claim_templates
    ]


def pod_body(
    one: ClaimingStatefulSet, template: dict[str, Any], ordinal: int, revision: str
) -> dict[str, Any]:
    name = f"{one.metadata.name}-{ordinal}"
    meta, spec = template.get("metadata") or {}, dict(template.get("spec") or {})
    claims = {
        claim["metadata"]["name"]: {
            "name": claim["metadata"]["name"],
            "persistentVolumeClaim": {"claimName": claim_name(one, claim, ordinal)},
        }
        for claim in one.spec.volume_claim_templates
    }
    others = [volume for volume in spec.get("volumes") or () if volume["name"] not in claims]
    if others or claims:
        spec["volumes"] = [*claims.values(), *others]
    spec["hostname"] = name
    if one.spec.service_name:
        spec["subdomain"] = one.spec.service_name
    return {
        "metadata": {
            **{field: meta[field] for field in ("annotations", "finalizers") if meta.get(field)},
            "name": name,
            "namespace": one.metadata.namespace,
            "labels": {
                **(meta.get("labels") or {}),
                POD_NAME: name,
                POD_INDEX: str(ordinal),
                HASH_LABEL: revision,
            },
            "ownerReferences": [controller_reference(one)],
        },
        "spec": spec,
    }
