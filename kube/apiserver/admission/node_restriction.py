"""NodeRestriction: what a node agent may write of the objects that the Node authorizer lets it write.

Each check raises StatusError 403 for users that are nodes and passes everybody else.
"""

from collections.abc import Iterable, Mapping

from kube.apiserver import status
from kube.apiserver.access.nodes.authorizer import LEASE_NAMESPACE, node_name
from kube.apiserver.access.nodes.references import MIRROR
from kube.apiserver.kinds import Kind, kind_at
from kube.apiserver.requests.request import Object, User
from kube.apiserver.state import Api

# Labels of Kubernetes' own domains that a kubelet sets on its Node.
_OWN_LABELS = frozenset(
    {
        "kubernetes.io/hostname",
        "kubernetes.io/arch",
        "kubernetes.io/os",
        "beta.kubernetes.io/arch",
        "beta.kubernetes.io/os",
        "beta.kubernetes.io/instance-type",
        "node.kubernetes.io/instance-type",
        "topology.kubernetes.io/region",
        "topology.kubernetes.io/zone",
        "failure-domain.beta.kubernetes.io/region",
        "failure-domain.beta.kubernetes.io/zone",
    }
)
_ONLY_ITS_PODS = "update pod status for pods with spec.nodeName set to itself"
_OWN_DOMAINS = ("kubelet.kubernetes.io", "node.kubernetes.io")
_MIRROR_POD_HAS_NOT = ("serviceAccountName", "resourceClaims")
_API_VOLUMES = ("secret", "configMap", "projected", "persistentVolumeClaim", "ephemeral")


def check_create(kind: Kind, obj: Object, user: User) -> None:
    node = node_name(user)
    if node is None:
        return
    name = obj["metadata"].get("name", "")
    match kind.key:
        case "pods":
            _check_mirror_pod(kind, obj, node)
        case "nodes":
            _check_own(kind, name, node, f"node {_q(node)} is not allowed to modify node {_q(name)}")
            labels = obj["metadata"].get("labels") or {}
            _check_labels(kind, name, node, labels, "set")
        case "leases.coordination.k8s.io":
            if obj["metadata"].get("namespace") != LEASE_NAMESPACE:
                why = f'can only access leases in the "{LEASE_NAMESPACE}" system namespace'
                raise _forbidden(kind, name, why)
            _check_own(
                kind, name, node, "can only access node lease with the same name as the requesting node"
            )
        case "csinodes.storage.k8s.io":
            _check_own(kind, name, node, "can only access CSINode with the same name as the requesting node")


def check_update(kind: Kind, new: Object, old: Object, subresource: str, user: User) -> None:
    node = node_name(user)
    if node is None:
        return
    name = old["metadata"]["name"]
    match kind.key:
        case "pods" if subresource == "status":
            if _node_of(old) != node:
                raise _forbidden(kind, name, f"node {_q(node)} can only {_ONLY_ITS_PODS}")
            if (new["metadata"].get("labels") or {}) != (old["metadata"].get("labels") or {}):
                raise _forbidden(kind, name, f"node {_q(node)} cannot update labels through pod status")
        case "pods":
            raise _forbidden(kind, name, f"node {_q(node)} can not update pods")
        case "nodes":
            _check_node_update(kind, new, old, node)


def check_delete(kind: Kind, old: Object, user: User) -> None:
    node = node_name(user)
    if node is None or kind.key != "pods" or _node_of(old) == node:
        return
    why = f"node {_q(node)} can only delete pods with spec.nodeName set to itself"
    raise _forbidden(kind, old["metadata"]["name"], why)


def check_eviction(kind: Kind, pod: Object, user: User) -> None:
    node = node_name(user)
    if node is not None and _node_of(pod) != node:
        why = f"node {_q(node)} can only evict pods with spec.nodeName set to itself"
        raise _forbidden(kind, pod["metadata"]["name"], why)


