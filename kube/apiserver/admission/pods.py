"""Pods: the number of their priority, and how long they stay on a node that is away."""

from kube.apiserver import status
from kube.apiserver.admission.kinds import PRIORITY_CLASSES, RUNTIME_CLASSES, spec_of
from kube.apiserver.kinds import Kind
from kube.apiserver.requests.request import Object
from kube.apiserver.state import Api

_TOLERATED = ("node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable")
_TOLERATION_S = 300  # --default-not-ready-toleration-seconds of kube-apiserver
# What admission gave a pod when it was made, and what an update that leaves it out keeps.
_KEPT = ("priority", "preemptionPolicy", "serviceAccountName", "serviceAccount")


def keep(new: Object, old: Object) -> None:
    for field in _KEPT:
        if field in old["spec"]:
            new["spec"].setdefault(field, old["spec"][field])


def priority(api: Api, kind: Kind, obj: Object) -> None:
    """Priority: the number and the preemption policy of the pod's class, or of the default one."""
    spec, name = spec_of(obj), obj["metadata"].get("name", "")
    class_name = spec.get("priorityClassName")
    if class_name:
        entry = api.get(PRIORITY_CLASSES, "", class_name)
        if entry is None:
            why = f"no PriorityClass with name {class_name} was found"
            raise status.forbidden(kind.resource, name, why)
        found: Object | None = entry.decode()
    else:
        found = _default_priority_class(api)
        if found is not None:
            spec["priorityClassName"] = found["metadata"]["name"]
    value = int((found or {}).get("value", 0))
    policy = (found or {}).get("preemptionPolicy") or "PreemptLowerPriority"
    for field, given in (("priority", value), ("preemptionPolicy", policy)):
        if spec.get(field) not in (None, given):
            why = f"the {field} of a pod is computed from its PriorityClass and may not be given as another value"
            raise status.forbidden(kind.resource, name, why)
        spec[field] = given


def runtime_class(api: Api, kind: Kind, obj: Object) -> None:
    """RuntimeClass: it has to exist, and fills the pod in."""
    spec, name = spec_of(obj), obj["metadata"].get("name", "")
    class_name, found, why = spec.get("runtimeClassName"), None, ""
    if class_name:
        entry = api.get(RUNTIME_CLASSES, "", class_name)
        found = entry.decode() if entry else None
        why = "" if found else f'RuntimeClass "{class_name}" not found'
    why = why or take_class(spec, found or {})
    if why:
        raise status.forbidden(kind.resource, name, f"pod rejected: {why}")


def take_class(spec: Object, found: Object) -> str:
    """Give the pod the overhead of its class and its wishes for nodes (KEP-688); why it is rejected, or ""."""
    overhead = (found.get("overhead") or {}).get("podFixed") or {}
    if spec.get("overhead") not in (None, {}, overhead):
        return "Pod's Overhead doesn't match RuntimeClass's defined Overhead"
    scheduling = found.get("scheduling") or {}
    wanted, own = scheduling.get("nodeSelector") or {}, spec.get("nodeSelector") or {}
    if any(own.get(key, value) != value for key, value in wanted.items()):
        return f"conflict: runtimeClass.scheduling.nodeSelector = {wanted}; pod.spec.nodeSelector = {own}"
    if overhead:
        spec["overhead"] = overhead
    if wanted:
        spec["nodeSelector"] = {**own, **wanted}
    known = spec.get("tolerations") or []
    more = [each for each in scheduling.get("tolerations") or () if each not in known]
    if more:
        spec["tolerations"] = [*known, *more]
    return ""


def _default_priority_class(api: Api) -> Object | None:
    classes = [
        entry.decode()
        for entry in api.cache.collection(PRIORITY_CLASSES.storage_key).entries.values()
        if b'"globalDefault":true' in entry.body
    ]
    return min(classes, key=lambda found: int(found.get("value", 0)), default=None)


def default_tolerations(api: Api, kind: Kind, obj: Object) -> None:
    """DefaultTolerationSeconds: a pod outlives a node's short absence."""
    spec = spec_of(obj)
    tolerations = list(spec.get("tolerations") or ())
    for key in _TOLERATED:
        if not any(_tolerates(toleration, key) for toleration in tolerations):
            tolerations.append(
                {"key": key, "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": _TOLERATION_S}
            )
    spec["tolerations"] = tolerations


def _tolerates(toleration: Object, key: str) -> bool:
    return toleration.get("key") in (None, "", key) and toleration.get("effect") in (None, "", "NoExecute")
