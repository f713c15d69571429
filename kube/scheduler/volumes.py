"""What a pod's claims leave of the nodes (VolumeBinding, VolumeZone, VolumeRestrictions). Pure.

A bound claim ties the pod to the nodes that reach its volume. One whose class waits for the first consumer is bound
after the decision: to a volume that is there and within reach, or to one that will be made on the node.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import msgspec

from kube.objects import NamespacedName, PersistentVolume, PersistentVolumeClaim, StorageClass, claim_of
from kube.scheduler import selectors
from kube.scheduler.filters import Refusal
from kube.scheduler.nodes import NodeInfo
from kube.scheduler.pods import PodInfo
from kube.scheduler.quantity import parse
from kube.scheduler.selectors import NodeTerm

_ZONES = ("topology.kubernetes.io/zone", "topology.kubernetes.io/region")
_NO_PROVISIONER = "kubernetes.io/no-provisioner"

NOT_REACHED = Refusal(
    "VolumeBinding", ("node(s) didn't match PersistentVolume's node affinity",), preemptable=False
)
NONE_FREE = Refusal(
    "VolumeBinding", ("node(s) didn't find available persistent volumes to bind",), preemptable=False
)
ELSEWHERE = Refusal("VolumeZone", ("node(s) had no available volume zone",), preemptable=False)
TAKEN = Refusal(
    "VolumeRestrictions",
    (
        "node(s) unavailable due to PersistentVolumeClaim with ReadWriteOncePod access mode already in-use by another pod",
    ),
    preemptable=True,
)


class Storage(msgspec.Struct):
    """Everything known of volumes; the values are frozen, the maps are the driver's."""

    claims: dict[NamespacedName, PersistentVolumeClaim] = msgspec.field(default_factory=dict)
    volumes: dict[str, PersistentVolume] = msgspec.field(default_factory=dict)
    classes: dict[str, StorageClass] = msgspec.field(default_factory=dict)


class Reach(NamedTuple):
    """The nodes that a volume can be used on; None: all."""

    terms: tuple[NodeTerm, ...] | None
    zones: tuple[tuple[str, frozenset[str]], ...] = ()


class Needs(NamedTuple):
    """What the pod's claims ask of a node. `whole` refuses all nodes alike."""

    whole: Refusal | None = None
    bound: tuple[Reach, ...] = ()
    unbound: tuple[
        tuple[NamespacedName, tuple[Reach, ...] | None], ...
    ] = ()  # volumes to choose from; None: made
    exclusive: frozenset[NamespacedName] = frozenset()  # claims of ReadWriteOncePod that another pod uses


NO_NEEDS = Needs()


def claim_names(pod: PodInfo) -> tuple[str, ...]:
    """Those that are named, and those that are made for the pod."""
    names = (claim_of(pod.key.name, volume) for volume in pod.pod.spec.volumes)
    return tuple(name for name in names if name is not None)


def needs(pod: PodInfo, storage: Storage, pods: Mapping[NamespacedName, PodInfo]) -> Needs:
    names = claim_names(pod) if pod.pod.spec.volumes else ()
    if not names:
        return NO_NEEDS
    own = {claim_of(pod.key.name, each) for each in pod.pod.spec.volumes if each.ephemeral is not None}
    bound: list[Reach] = []
    unbound: list[tuple[NamespacedName, tuple[Reach, ...] | None]] = []
    once: set[NamespacedName] = set()
    for name in names:
        key = NamespacedName(pod.namespace, name)
        claim = storage.claims.get(key)
        made = name in own
        if claim is None and made:
            return _whole(
                f'waiting for ephemeral volume controller to create the persistentvolumeclaim "{name}"'
            )
        if claim is None:
            return _whole(f'persistentvolumeclaim "{name}" not found')
        if made and not any(
            ref.controller and ref.uid == pod.pod.metadata.uid for ref in claim.metadata.owner_references
        ):
            where = pod.namespace
            return _whole(
                f"PVC {where}/{name} was not created for pod {where}/{pod.key.name} (pod is not owner)"
            )
        if claim.metadata.deletion_timestamp is not None:
            return _whole(f'persistentvolumeclaim "{name}" is being deleted')
        if claim.status.phase == "Lost":
            return _whole(
                f'persistentvolumeclaim "{name}" bound to non-existent persistentvolume "{claim.spec.volume_name}"'
            )
        if "ReadWriteOncePod" in claim.spec.access_modes:
            once.add(key)
        volume = storage.volumes.get(claim.spec.volume_name)
        if claim.status.phase == "Bound" and volume is not None:
            bound.append(_reach(volume))
            continue
        storage_class = storage.classes.get(claim.spec.storage_class_name or "")
        if storage_class is None or storage_class.volume_binding_mode != "WaitForFirstConsumer":
            return _whole("pod has unbound immediate PersistentVolumeClaims")
        unbound.append((key, _choices(claim, storage_class, storage)))
    exclusive = frozenset(once & _in_use(pod, pods)) if once else frozenset()
    return Needs(None, tuple(bound), tuple(unbound), exclusive)


