"""The ConfigMaps, Secrets and tokens a pod refers to: which they are, and how they were found."""

import base64
import contextlib
import json
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from kube.objects import ConfigMap, PersistentVolume, Pod, Secret, claim_of
from kube.objects.containers import Container
from kube.objects.volumes import VolumeProjection
from nodeagent.pods.containers import all_containers


class Ref(NamedTuple):
    """`kind` is ConfigMap, Secret, Claim or Token; a token's name is its audience, `expiration_s` its life."""

    kind: str
    name: str
    expiration_s: int = 0


class Source(NamedTuple):
    """Data by key. `text` says where a key may be an environment variable."""

    data: Mapping[str, bytes]
    text: frozenset[str] = frozenset()


# A Ref that is absent from the mapping, or maps to None, does not exist in the API.
Sources = Mapping[Ref, Source | None]


class MissingSource(Exception):
    """A ConfigMap, Secret or key that is not optional does not exist."""


def refs_of_env(pod: Pod) -> frozenset[Ref]:
    return frozenset(ref for container in all_containers(pod) for ref in _env_refs(container))


def refs_of_volumes(pod: Pod) -> frozenset[Ref]:
    refs: set[Ref] = set()
    for volume in pod.spec.volumes:
        if volume.config_map:
            refs.add(Ref("ConfigMap", volume.config_map.name))
        if volume.secret:
            refs.add(Ref("Secret", volume.secret.secret_name))
        claim = claim_of(pod.metadata.name, volume)
        if claim is not None:
            refs.add(Ref("Claim", claim))
        for projection in volume.projected.sources if volume.projected else ():
            refs.update(_projected_refs(projection))
    return frozenset(refs)


def is_made_for(pod: Pod, claim: str) -> bool:
    """Whether a claim of that name is made for the pod, and so has to be its own."""
    return any(each.ephemeral and claim_of(pod.metadata.name, each) == claim for each in pod.spec.volumes)


def refs_of_pulls(pod: Pod) -> frozenset[Ref]:
    """The Secrets with credentials for registries."""
    return frozenset(Ref("Secret", each.name) for each in pod.spec.image_pull_secrets)


def registry_credentials(sources: Iterable[Source | None]) -> bytes:
    """One docker config.json out of all of them; b"" if there is none (core/v1 SecretTypeDockerConfigJson)."""
    auths: dict[str, object] = {}
    for source in sources:
        if source is None:
            continue
        with contextlib.suppress(ValueError, AttributeError):
            auths |= json.loads(source.data.get(".dockerconfigjson", b"{}")).get("auths", {})
            auths |= json.loads(source.data.get(".dockercfg", b"{}"))
    return json.dumps({"auths": auths}).encode() if auths else b""


def _env_refs(container: Container) -> Iterator[Ref]:
    for source in container.env_from:
        if source.config_map_ref:
            yield Ref("ConfigMap", source.config_map_ref.name)
        if source.secret_ref:
            yield Ref("Secret", source.secret_ref.name)
    for variable in container.env:
        given = variable.value_from
        if given and given.config_map_key_ref:
            yield Ref("ConfigMap", given.config_map_key_ref.name)
        if given and given.secret_key_ref:
            yield Ref("Secret", given.secret_key_ref.name)


def _projected_refs(projection: VolumeProjection) -> Iterator[Ref]:
    if projection.config_map:
        yield Ref("ConfigMap", projection.config_map.name)
    if projection.secret:
        yield Ref("Secret", projection.secret.name)
    token = projection.service_account_token
    if token:
        yield Ref("Token", token.audience, token.expiration_seconds)


def from_config_map(obj: ConfigMap) -> Source:
    binary = {key: base64.b64decode(value) for key, value in obj.binary_data.items()}
    return Source({key: value.encode() for key, value in obj.data.items()} | binary, frozenset(obj.data))


def from_secret(obj: Secret) -> Source:
    return Source({key: base64.b64decode(value) for key, value in obj.data.items()}, frozenset(obj.data))


def from_volume(claim: str, volume: PersistentVolume) -> Source:
    """`path`, and `local` for a volume that takes fsGroup. Raises MissingSource for what is not a folder of a node."""
    spec = volume.spec
    if spec.volume_mode != "Filesystem":
        raise MissingSource(f'claim "{claim}": this node mounts no volumes of mode {spec.volume_mode}')
    if spec.local:
        return Source({"path": spec.local.path.encode(), "local": b"true"})
    if spec.host_path:
        return Source({"path": spec.host_path.path.encode(), "type": spec.host_path.type.encode()})
    raise MissingSource(
        f'claim "{claim}" is bound to volume "{volume.metadata.name}", whose type this node cannot mount: '
        "it knows hostPath and local"
    )


def words(ref: Ref) -> str:
    """As the kubelet's messages name it: `configmap "web"`."""
    kind = "persistentvolumeclaim" if ref.kind == "Claim" else ref.kind.lower()
    return f'{kind} "{ref.name}"'