def check_token(api: Api, kind: Kind, name: str, namespace: str, spec: Object, user: User) -> None:
    """A token for a pod of the node, whose ServiceAccount it is."""
    node = node_name(user)
    if node is None:
        return
    reference = spec.get("boundObjectRef") or {}
    if reference.get("kind") != "Pod" or not reference.get("name"):
        raise _forbidden(kind, name, "node requested token not bound to a pod")
    if not reference.get("uid"):
        raise _forbidden(kind, name, "node requested token with a pod binding without a uid")
    pods = kind_at("", "v1", "pods")
    assert pods is not None
    entry = api.get(pods, namespace, reference["name"])
    if entry is None:
        raise status.not_found(pods.resource, reference["name"])
    pod = entry.decode()
    if pod["metadata"].get("uid") != reference["uid"]:
        why = f"the UID in the bound object reference ({reference['uid']}) does not match the UID in record"
        raise status.conflict(pods.resource, reference["name"], why)
    if _node_of(pod) != node:
        raise _forbidden(kind, name, "node requested token bound to a pod scheduled on a different node")


def _check_mirror_pod(kind: Kind, pod: Object, node: str) -> None:
    name, spec = pod["metadata"].get("name", ""), pod.get("spec") or {}
    if MIRROR not in (pod["metadata"].get("annotations") or {}):
        why = f"pod does not have {_q(MIRROR)} annotation, node {_q(node)} can only create mirror pods"
        raise _forbidden(kind, name, why)
    if _node_of(pod) != node:
        why = f"node {_q(node)} can only create pods with spec.nodeName set to itself"
        raise _forbidden(kind, name, why)
    if any(spec.get(field) for field in _MIRROR_POD_HAS_NOT):
        raise _forbidden(
            kind, name, f"node {_q(node)} can not create pods that reference API objects of others"
        )
    for volume in spec.get("volumes") or ():
        for field in _API_VOLUMES:
            if field in volume:
                why = f"node {_q(node)} can not create pods that reference {field} volumes"
                raise _forbidden(kind, name, why)


def _check_node_update(kind: Kind, new: Object, old: Object, node: str) -> None:
    name = old["metadata"]["name"]
    _check_own(kind, name, node, f"node {_q(node)} is not allowed to modify node {_q(name)}")
    if (new.get("spec") or {}).get("taints") != (old.get("spec") or {}).get("taints"):
        raise _forbidden(kind, name, f"node {_q(node)} is not allowed to modify taints")
    if new["metadata"].get("ownerReferences") != old["metadata"].get("ownerReferences"):
        raise _forbidden(kind, name, f"node {_q(node)} is not allowed to modify ownerReferences")
    before, after = old["metadata"].get("labels") or {}, new["metadata"].get("labels") or {}
    changed = {key: "" for key in {*before, *after} if before.get(key) != after.get(key)}
    _check_labels(kind, name, node, changed, "modify")


def _check_labels(kind: Kind, name: str, node: str, labels: Mapping[str, str], verb: str) -> None:
    refused = sorted(label for label in labels if not _may_label(label))
    if refused:
        what = "set the following labels" if verb == "set" else "modify labels"
        raise _forbidden(kind, name, f"node {_q(node)} is not allowed to {what}: {', '.join(refused)}")


def _may_label(label: str) -> bool:
    domain, slash, _ = label.partition("/")
    if not slash or label in _OWN_LABELS or _within(domain, _OWN_DOMAINS):
        return True
    return not _within(domain, ("kubernetes.io", "k8s.io"))


def _within(domain: str, parents: Iterable[str]) -> bool:
    return any(domain == parent or domain.endswith(f".{parent}") for parent in parents)


def _check_own(kind: Kind, name: str, node: str, why: str) -> None:
    if name != node:
        raise _forbidden(kind, name, why)


def _node_of(pod: Object) -> str:
    return (pod.get("spec") or {}).get("nodeName") or ""


def _forbidden(kind: Kind, name: str, why: str) -> status.StatusError:
    return status.forbidden(kind.resource, name, why)


_q = status.quote
