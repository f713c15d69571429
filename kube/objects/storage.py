"""PersistentVolumes and the claims to them, as far as a node reads them."""

from typing import ClassVar

from kube.objects.placement import NodeSelector
from kube.objects.value import Object, Resource, Value
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


class PersistentVolume(Object):
    resource: ClassVar[Resource] = Resource(
        "", "v1", "persistentvolumes", "PersistentVolume", namespaced=False
    )
    spec: PersistentVolumeSpec = PersistentVolumeSpec()


class PersistentVolumeClaimSpec(Value):
    volume_name: str = ""
    access_modes: tuple[str, ...] = ()


class PersistentVolumeClaimStatus(Value):
    phase: str = ""


class PersistentVolumeClaim(Object):
    resource: ClassVar[Resource] = Resource("", "v1", "persistentvolumeclaims", "PersistentVolumeClaim")
    spec: PersistentVolumeClaimSpec = PersistentVolumeClaimSpec()
    status: PersistentVolumeClaimStatus = PersistentVolumeClaimStatus()
