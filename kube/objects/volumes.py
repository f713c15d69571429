"""core/v1 Volume: what containers mount."""

import msgspec

from kube.objects.containers import ObjectFieldSelector, ResourceFieldSelector
from kube.objects.value import Quantity, Value


class KeyToPath(Value):
    key: str
    path: str
    mode: int | None = None


class EmptyDirVolume(Value):
    medium: str = ""
    size_limit: Quantity | None = None


class HostPathVolume(Value):
    path: str
    type: str = ""


class ConfigMapVolume(Value):
    name: str = ""
    items: tuple[KeyToPath, ...] = ()
    default_mode: int | None = None
    optional: bool = False


class SecretVolume(Value):
    secret_name: str = ""
    items: tuple[KeyToPath, ...] = ()
    default_mode: int | None = None
    optional: bool = False


class DownwardFile(Value):
    path: str
    field_ref: ObjectFieldSelector | None = None
    resource_field_ref: ResourceFieldSelector | None = None
    mode: int | None = None


class DownwardAPIVolume(Value):
    items: tuple[DownwardFile, ...] = ()
    default_mode: int | None = None


class ServiceAccountTokenProjection(Value):
    path: str
    audience: str = ""
    expiration_seconds: int = 3600


class ConfigMapProjection(Value):
    name: str = ""
    items: tuple[KeyToPath, ...] = ()
    optional: bool = False


class VolumeProjection(Value):
    config_map: ConfigMapProjection | None = None
    secret: ConfigMapProjection | None = None
    downward_api: DownwardAPIVolume | None = None
    service_account_token: ServiceAccountTokenProjection | None = None
    cluster_trust_bundle: dict[str, object] | None = None
    pod_certificate: dict[str, object] | None = None


class ProjectedVolume(Value):
    sources: tuple[VolumeProjection, ...] = ()
    default_mode: int | None = None


class PersistentVolumeClaimVolume(Value):
    claim_name: str
    read_only: bool = False


class EphemeralVolume(Value):
    """A claim made for the pod, which owns it (KEP-1698)."""

    volume_claim_template: dict[str, object] = msgspec.field(default_factory=dict)


class ImageVolume(Value):
    """An image's files, read-only (KEP-4639)."""

    reference: str = ""
    pull_policy: str = ""


class Volume(Value):
    name: str
    empty_dir: EmptyDirVolume | None = None
    host_path: HostPathVolume | None = None
    config_map: ConfigMapVolume | None = None
    secret: SecretVolume | None = None
    projected: ProjectedVolume | None = None
    downward_api: DownwardAPIVolume | None = None
    persistent_volume_claim: PersistentVolumeClaimVolume | None = None
    ephemeral: EphemeralVolume | None = None
    image: ImageVolume | None = None


def claim_of(pod_name: str, volume: Volume) -> str | None:
    """The claim behind a volume: the named one, or that which is made for the pod; None where there is none."""
    if volume.persistent_volume_claim is not None:
        return volume.persistent_volume_claim.claim_name
    return f"{pod_name}-{volume.name}" if volume.ephemeral is not None else None