def _whole(reason: str) -> Needs:
    return Needs(whole=Refusal("VolumeBinding", (reason,), preemptable=False))


def _in_use(pod: PodInfo, pods: Mapping[NamespacedName, PodInfo]) -> set[NamespacedName]:
    return {
        NamespacedName(other.namespace, name)
        for other in pods.values()
        if other.namespace == pod.namespace and other.key != pod.key and other.pod.spec.volumes
        for name in claim_names(other)
    }


def _reach(volume: PersistentVolume) -> Reach:
    affinity = volume.spec.node_affinity
    required = affinity.required if affinity is not None else None
    terms = tuple(map(selectors.node_term, required.node_selector_terms)) if required is not None else None
    labels = volume.metadata.labels
    zones = tuple((key, frozenset(labels[key].split("__"))) for key in _ZONES if key in labels)
    return Reach(terms, zones)


def _choices(
    claim: PersistentVolumeClaim, storage_class: StorageClass, storage: Storage
) -> tuple[Reach, ...] | None:
    """Free volumes that would do; None where one can be made on any node."""
    if storage_class.provisioner != _NO_PROVISIONER:
        return None
    return tuple(_reach(volume) for volume in storage.volumes.values() if suits(claim, volume))


def suits(claim: PersistentVolumeClaim, volume: PersistentVolume) -> bool:
    """Of the claim's class, size, modes and labels, and not another claim's."""
    spec, wanted, meta = volume.spec, claim.spec, claim.metadata
    ref = spec.claim_ref
    if ref is not None and (ref.namespace, ref.name) != (meta.namespace, meta.name):
        return False
    return (
        spec.storage_class_name == (wanted.storage_class_name or "")
        and spec.volume_mode == wanted.volume_mode
        and set(wanted.access_modes) <= set(spec.access_modes)
        and size_bytes(spec.capacity) >= size_bytes(wanted.resources.requests)
        and (wanted.selector is None or wanted.selector.matches(volume.metadata.labels))
    )


def size_bytes(amounts: Mapping[str, object]) -> int:
    return int(parse(str(amounts.get("storage", "0"))))


def _within(reach: Reach, node: NodeInfo) -> Refusal | None:
    if reach.terms is not None and not any(
        selectors.node_matches(term, node.name, node.labels) for term in reach.terms
    ):
        return NOT_REACHED
    if any(node.labels.get(key, "") not in values for key, values in reach.zones):
        return ELSEWHERE
    return None


def refuse(asked: Needs, node: NodeInfo) -> Refusal | None:
    if asked is NO_NEEDS:
        return None
    if asked.whole is not None:
        return asked.whole
    if asked.exclusive:
        return TAKEN
    for reach in asked.bound:
        refusal = _within(reach, node)
        if refusal is not None:
            return refusal
    for _, choices in asked.unbound:
        if choices is not None and all(_within(reach, node) is not None for reach in choices):
            return NONE_FREE
    return None
