"""What is checked and filled in from other objects before a write: namespaces, priorities, service accounts.

Each rule is named after kube-apiserver's admission plugin. Rules that see nothing but the object itself are in
kinds (defaults, lifecycle, validation).
"""

from kube.apiserver import rbac, status
from kube.apiserver.kinds import Kind, kind_at
from kube.apiserver.nodes import restriction
from kube.apiserver.nodes.authorizer import node_name
from kube.apiserver.request import Object, User
from kube.apiserver.state import Api
from kube.apiserver.status import GroupName

_IMMORTAL = ("default", "kube-system", "kube-public")
_TOLERATED = ("node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable")
_TOLERATION_S = 300  # --default-not-ready-toleration-seconds of kube-apiserver


def _kind(group: str, version: str, plural: str) -> Kind:
    kind = kind_at(group, version, plural)
    assert kind is not None
    return kind


NAMESPACES = _kind("", "v1", "namespaces")
PRIORITY_CLASSES = _kind("scheduling.k8s.io", "v1", "priorityclasses")
SERVICE_ACCOUNTS = _kind("", "v1", "serviceaccounts")


def admit_create(api: Api, kind: Kind, obj: Object, user: User) -> None:
    """Raises StatusError; may fill obj in."""
    if kind.namespaced:
        namespace_lifecycle(api, kind, obj)
    rbac.check_write(api.policy, api.authorizer, kind, obj, None, user)
    if "Node" in api.settings.authorization_modes:
        restriction.check_create(kind, obj, user)
    if kind.key == "pods":
        _priority(api, kind, obj)
        _service_account(api, kind, obj)
        _default_tolerations(obj)


def admit_update(api: Api, kind: Kind, new: Object, old: Object, subresource: str, user: User) -> None:
    """Raises StatusError; may fill new in."""
    rbac.check_write(api.policy, api.authorizer, kind, new, old, user)
    if "Node" in api.settings.authorization_modes:
        restriction.check_update(kind, new, old, subresource, user)
    if kind.key == "pods" and not subresource:
        for field in ("priority", "preemptionPolicy", "serviceAccountName", "serviceAccount"):
            if field in old["spec"]:
                new["spec"].setdefault(field, old["spec"][field])
        _default_tolerations(new)


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
        restriction.check_delete(kind, entry.decode(), user)


def namespace_lifecycle(api: Api, kind: Kind, obj: Object) -> None:
    """NamespaceLifecycle: new objects need a namespace that is there and stays."""
    namespace, name = obj["metadata"].get("namespace", ""), obj["metadata"].get("name", "")
    entry = api.get(NAMESPACES, "", namespace)
    if entry is None:
        raise status.not_found(GroupName("", "namespaces"), namespace)
    # Decoding is spared where the bytes cannot hold a deletion.
    if b'"deletionTimestamp"' in entry.body and entry.decode()["metadata"].get("deletionTimestamp"):
        raise status.namespace_terminating(kind.resource, name, namespace)


def _priority(api: Api, kind: Kind, obj: Object) -> None:
    """Priority: the number and the preemption policy of the pod's class, or of the default one."""
    spec = obj["spec"] if isinstance(obj.get("spec"), dict) else {}
    class_name = spec.get("priorityClassName")
    if class_name:
        entry = api.get(PRIORITY_CLASSES, "", class_name)
        if entry is None:
            why = f"no PriorityClass with name {class_name} was found"
            raise status.forbidden(kind.resource, obj["metadata"].get("name", ""), why)
        found: Object | None = entry.decode()
    else:
        found = _default_priority_class(api)
        if found is not None:
            spec["priorityClassName"] = found["metadata"]["name"]
    priority = int((found or {}).get("value", 0))
    policy = (found or {}).get("preemptionPolicy") or "PreemptLowerPriority"
    for field, value in (("priority", priority), ("preemptionPolicy", policy)):
        if spec.get(field) not in (None, value):
            why = f"the {field} of a pod is computed from its PriorityClass and may not be given as another value"
            raise status.forbidden(kind.resource, obj["metadata"].get("name", ""), why)
        spec[field] = value


def _default_priority_class(api: Api) -> Object | None:
    classes = [
        entry.decode()
        for entry in api.cache.collection(PRIORITY_CLASSES.storage_key).entries.values()
        if b'"globalDefault":true' in entry.body
    ]
    return min(classes, key=lambda found: int(found.get("value", 0)), default=None)


def _service_account(api: Api, kind: Kind, obj: Object) -> None:
    """ServiceAccount: every pod runs as one; only `default` may be made later, by the controller."""
    spec = obj["spec"] if isinstance(obj.get("spec"), dict) else {}
    metadata = obj["metadata"]
    if "kubernetes.io/config.mirror" in (metadata.get("annotations") or {}):
        return
    name = spec.get("serviceAccountName") or spec.get("serviceAccount") or "default"
    spec["serviceAccountName"] = spec["serviceAccount"] = name
    namespace = metadata.get("namespace", "")
    if name != "default" and api.get(SERVICE_ACCOUNTS, namespace, name) is None:
        why = f'error looking up service account {namespace}/{name}: serviceaccount "{name}" not found'
        raise status.forbidden(kind.resource, metadata.get("name", ""), why)


def _default_tolerations(obj: Object) -> None:
    """DefaultTolerationSeconds: a pod outlives a node's short absence."""
    spec = obj["spec"] if isinstance(obj.get("spec"), dict) else {}
    tolerations = list(spec.get("tolerations") or ())
    for key in _TOLERATED:
        if not any(_tolerates(toleration, key) for toleration in tolerations):
            tolerations.append(
                {"key": key, "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": _TOLERATION_S}
            )
    spec["tolerations"] = tolerations


def _tolerates(toleration: Object, key: str) -> bool:
    return toleration.get("key") in (None, "", key) and toleration.get("effect") in (None, "", "NoExecute")
