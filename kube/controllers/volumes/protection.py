"""A claim stays while a pod uses it, a volume while a claim is bound to it (StorageObjectInUseProtection)."""

from __future__ import annotations

from collections.abc import Iterator

from kube.client import Conflict, NotFound
from kube.controllers.context import Context
from kube.controllers.pods import is_terminal
from kube.controllers.volumes.plan import CLAIM_FINALIZER, VOLUME_FINALIZER
from kube.objects import NamespacedName, PersistentVolume, PersistentVolumeClaim, Pod, claim_of
from kube.watch import WorkQueue

_BY_CLAIM = "claims in use"


def claims_used(pod: Pod) -> Iterator[NamespacedName]:
    """By a pod that a node may have begun with; what is not placed will not be begun with a claim that goes."""
    if not pod.spec.node_name or is_terminal(pod):
        return
    for volume in pod.spec.volumes:
        claim = claim_of(pod.metadata.name, volume)
        if claim is not None:
            yield NamespacedName(pod.metadata.namespace, claim)


class ClaimProtection:
    """Keyed by claim."""

    name = "pvc-protection-controller"

    def __init__(self, context: Context) -> None:
        self._context = context
        self._claims = context.mirror(PersistentVolumeClaim)
        self._pods = context.mirror(Pod)
        self.queue: WorkQueue[NamespacedName] = WorkQueue()
        self._pods.add_index(_BY_CLAIM, claims_used)
        self._claims.subscribe(self._on_claim)
        self._pods.subscribe(self._on_pod)

    def _on_claim(self, key: NamespacedName, old: object, new: PersistentVolumeClaim | None) -> None:
        if new is not None and new.metadata.deletion_timestamp is not None:
            self.queue.add(key)

    def _on_pod(self, key: NamespacedName, old: Pod | None, new: Pod | None) -> None:
        """What it let go of."""
        for claim in set(claims_used(old) if old is not None else ()):
            self.queue.add(claim)

    async def reconcile(self, key: NamespacedName) -> None:
        claim = self._claims.objects.get(key)
        if claim is None or claim.metadata.deletion_timestamp is None or self._pods.by(_BY_CLAIM, key):
            return
        if CLAIM_FINALIZER not in claim.metadata.finalizers:
            return
        # The mirror may not know yet of a pod that was placed before the claim was deleted.
        pods = (await self._context.client.list(Pod, key.namespace)).items
        if not any(key in claims_used(pod) for pod in pods):
            await _without(self._context, claim, CLAIM_FINALIZER)


class VolumeProtection:
    """Keyed by volume."""

    name = "pv-protection-controller"

    def __init__(self, context: Context) -> None:
        self._context = context
        self._volumes = context.mirror(PersistentVolume)
        self.queue: WorkQueue[str] = WorkQueue()
        self._volumes.subscribe(self._on_volume)

    def _on_volume(self, key: NamespacedName, old: object, new: PersistentVolume | None) -> None:
        if new is not None and new.metadata.deletion_timestamp is not None:
            self.queue.add(key.name)

    async def reconcile(self, key: str) -> None:
        volume = self._volumes.get("", key)
        if volume is None or volume.metadata.deletion_timestamp is None or volume.status.phase == "Bound":
            return
        if VOLUME_FINALIZER in volume.metadata.finalizers:
            await _without(self._context, volume, VOLUME_FINALIZER)


async def _without(context: Context, obj: PersistentVolume | PersistentVolumeClaim, finalizer: str) -> None:
    """Take the finalizer off, as of the version we decided on: another may have come meanwhile."""
    left = [one for one in obj.metadata.finalizers if one != finalizer]
    body = {"metadata": {"resourceVersion": obj.metadata.resource_version, "finalizers": left or None}}
    try:
        await context.write.patch(obj, body)
    except (Conflict, NotFound):
        return  # the watch brings the newer one, and with it another turn
