"""How much of each quota resource an object uses.

Any kind is counted under `count/PLURAL.GROUP`; some under older names as well, and some use more than a place.
"""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any

from kube.apiserver.kinds.amounts import ONE, Amounts, pieces, plus, pod_amounts
from kube.apiserver.kinds.quantity import Quantity, parse

Object = dict[str, Any]

PODS, SERVICES, CLAIMS = "pods", "services", "persistentvolumeclaims"
_STORAGE_CLASS = ".storageclass.storage.k8s.io/"
# Kinds that have a name of their own beside count/….
_NAMED = frozenset(
    {PODS, SERVICES, CLAIMS, "configmaps", "secrets", "replicationcontrollers", "resourcequotas"}
)
_COMPUTE = ("cpu", "memory", "ephemeral-storage")
# Resources of pods that every container must declare once a quota limits them.
DECLARED = frozenset({"cpu", "memory", "requests.cpu", "requests.memory", "limits.cpu", "limits.memory"})


def usage(key: str, obj: Object, now: float = 0.0) -> dict[str, Quantity]:
    """`key` is Kind.key. A pod that has ended uses its place in count/pods and nothing else.

    `now` (unix seconds) tells when a pod that is being deleted has had its time.
    """
    used = {f"count/{key}": ONE}
    more = _MORE.get(key)
    if more is not None and not (key == PODS and has_ended(obj, now)):
        used |= more(obj)
    if key in _NAMED and key != PODS:
        used[key] = ONE
    return used


def has_ended(pod: Object, now: float) -> bool:
    """Terminated, or gone beyond the grace of its deletion: its node is lost, and it does not run for all we know."""
    if (pod.get("status") or {}).get("phase") in ("Succeeded", "Failed"):
        return True
    deleted, grace_s = (
        pod["metadata"].get(name) for name in ("deletionTimestamp", "deletionGracePeriodSeconds")
    )
    if not now or not deleted or grace_s is None:
        return False
    return datetime.fromisoformat(str(deleted)).timestamp() + int(grace_s) < now


def _pod(pod: Object) -> dict[str, Quantity]:
    spec = pod.get("spec") or {}
    return {PODS: ONE, **compute(pod_amounts(spec, "requests"), pod_amounts(spec, "limits"))}


def compute(requests: Amounts, limits: Amounts) -> dict[str, Quantity]:
    """Requests and limits under the names that a quota has for them."""
    used: dict[str, Quantity] = {}
    for name in _COMPUTE:
        if name in requests:
            used[name] = used[f"requests.{name}"] = requests[name]
        if name in limits:
            used[f"limits.{name}"] = limits[name]
    for name, amount in requests.items():
        if name.startswith("hugepages-"):
            used[name] = used[f"requests.{name}"] = amount
        elif "/" in name and "kubernetes.io/" not in name:
            used[f"requests.{name}"] = amount
    return used


def _service(service: Object) -> dict[str, Quantity]:
    """Ports that will have a node port; which they are is not decided yet."""
    spec = service.get("spec") or {}
    ports = spec.get("ports") or ()
    used: dict[str, Quantity] = {}
    match spec.get("type"):
        case "NodePort":
            used["services.nodeports"] = pieces(len(ports))
        case "LoadBalancer":
            used["services.loadbalancers"] = ONE
            if spec.get("allocateLoadBalancerNodePorts") is False:
                ports = [port for port in ports if port.get("nodePort")]
            used["services.nodeports"] = pieces(len(ports))
    return used


def _claim(claim: Object) -> dict[str, Quantity]:
    spec = claim.get("spec") or {}
    storage_class = spec.get("storageClassName") or (claim["metadata"].get("annotations") or {}).get(
        "volume.beta.kubernetes.io/storage-class"
    )
    used: dict[str, Quantity] = {}
    if storage_class:
        used[f"{storage_class}{_STORAGE_CLASS}{CLAIMS}"] = ONE
    asked = ((spec.get("resources") or {}).get("requests") or {}).get("storage")
    if asked is not None:
        used["requests.storage"] = parse(str(asked))
        if storage_class:
            used[f"{storage_class}{_STORAGE_CLASS}requests.storage"] = used["requests.storage"]
    return used


_MORE: Mapping[str, Callable[[Object], dict[str, Quantity]]] = {
    PODS: _pod,
    SERVICES: _service,
    CLAIMS: _claim,
}


def is_counted(key: str, resource: str) -> bool:
    """Whether objects of the kind can use that quota resource."""
    return key in counted_kinds((resource,))


def counted_kinds(resources: Iterable[str]) -> frozenset[str]:
    """The keys of the kinds that use any of these quota resources."""
    return frozenset(key for resource in resources if (key := _kind_of(resource)))


def _kind_of(resource: str) -> str:
    if resource.startswith("count/"):
        return resource.removeprefix("count/")
    if resource in _NAMED:
        return resource
    if resource.startswith("services."):
        return SERVICES
    if resource == "requests.storage" or _STORAGE_CLASS in resource:
        return CLAIMS
    if resource.startswith(("requests.", "limits.", "hugepages-")) or resource in _COMPUTE:
        return PODS
    return ""


def total(key: str, objects: Iterable[Object], now: float) -> dict[str, Quantity]:
    used: dict[str, Quantity] = {}
    for obj in objects:
        used = plus(used, usage(key, obj, now))
    return used
