"""PersistentVolumes, the claims to them and their classes, as far as scheduler, controllers and nodes read them."""

from typing import ClassVar

from kube.objects.placement import NodeSelector
from kube.objects.value import LabelSelector, Object, ObjectReference, Quantity, Resource, Value
from kube.objects.volumes import HostPathVolume


class LocalVolume(Value):
    path: str
    fs_type: str = ""


class VolumeNodeAffinity(Value):
    required: NodeSelector | None = None


class PersistentVolumeSpec(Value):
    host_path: HostPathVolume | None = None
    local: LocalVolume | None = None
    node_affinity: VolumeNodeAffinity | None = None
    access_modes: tuple[str, ...] = ()
    volume_mode: str = "Filesystem"
    capacity: dict[str, Quantity] = {}
    claim_ref: ObjectReference | None = None
    storage_class_name: str = ""
    persistent_volume_reclaim_policy: str = "Retain"


class PersistentVolumeStatus(Value):
    phase: str = ""


class PersistentVolume(Object):
    resource: ClassVar[Resource] = Resource(
        "", "v1", "persistentvolumes", "PersistentVolume", namespaced=False
    )
    spec: PersistentVolumeSpec = PersistentVolumeSpec()
    status: PersistentVolumeStatus = PersistentVolumeStatus()


class VolumeResources(Value):
    requests: dict[str, Quantity] = {}


class PersistentVolumeClaimSpec(Value):
    volume_name: str = ""
    access_modes: tuple[str, ...] = ()
    volume_mode: str = "Filesystem"
    storage_class_name: str | None = None
    resources: VolumeResources = VolumeResources()
    selector: LabelSelector | None = None


class PersistentVolumeClaimStatus(Value):
    phase: str = ""
    access_modes: tuple[str, ...] = ()


class PersistentVolumeClaim(Object):
    resource: ClassVar[Resource] = Resource("", "v1", "persistentvolumeclaims", "PersistentVolumeClaim")
    spec: PersistentVolumeClaimSpec = PersistentVolumeClaimSpec()
    status: PersistentVolumeClaimStatus = PersistentVolumeClaimStatus()


class StorageClass(Object):
    resource: ClassVar[Resource] = Resource(
        "storage.k8s.io", "v1", "storageclasses", "StorageClass", namespaced=False
    )
    provisioner: str = ""
    reclaim_policy: str = "Delete"
    volume_binding_mode: str = "Immediate"
    parameters: dict[str, str] = {}
