"""The kinds that admission looks up, and reading them."""

from collections.abc import Iterator

from kube.apiserver.kinds import Kind, kind_at
from kube.apiserver.requests.request import Object
from kube.apiserver.state import Api


def _kind(group: str, version: str, plural: str) -> Kind:
    kind = kind_at(group, version, plural)
    assert kind is not None
    return kind


NAMESPACES = _kind("", "v1", "namespaces")
SERVICE_ACCOUNTS = _kind("", "v1", "serviceaccounts")
LIMIT_RANGES = _kind("", "v1", "limitranges")
QUOTAS = _kind("", "v1", "resourcequotas")
PRIORITY_CLASSES = _kind("scheduling.k8s.io", "v1", "priorityclasses")
INGRESS_CLASSES = _kind("networking.k8s.io", "v1", "ingressclasses")
RUNTIME_CLASSES = _kind("node.k8s.io", "v1", "runtimeclasses")


def within(api: Api, kind: Kind, namespace: str) -> Iterator[Object]:
    """The namespace's objects of a kind, by name, decoded."""
    snapshot = api.cache.collection(kind.storage_key).at(api.cache.revision)
    return (entry.decode() for entry in snapshot.after("", namespace))


def spec_of(obj: Object) -> Object:
    """Empty, and not kept, when the object has none: validation says so later."""
    spec = obj.get("spec")
    return spec if isinstance(spec, dict) else {}
