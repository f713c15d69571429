"""The claims of generic ephemeral volumes: made for a pod, owned by it, gone with it (KEP-1698)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from kube.client import AlreadyExists, Forbidden
from kube.controllers.context import Context
from kube.controllers.owners import controller_of, controller_reference
from kube.objects import NamespacedName, PersistentVolumeClaim, Pod, Volume, claim_of, key_of
from kube.watch import WorkQueue


def claims_wanted(pod: Pod) -> Iterator[tuple[str, dict[str, Any]]]:
    """Name and body of each claim that the pod wants made."""
    if pod.metadata.deletion_timestamp is not None:
        return
    for volume in pod.spec.volumes:
        if volume.ephemeral is not None:
            name = claim_of(pod.metadata.name, volume) or ""
            yield name, _body(pod, name, volume)


def _body(pod: Pod, name: str, volume: Volume) -> dict[str, Any]:
    template: dict[str, Any] = volume.ephemeral.volume_claim_template if volume.ephemeral is not None else {}
    meta = template.get("metadata") or {}
    metadata = {key: meta[key] for key in ("labels", "annotations") if meta.get(key)}
    return {
        "metadata": {
            **metadata,
            "name": name,
            "namespace": pod.metadata.namespace,
            "ownerReferences": [controller_reference(pod)],
        },
        "spec": template.get("spec") or {},
    }


class EphemeralClaims:
    """Keyed by pod. A claim of the name that is somebody else's stays: the scheduler tells of it."""

    name = "ephemeral-volume-controller"

    def __init__(self, context: Context) -> None:
        self._context = context
        self._pods = context.mirror(Pod)
        self._claims = context.mirror(PersistentVolumeClaim)
        self.queue: WorkQueue[NamespacedName] = WorkQueue()
        self._pods.subscribe(self._on_pod)
        self._claims.subscribe(self._on_claim)

    def _on_pod(self, key: NamespacedName, old: Pod | None, new: Pod | None) -> None:
        if new is not None and any(volume.ephemeral is not None for volume in new.spec.volumes):
            self.queue.add(key)

    def _on_claim(self, key: NamespacedName, old: PersistentVolumeClaim | None, new: object) -> None:
        """One that went while its pod stays is made again."""
        ref = controller_of(old) if old is not None and new is None else None
        if ref is not None and ref.kind == "Pod":
            self.queue.add(NamespacedName(key.namespace, ref.name))

    async def reconcile(self, key: NamespacedName) -> None:
        pod = self._pods.objects.get(key)
        if pod is None:
            return
        for name, body in claims_wanted(pod):
            if NamespacedName(key.namespace, name) in self._claims.objects:
                continue
            try:
                await self._context.write.create(PersistentVolumeClaim, key.namespace, body)
            except AlreadyExists:
                continue
            except Forbidden as error:
                if "being terminated" in error.message:
                    return
                self._context.tell(
                    self.name, pod, "Warning", "FailedCreate", f"claim {name} for {key_of(pod).name}: {error}"
                )
                raise
