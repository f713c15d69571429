"""The controllers of PersistentVolumes and their claims."""

from __future__ import annotations

from typing import Any

from kube.client import AlreadyExists
from kube.controllers.context import Context
from kube.controllers.volumes import plan
from kube.objects import NamespacedName, Node, PersistentVolume, PersistentVolumeClaim, StorageClass
from kube.watch import WorkQueue

_UNBOUND = "unbound"


class VolumeClaims:
    """Keyed by claim."""

    name = "persistentvolume-controller"

    def __init__(self, context: Context) -> None:
        self._context = context
        self._claims = context.mirror(PersistentVolumeClaim)
        self._volumes = context.mirror(PersistentVolume)
        self._classes = context.mirror(StorageClass)
        self._nodes = context.mirror(Node)
        self._claims.add_index(_UNBOUND, lambda one: (one.status.phase != "Bound",))
        self.queue: WorkQueue[NamespacedName] = WorkQueue()
        self._claims.subscribe(self._on_claim)
        self._volumes.subscribe(self._on_volume)
        self._classes.subscribe(self._on_class)

    def _on_claim(self, key: NamespacedName, old: object, new: PersistentVolumeClaim | None) -> None:
        if new is not None:
            self.queue.add(key)

    def _on_volume(
        self, key: NamespacedName, old: PersistentVolume | None, new: PersistentVolume | None
    ) -> None:
        """One that is free now may do for any claim that waits."""
        for volume in (old, new):
            ref = volume.spec.claim_ref if volume is not None else None
            if ref is not None:
                self.queue.add(NamespacedName(ref.namespace, ref.name))
        if new is not None and new.spec.claim_ref is None:
            self._all_unbound()

    def _on_class(self, key: NamespacedName, old: object, new: StorageClass | None) -> None:
        if new is not None:
            self._all_unbound()

    def _all_unbound(self) -> None:
        for claim in self._claims.by(_UNBOUND, True):
            self.queue.add(NamespacedName(claim.metadata.namespace, claim.metadata.name))

    async def reconcile(self, key: NamespacedName) -> None:
        claim = self._claims.objects.get(key)
        if claim is None or claim.metadata.deletion_timestamp is not None:
            return
        by_name = {each.name: volume for each, volume in self._volumes.objects.items()}
        classes = {each.name: one for each, one in self._classes.objects.items()}
        nodes = {each.name: node for each, node in self._nodes.objects.items()}
        match plan.plan(claim, by_name, classes, nodes):
            case plan.Bind(volume=volume):
                await self._bind(claim, volume)
            case plan.Provision() as asked:
                await self._provision(claim, asked)
            case plan.Adopt(storage_class=chosen):
                await self._context.write.patch(claim, {"spec": {"storageClassName": chosen.metadata.name}})
            case plan.Wait(type=type_, reason=reason, message=message):
                if claim.status.phase != "Pending":
                    await self._context.write.patch_status(claim, {"phase": "Pending"})
                self._tell(claim, type_, reason, message)
            case plan.Lost():
                await self._context.write.patch_status(claim, {"phase": "Lost"})
                self._tell(
                    claim,
                    "Warning",
                    "ClaimLost",
                    "Bound claim has lost its PersistentVolume. Data on the volume is lost!",
                )
            case None:
                return

    async def _provision(self, claim: PersistentVolumeClaim, asked: plan.Provision) -> None:
        body = plan.volume_body(claim, asked)
        try:
            await self._context.write.create(PersistentVolume, "", body)
        except AlreadyExists:
            return  # the watch will bring it
        name = body["metadata"]["name"]
        self._tell(claim, "Normal", "ProvisioningSucceeded", f"Successfully provisioned volume {name}")
        self.queue.add(NamespacedName(claim.metadata.namespace, claim.metadata.name))

    async def _bind(self, claim: PersistentVolumeClaim, volume: PersistentVolume) -> None:
        """First the volume, which is what could be fought for; each step can be the last before a crash."""
        write = self._context.write
        ref = volume.spec.claim_ref
        if ref is None or ref.uid != claim.metadata.uid:
            body: dict[str, Any] = {
                "metadata": {"resourceVersion": volume.metadata.resource_version},
                "spec": {"claimRef": plan.claim_reference(claim)},
            }
            if ref is None:
                body["metadata"]["annotations"] = {plan.BOUND_BY_US: "yes"}
            volume = await write.patch(volume, body)
        if volume.status.phase != "Bound":
            volume = await write.patch_status(volume, {"phase": "Bound"})
        if claim.spec.volume_name != volume.metadata.name or plan.BOUND not in claim.metadata.annotations:
            annotations = {plan.BOUND: "yes"}
            if not claim.spec.volume_name:
                annotations[plan.BOUND_BY_US] = "yes"
            named = {"metadata": {"annotations": annotations}, "spec": {"volumeName": volume.metadata.name}}
            claim = await write.patch(claim, named)
        if claim.status.phase != "Bound":
            status = {
                "phase": "Bound",
                "accessModes": list(volume.spec.access_modes),
                "capacity": dict(volume.spec.capacity),
            }
            await write.patch_status(claim, status)

    def _tell(self, claim: PersistentVolumeClaim, type_: str, reason: str, message: str) -> None:
        self._context.tell(self.name, claim, type_, reason, message)


class Volumes:
    """Keyed by volume: phases, and the end of what was made for a claim."""

    name = "persistentvolume-reclaimer"

    def __init__(self, context: Context) -> None:
        self._context = context
        self._claims = context.mirror(PersistentVolumeClaim)
        self._volumes = context.mirror(PersistentVolume)
        self.queue: WorkQueue[str] = WorkQueue()
        self._volumes.subscribe(self._on_volume)
        self._claims.subscribe(self._on_claim)

    def _on_volume(self, key: NamespacedName, old: object, new: PersistentVolume | None) -> None:
        if new is not None:
            self.queue.add(key.name)

    def _on_claim(
        self, key: NamespacedName, old: PersistentVolumeClaim | None, new: PersistentVolumeClaim | None
    ) -> None:
        for claim in (old, new):
            if claim is not None and claim.spec.volume_name:
                self.queue.add(claim.spec.volume_name)

    async def reconcile(self, key: str) -> None:
        volume = self._volumes.get("", key)
        if volume is None:
            return
        ref = volume.spec.claim_ref
        claim = self._claims.get(ref.namespace, ref.name) if ref is not None else None
        what = plan.fate(volume, claim)
        phase = "Released" if what == "Delete" else what  # first of all, so that its protection ends
        if phase != volume.status.phase:
            volume = await self._context.write.patch_status(volume, {"phase": phase})
        if what == "Delete" and volume.metadata.deletion_timestamp is None:
            await self._context.write.delete(volume)
