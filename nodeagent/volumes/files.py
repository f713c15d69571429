"""What stands in the volumes whose content the API gives: configMap, secret, downwardAPI, projected."""

from collections.abc import Sequence
from typing import NamedTuple

from kube.objects import Pod
from kube.objects.volumes import DownwardAPIVolume, KeyToPath, Volume, VolumeProjection
from nodeagent.pods.fields import PodFacts, field_value, resource_value
from nodeagent.pods.sources import MissingSource, Ref, Source, Sources, words

_DEFAULT_MODE = 0o644


class File(NamedTuple):
    content: bytes
    mode: int = _DEFAULT_MODE


Files = dict[str, File]  # relative path → file


def is_generated(volume: Volume) -> bool:
    return bool(volume.config_map or volume.secret or volume.downward_api or volume.projected)


def volume_files(volume: Volume, pod: Pod, sources: Sources, facts: PodFacts) -> Files:
    """The whole content of a generated volume. Raises MissingSource."""
    if volume.config_map:
        given = volume.config_map
        mode = _DEFAULT_MODE if given.default_mode is None else given.default_mode
        return _keys(Ref("ConfigMap", given.name), given.items, given.optional, mode, sources)
    if volume.secret:
        secret = volume.secret
        mode = _DEFAULT_MODE if secret.default_mode is None else secret.default_mode
        return _keys(Ref("Secret", secret.secret_name), secret.items, secret.optional, mode, sources)
    if volume.downward_api:
        return _downward(volume.downward_api, volume.downward_api.default_mode, pod, facts)
    files: Files = {}
    if volume.projected:
        for projection in volume.projected.sources:
            files |= _projected(projection, volume.projected.default_mode, pod, sources, facts)
    return files


def _projected(
    projection: VolumeProjection, default_mode: int | None, pod: Pod, sources: Sources, facts: PodFacts
) -> Files:
    mode = _DEFAULT_MODE if default_mode is None else default_mode
    if projection.config_map:
        given = projection.config_map
        return _keys(Ref("ConfigMap", given.name), given.items, given.optional, mode, sources)
    if projection.secret:
        given = projection.secret
        return _keys(Ref("Secret", given.name), given.items, given.optional, mode, sources)
    if projection.downward_api:
        return _downward(projection.downward_api, default_mode, pod, facts)
    if projection.cluster_trust_bundle is not None or projection.pod_certificate is not None:
        raise MissingSource("this node projects no clusterTrustBundle and no podCertificate")
    token = projection.service_account_token
    if token:
        ref = Ref("Token", token.audience, token.expiration_seconds)
        found = sources.get(ref)
        if found is None:
            raise MissingSource("the API server gave no service account token")
        return {token.path: File(found.data["token"], 0o600 if default_mode is None else mode)}
    return {}


def _downward(volume: DownwardAPIVolume, default_mode: int | None, pod: Pod, facts: PodFacts) -> Files:
    mode = _DEFAULT_MODE if default_mode is None else default_mode
    files: Files = {}
    for item in volume.items:
        if item.field_ref:
            text = field_value(item.field_ref, pod, facts)
        elif item.resource_field_ref:
            text = resource_value(item.resource_field_ref, pod, None, facts)
        else:
            continue
        files[item.path] = File(text.encode(), mode if item.mode is None else item.mode)
    return files


def _keys(ref: Ref, items: Sequence[KeyToPath], optional: bool, mode: int, sources: Sources) -> Files:
    found = sources.get(ref)
    if found is None:
        if optional:
            return {}
        raise MissingSource(f"{words(ref)} not found")
    if not items:
        return {key: File(content, mode) for key, content in found.data.items()}
    return _chosen(ref, items, optional, mode, found)


def _chosen(ref: Ref, items: Sequence[KeyToPath], optional: bool, mode: int, found: Source) -> Files:
    files: Files = {}
    for item in items:
        if item.key not in found.data:
            if optional:
                continue
            raise MissingSource(f"{words(ref)} references non-existent config key: {item.key}")
        files[item.path] = File(found.data[item.key], mode if item.mode is None else item.mode)
    return files
