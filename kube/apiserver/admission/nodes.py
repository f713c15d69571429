"""TaintNodesByCondition: nothing is scheduled to a node before it has said that it is ready."""

from kube.apiserver.kinds import Kind
from kube.apiserver.requests.request import Object
from kube.apiserver.state import Api

_NOT_READY = "node.kubernetes.io/not-ready"


def not_ready_yet(api: Api, kind: Kind, obj: Object) -> None:
    """The node controller takes the taint away when the node is ready."""
    spec = obj.get("spec")
    if not isinstance(spec, dict):
        spec = obj["spec"] = {}
    taints = spec.get("taints") or []
    if not any(row.get("key") == _NOT_READY and row.get("effect") == "NoSchedule" for row in taints):
        spec["taints"] = [*taints, {"key": _NOT_READY, "effect": "NoSchedule"}]
