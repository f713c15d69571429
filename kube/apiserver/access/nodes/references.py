"""What the pods of each node refer to, kept by the changes of the store: the grounds of the Node authorizer."""

from collections.abc import Iterator
from typing import NamedTuple

import msgspec

from kube.store.cache import WatchCache
from kube.store.entries import Entry
from kube.store.watchers import Event

PODS = "pods"


class Ref(NamedTuple):
    """An object that a pod needs on its node, or the pod itself; `resource` is the plural."""

    resource: str
    namespace: str
    name: str


class _Named(msgspec.Struct):
    name: str | None = None


class _SecretRef(msgspec.Struct, rename="camel"):
    """Volumes of storage systems that name a Secret in one of these ways."""

    secret_ref: _Named | None = None
    node_publish_secret_ref: _Named | None = None
    secret_name: str | None = None


class _Claim(msgspec.Struct, rename="camel"):
    claim_name: str = ""


class _Projection(msgspec.Struct, rename="camel"):
    secret: _Named | None = None
    config_map: _Named | None = None


class _Projected(msgspec.Struct):
    sources: tuple[_Projection, ...] | None = None


class _Volume(msgspec.Struct, rename="camel"):
    name: str = ""
    secret: _SecretRef | None = None
    config_map: _Named | None = None
    projected: _Projected | None = None
    persistent_volume_claim: _Claim | None = None
    ephemeral: dict[str, msgspec.Raw] | None = None
    csi: _SecretRef | None = None
    cephfs: _SecretRef | None = None
    rbd: _SecretRef | None = None
    iscsi: _SecretRef | None = None
    flex_volume: _SecretRef | None = None
    azure_file: _SecretRef | None = None


class _EnvFrom(msgspec.Struct, rename="camel"):
    secret_ref: _Named | None = None
    config_map_ref: _Named | None = None


class _ValueFrom(msgspec.Struct, rename="camel"):
    secret_key_ref: _Named | None = None
    config_map_key_ref: _Named | None = None


class _Env(msgspec.Struct, rename="camel"):
    value_from: _ValueFrom | None = None


class _Container(msgspec.Struct, rename="camel"):
    env: tuple[_Env, ...] | None = None
    env_from: tuple[_EnvFrom, ...] | None = None


class _ResourceClaim(msgspec.Struct, rename="camel"):
    resource_claim_name: str | None = None


class _Spec(msgspec.Struct, rename="camel"):
    node_name: str = ""
    service_account_name: str | None = None
    image_pull_secrets: tuple[_Named, ...] | None = None
    containers: tuple[_Container, ...] | None = None
    init_containers: tuple[_Container, ...] | None = None
    ephemeral_containers: tuple[_Container, ...] | None = None
    volumes: tuple[_Volume, ...] | None = None
    resource_claims: tuple[_ResourceClaim, ...] | None = None


class _Metadata(msgspec.Struct):
    annotations: dict[str, str] | None = None


class _Pod(msgspec.Struct):
    metadata: _Metadata
    spec: _Spec


_POD = msgspec.json.Decoder(_Pod)
MIRROR = "kubernetes.io/config.mirror"


class Placed(NamedTuple):
    """A pod's node and what the pod lets that node see."""

    node: str
    refs: frozenset[Ref]


def placed(entry: Entry) -> Placed | None:
    """None for a pod without a node."""
    pod = _POD.decode(entry.body)
    if not pod.spec.node_name:
        return None
    own = Ref(PODS, entry.namespace, entry.name)
    if MIRROR in (pod.metadata.annotations or {}):
        return Placed(pod.spec.node_name, frozenset({own}))  # the node wrote it: it gives nothing
    return Placed(pod.spec.node_name, frozenset({own, *_refs(entry.namespace, entry.name, pod.spec)}))


def _refs(namespace: str, pod: str, spec: _Spec) -> Iterator[Ref]:
    if spec.service_account_name:
        yield Ref("serviceaccounts", namespace, spec.service_account_name)
    for resource, name in _named(pod, spec):
        if name:
            yield Ref(resource, namespace, name)


def _named(pod: str, spec: _Spec) -> Iterator[tuple[str, str | None]]:
    for secret in spec.image_pull_secrets or ():
        yield "secrets", secret.name
    for claim in spec.resource_claims or ():
        yield "resourceclaims", claim.resource_claim_name
    for containers in (spec.containers, spec.init_containers, spec.ephemeral_containers):
        for container in containers or ():
            yield from _of_container(container)
    for volume in spec.volumes or ():
        yield from _of_volume(pod, volume)


def _of_container(container: _Container) -> Iterator[tuple[str, str | None]]:
    for source in container.env_from or ():
        yield "secrets", _name(source.secret_ref)
        yield "configmaps", _name(source.config_map_ref)
    for variable in container.env or ():
        if variable.value_from is not None:
            yield "secrets", _name(variable.value_from.secret_key_ref)
            yield "configmaps", _name(variable.value_from.config_map_key_ref)


def _of_volume(pod: str, volume: _Volume) -> Iterator[tuple[str, str | None]]:
    yield "configmaps", _name(volume.config_map)
    if volume.persistent_volume_claim is not None:
        yield "persistentvolumeclaims", volume.persistent_volume_claim.claim_name
    if volume.ephemeral is not None:
        yield "persistentvolumeclaims", f"{pod}-{volume.name}"
    for source in (volume.projected and volume.projected.sources) or ():
        yield "secrets", _name(source.secret)
        yield "configmaps", _name(source.config_map)
    given = (volume.secret, volume.csi, volume.cephfs, volume.rbd, volume.iscsi)
    for storage in (*given, volume.flex_volume, volume.azure_file):
        if storage is not None:
            yield "secrets", storage.secret_name
            yield "secrets", _name(storage.secret_ref)
            yield "secrets", _name(storage.node_publish_secret_ref)


def _name(named: _Named | None) -> str | None:
    return named.name if named is not None else None


class PodReferences:
    """Counts, so that an object that two pods need stays visible when one goes."""

    def __init__(self) -> None:
        self._counts: dict[str, dict[Ref, int]] = {}
        self._placed: dict[str, Placed] = {}

    def set(self, key: str, new: Placed | None) -> None:
        """`key` is the pod's namespace/name; None when the pod is gone."""
        old = self._placed.get(key)
        if old == new:
            return
        if old is not None:
            del self._placed[key]
            self._add(old, -1)
        if new is not None:
            self._placed[key] = new
            self._add(new, 1)

    def _add(self, pod: Placed, step: int) -> None:
        counts = self._counts.setdefault(pod.node, {})
        for ref in pod.refs:
            count = counts.get(ref, 0) + step
            if count:
                counts[ref] = count
            else:
                del counts[ref]
        if not counts:
            del self._counts[pod.node]

    def has(self, node: str, ref: Ref) -> bool:
        return ref in self._counts.get(node, _NONE)


_NONE: dict[Ref, int] = {}


def follow(cache: WatchCache, references: PodReferences) -> None:
    """Take the pods that are stored now, then those from now on."""
    for entry in cache.collection(PODS).entries.values():
        references.set(entry.key, placed(entry))

    def listen(resource: str, event: Event) -> None:
        if resource == PODS:
            entry = event.new or event.old
            assert entry is not None
            references.set(entry.key, placed(entry) if event.new is not None else None)

    cache.listen(listen)
