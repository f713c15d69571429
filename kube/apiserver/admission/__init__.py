"""What is checked and filled in from other objects before a write; README.md has the list.

Rules that see nothing but the object itself are in kinds (defaults, lifecycle, validation).
"""

from collections.abc import Callable

from kube.apiserver import status
from kube.apiserver.access.nodes.authorizer import node_name
from kube.apiserver.access.rbac.escalation import check_write
from kube.apiserver.admission import (
    ingresses,
    limit_ranges,
    node_restriction,
    nodes,
    pods,
    service_accounts,
    signing_requests,
    storage,
)
from kube.apiserver.admission.kinds import NAMESPACES
from kube.apiserver.kinds import Kind
from kube.apiserver.requests.request import Object, User
from kube.apiserver.state import Api
from kube.apiserver.status import GroupName

__all__ = ["NAMESPACES", "admit_create", "admit_delete", "admit_deletion_by", "admit_update"]

_IMMORTAL = ("default", "kube-system", "kube-public")

# By the kind's key, in kube-apiserver's order: plugin and rule, which may fill the object in and raises StatusError.
Rule = Callable[[Api, Kind, Object], None]
ON_CREATE: dict[str, tuple[tuple[str, Rule], ...]] = {
    "pods": (
        ("LimitRanger", limit_ranges.admit),
        ("ServiceAccount", service_accounts.admit),
        ("Priority", pods.priority),
        ("RuntimeClass", pods.runtime_class),
        ("DefaultTolerationSeconds", pods.default_tolerations),
    ),
    "nodes": (("TaintNodesByCondition", nodes.not_ready_yet),),
    "persistentvolumeclaims": (
        ("LimitRanger", limit_ranges.admit),
        ("StorageObjectInUseProtection", storage.protect),
    ),
    "persistentvolumes": (("StorageObjectInUseProtection", storage.protect),),
    "ingresses.networking.k8s.io": (("DefaultIngressClass", ingresses.default_class),),
}


def admit_create(api: Api, kind: Kind, obj: Object, user: User) -> None:
    """Raises StatusError; may fill obj in."""
    if kind.namespaced:
        namespace_lifecycle(api, kind, obj)
    check_write(api.policy, api.authorizer, kind, obj, None, user)
    if "Node" in api.settings.authorization_modes:
        node_restriction.check_create(kind, obj, user)
    if kind.key == signing_requests.KEY:
        signing_requests.check_create(kind, obj)
    for plugin, admit in ON_CREATE.get(kind.key, ()):
        if api.settings.admits(plugin):
            admit(api, kind, obj)


def admit_update(api: Api, kind: Kind, new: Object, old: Object, subresource: str, user: User) -> None:
    """Raises StatusError; may fill new in."""
    check_write(api.policy, api.authorizer, kind, new, old, user)
    if "Node" in api.settings.authorization_modes:
        node_restriction.check_update(kind, new, old, subresource, user)
    if kind.key == signing_requests.KEY:
        signing_requests.check_update(api.authorizer, kind, new, old, subresource, user)
    elif kind.key == "pods" and not subresource:
        pods.keep(new, old)
        if api.settings.admits("DefaultTolerationSeconds"):
            pods.default_tolerations(api, kind, new)
    elif kind.key == "persistentvolumeclaims" and not subresource and api.settings.admits("LimitRanger"):
        limit_ranges.admit(api, kind, new)


def admit_delete(kind: Kind, obj: Object) -> None:
    """Raises StatusError."""
    name = obj["metadata"]["name"]
    if kind.key == "namespaces" and name in _IMMORTAL:
        raise status.forbidden(kind.resource, name, "this namespace may not be deleted")


def admit_deletion_by(api: Api, kind: Kind, namespace: str, name: str, user: User) -> None:
    """What depends on who deletes; raises StatusError."""
    if "Node" not in api.settings.authorization_modes or node_name(user) is None:
        return
    entry = api.get(kind, namespace, name)
    if entry is not None:
        node_restriction.check_delete(kind, entry.decode(), user)


def namespace_lifecycle(api: Api, kind: Kind, obj: Object) -> None:
    """NamespaceLifecycle: new objects need a namespace that is there and stays."""
    namespace, name = obj["metadata"].get("namespace", ""), obj["metadata"].get("name", "")
    entry = api.get(NAMESPACES, "", namespace)
    if entry is None:
        raise status.not_found(GroupName("", "namespaces"), namespace)
    # Decoding is spared where the bytes cannot hold a deletion.
    if b'"deletionTimestamp"' in entry.body and entry.decode()["metadata"].get("deletionTimestamp"):
        raise status.namespace_terminating(kind.resource, name, namespace)
