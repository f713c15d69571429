"""Which volume a claim gets, and what becomes of a volume whose claim is gone. Pure.

A volume and a claim are bound when each names the other. A class that waits for the first consumer is bound when the
scheduler has said on the claim which node its pod will be on.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from kube.objects import Node, PersistentVolume, PersistentVolumeClaim, StorageClass
from kube.scheduler import selectors, volumes

PROVISIONER = "podnet.internal/host-path"
SELECTED_NODE = "volume.kubernetes.io/selected-node"
PROVISIONED_BY = "pv.kubernetes.io/provisioned-by"
BOUND = "pv.kubernetes.io/bind-completed"
BOUND_BY_US = "pv.kubernetes.io/bound-by-controller"
DEFAULT_CLASS = "storageclass.kubernetes.io/is-default-class"
CLAIM_FINALIZER = "kubernetes.io/pvc-protection"
VOLUME_FINALIZER = "kubernetes.io/pv-protection"
FOLDER = "/var/lib/podnet/volumes"
_HOSTNAME = "kubernetes.io/hostname"


class Bind(msgspec.Struct, frozen=True, kw_only=True):
    volume: PersistentVolume


class Provision(msgspec.Struct, frozen=True, kw_only=True):
    storage_class: StorageClass
    node: Node


class Adopt(msgspec.Struct, frozen=True, kw_only=True):
    """The claim names no class: it is of the default one."""

    storage_class: StorageClass


class Wait(msgspec.Struct, frozen=True, kw_only=True):
    """For what, as the claim's event says it; "" says nothing."""

    type: str
    reason: str
    message: str


class Lost(msgspec.Struct, frozen=True, kw_only=True):
    """The claim's volume is gone, and the data with it."""


def default_class(classes: Iterable[StorageClass]) -> StorageClass | None:
    """The newest of several."""
    found = [one for one in classes if one.metadata.annotations.get(DEFAULT_CLASS) == "true"]
    return max(
        found, key=lambda one: (one.metadata.creation_timestamp or "", one.metadata.name), default=None
    )


def plan(
    claim: PersistentVolumeClaim,
    known: Mapping[str, PersistentVolume],
    classes: Mapping[str, StorageClass],
    nodes: Mapping[str, Node],
) -> Bind | Provision | Adopt | Wait | Lost | None:
    """None: the claim is as it should be."""
    named = claim.spec.volume_name
    if named:
        return _named(claim, known.get(named))
    selected = nodes.get(claim.metadata.annotations.get(SELECTED_NODE, ""))
    class_name = claim.spec.storage_class_name
    if class_name is None:
        chosen = default_class(classes.values())
        if chosen is not None:
            return Adopt(storage_class=chosen)
    storage_class = classes.get(class_name or "")
    reserved = [one for one in known.values() if _is_for(one, claim)]
    waits = storage_class is not None and storage_class.volume_binding_mode == "WaitForFirstConsumer"
    if waits and selected is None and not reserved:
        message = "waiting for first consumer to be created before binding"
        return Wait(type="Normal", reason="WaitForFirstConsumer", message=message)
    free = reserved or [one for one in known.values() if _may_have(claim, one, selected)]
    if free:
        return Bind(volume=min(free, key=_smallest))
    if storage_class is None:
        message = "no persistent volumes available for this claim and no storage class is set"
        if class_name:
            message = f'storageclass.storage.k8s.io "{class_name}" not found'
        return Wait(type="Normal", reason="FailedBinding", message=message)
    if storage_class.provisioner != PROVISIONER:
        who = storage_class.provisioner
        message = (
            f"Waiting for a volume to be created either by the external provisioner '{who}' or manually by "
            "the system administrator. If volume creation is delayed, please verify that the provisioner is "
            "running and correctly registered."
        )
        return Wait(type="Normal", reason="ExternalProvisioning", message=message)
    if selected is None:
        message = f"storageclass {class_name}: {PROVISIONER} makes folders on a node: it needs volumeBindingMode WaitForFirstConsumer"
        return Wait(type="Warning", reason="ProvisioningFailed", message=message)
    return Provision(storage_class=storage_class, node=selected)


