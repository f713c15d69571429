"""What all handlers share: the store and its cache, the clock, chance, the settings."""

from asyncio import Lock
from collections.abc import Callable
from random import Random
from typing import NamedTuple
from uuid import UUID

import msgspec

from kube.apiserver.access.authentication import KnownTokens
from kube.apiserver.access.authorization import Authorizer
from kube.apiserver.access.bound_tokens import BoundTokens
from kube.apiserver.access.rbac.policy import Policy
from kube.apiserver.access.tokens import TokenSigner
from kube.apiserver.aggregation.services import Extensions
from kube.apiserver.computed.resource_metrics.summaries import NodeSummaries
from kube.apiserver.customresources.catalog import Catalog
from kube.apiserver.dynamic_admission.registrations import Registrations
from kube.apiserver.kinds import Kind, kind_at, resource_metrics
from kube.apiserver.kinds.lifecycle import SUFFIX_CHARACTERS, SUFFIX_LENGTH
from kube.apiserver.kinds.services import ServiceAllocator
from kube.apiserver.metrics import ServerMetrics
from kube.apiserver.outbound.calls import Caller, Silent
from kube.apiserver.requests.limits import check_stored
from kube.apiserver.requests.request import Object
from kube.store import Store
from kube.store.cache import WatchCache, store_key
from kube.store.entries import Entry, served

_ENCODER = msgspec.json.Encoder()


class Settings(NamedTuple):
    """What the command line says."""

    advertise_address: str = "127.0.0.1"
    secure_port: int = 6443
    service_cidrs: tuple[str, ...] = ("10.96.0.0/16", "fd00:10:96::/112")
    node_ports: tuple[int, int] = (30000, 32767)
    cluster_domain: str = "cluster.local"
    kubelet_port: int = 10250
    bookmark_period_s: float = 60.0
    watch_timeout_s: tuple[int, int] = (1800, 3600)
    version: str = "0.1.0"
    authorization_modes: tuple[str, ...] = ("AlwaysAllow",)  # "Node", "RBAC": see access/authorizers.py
    disabled_admission: frozenset[str] = frozenset()  # see admission/plugins.py

    def admits(self, plugin: str) -> bool:
        """Whether an admission plugin is on."""
        return plugin not in self.disabled_admission

    @property
    def anonymous(self) -> bool:
        """Callers without credentials are somebody (system:anonymous), whom roles may let do something."""
        return "AlwaysAllow" not in self.authorization_modes


class Turns:
    """Writes that would only get in each other's way go one after the other: a lock by name, for one event loop."""

    def __init__(self) -> None:
        self._locks: dict[str, Lock] = {}

    def of(self, name: str) -> Lock:
        return self._locks.setdefault(name, Lock())


class Api(NamedTuple):
    """Passed to every handler."""

    store: Store
    cache: WatchCache
    clock: Callable[[], float]  # unix seconds
    rng: Random
    settings: Settings
    allocator: ServiceAllocator
    authorizer: Authorizer
    metrics: ServerMetrics
    catalog: Catalog
    turns: Turns
    signer: TokenSigner | None = None
    tokens: BoundTokens | None = None
    known_tokens: KnownTokens | None = None
    summaries: NodeSummaries | None = None  # without it nobody asks the node agents
    policy: Policy = Policy()  # roles and bindings; without RBAC nobody fills it
    registrations: Registrations = Registrations()  # webhooks and policies; empty until it follows the cache
    callouts: Caller = Silent()  # to webhooks
    extensions: Extensions = Extensions()
    extension_calls: Caller = Silent()  # to extension servers, who may believe what we say of users

    def now(self) -> str:
        """RFC 3339 with seconds, as metadata has it."""
        return rfc3339(self.clock())

    def uid(self) -> str:
        return str(UUID(int=self.rng.getrandbits(128), version=4))

    def suffix(self) -> str:
        return "".join(self.rng.choices(SUFFIX_CHARACTERS, k=SUFFIX_LENGTH))

    def kind_at(self, group: str, version: str, plural: str) -> Kind | None:
        """The kind served at the path, built in or defined by a CustomResourceDefinition."""
        found = kind_at(group, version, plural) or self.catalog.kind_at(group, version, plural)
        return found or resource_metrics.kind_at(group, version, plural)

    def get(self, kind: Kind, namespace: str, name: str) -> Entry | None:
        return self.cache.get(kind.storage_key, namespace, name)


def rfc3339(seconds: float) -> str:
    import time

    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))


def key_of(kind: Kind, namespace: str, name: str) -> str:
    return store_key(kind.storage_key, namespace if kind.namespaced else "", name)


def encode_stored(obj: Object) -> bytes:
    """The form entries.served() relies on: kind, apiVersion, metadata first, and no resourceVersion.

    StatusError 400, 413 where it is too deep or too large.
    """
    metadata = obj["metadata"]
    metadata.pop("resourceVersion", None)
    metadata.pop("selfLink", None)
    ordered = {"kind": obj["kind"], "apiVersion": obj["apiVersion"], "metadata": metadata}
    ordered.update(obj)
    encoded = _ENCODER.encode(ordered)
    check_stored(obj, encoded)
    return encoded


def entry_of(kind: Kind, obj: Object, value: bytes, create_revision: int, revision: int) -> Entry:
    """The entry of a value just written, without decoding it again; revision 0 is a dry run's, which has none."""
    metadata = obj["metadata"]
    namespace = metadata.get("namespace")
    key = f"{namespace}/{metadata['name']}" if kind.namespaced else metadata["name"]
    body = served(value, revision) if revision else value
    return Entry(key, body, revision, create_revision, metadata.get("labels") or {})