def _named(claim: PersistentVolumeClaim, volume: PersistentVolume | None) -> Bind | Lost | Wait | None:
    if volume is None:
        return Lost() if claim.metadata.annotations.get(BOUND) and claim.status.phase != "Lost" else None
    if volume.spec.claim_ref is not None and not _is_for(volume, claim):
        message = f'volume "{volume.metadata.name}" already bound to a different claim.'
        return Wait(type="Warning", reason="FailedBinding", message=message)
    settled = claim.status.phase == "Bound" and volume.status.phase == "Bound"
    same = volume.spec.claim_ref is not None and volume.spec.claim_ref.uid == claim.metadata.uid
    return None if settled and same else Bind(volume=volume)


def _is_for(volume: PersistentVolume, claim: PersistentVolumeClaim) -> bool:
    """Bound to the claim, or kept for it by name."""
    ref = volume.spec.claim_ref
    meta = claim.metadata
    if ref is None or (ref.namespace, ref.name) != (meta.namespace, meta.name):
        return False
    return ref.uid in ("", meta.uid)


def _may_have(claim: PersistentVolumeClaim, volume: PersistentVolume, node: Node | None) -> bool:
    """A free volume that suits the claim and that `node` reaches."""
    if volume.spec.claim_ref is not None or volume.metadata.deletion_timestamp is not None:
        return False
    within = node is None or _reaches(volume, node.metadata.name, node.metadata.labels)
    return within and volumes.suits(claim, volume)


def _reaches(volume: PersistentVolume, node: str, labels: Mapping[str, str]) -> bool:
    affinity = volume.spec.node_affinity
    if affinity is None or affinity.required is None:
        return True
    terms = (selectors.node_term(term) for term in affinity.required.node_selector_terms)
    return any(selectors.node_matches(term, node, labels) for term in terms)


def _smallest(volume: PersistentVolume) -> tuple[int, str]:
    return (volumes.size_bytes(volume.spec.capacity), volume.metadata.name)


def claim_reference(claim: PersistentVolumeClaim) -> dict[str, Any]:
    meta = claim.metadata
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "namespace": meta.namespace,
        "name": meta.name,
        "uid": meta.uid,
        "resourceVersion": meta.resource_version,
    }


def volume_body(claim: PersistentVolumeClaim, asked: Provision) -> dict[str, Any]:
    """A folder of one node, for this claim alone."""
    name = f"pvc-{claim.metadata.uid}"
    hostname = asked.node.metadata.labels.get(_HOSTNAME, asked.node.metadata.name)
    expression = {"key": _HOSTNAME, "operator": "In", "values": [hostname]}
    folder = asked.storage_class.parameters.get("folder", FOLDER)
    return {
        "metadata": {"name": name, "annotations": {PROVISIONED_BY: PROVISIONER}},
        "spec": {
            "capacity": dict(claim.spec.resources.requests),
            "accessModes": list(claim.spec.access_modes),
            "volumeMode": claim.spec.volume_mode,
            "persistentVolumeReclaimPolicy": asked.storage_class.reclaim_policy,
            "storageClassName": asked.storage_class.metadata.name,
            "hostPath": {"path": f"{folder}/{name}", "type": "DirectoryOrCreate"},
            "nodeAffinity": {"required": {"nodeSelectorTerms": [{"matchExpressions": [expression]}]}},
            "claimRef": claim_reference(claim),
        },
    }


def fate(volume: PersistentVolume, claim: PersistentVolumeClaim | None) -> str:
    """The volume's phase, or "Delete" for one that was made for a claim that is gone."""
    ref = volume.spec.claim_ref
    if ref is None:
        return "Available"
    if claim is not None and (not ref.uid or ref.uid == claim.metadata.uid):
        return (
            "Bound" if claim.spec.volume_name == volume.metadata.name else volume.status.phase or "Available"
        )
    if not ref.uid:
        return "Available"  # kept for a claim that has not come yet
    ours = volume.metadata.annotations.get(PROVISIONED_BY) == PROVISIONER
    return "Delete" if ours and volume.spec.persistent_volume_reclaim_policy == "Delete" else "Released"
