"""What the scheduler writes to the API, as JSON-shaped values."""

from __future__ import annotations

from typing import Any

from kube.events import timestamp
from kube.objects import Pod
from kube.scheduler.pods import PodInfo


def binding(pod: PodInfo, node: str) -> dict[str, Any]:
    """The uid makes sure that a successor of the same name is not bound by an old decision."""
    return {
        "apiVersion": "v1",
        "kind": "Binding",
        "metadata": {"name": pod.key.name, "namespace": pod.key.namespace, "uid": pod.uid},
        "target": {"apiVersion": "v1", "kind": "Node", "name": node},
    }


def condition(type_: str, status: str, reason: str, message: str, now: float) -> dict[str, Any]:
    return {
        "type": type_,
        "status": status,
        "reason": reason,
        "message": message,
        "lastProbeTime": None,
        "lastTransitionTime": timestamp(now),
    }


def unschedulable(
    pod: Pod, reason: str, message: str, now: float, nominated_node: str | None
) -> dict[str, Any] | None:
    """The status patch that tells why; None when it says so already. `nominated_node` None leaves that as it is."""
    said = any(
        one.type == "PodScheduled"
        and one.status == "False"
        and one.reason == reason
        and one.message == message
        for one in pod.status.conditions
    )
    if said and nominated_node in (None, pod.status.nominated_node_name):
        return None
    status: dict[str, Any] = {"conditions": [condition("PodScheduled", "False", reason, message, now)]}
    if nominated_node is not None:
        status["nominatedNodeName"] = nominated_node
    return {"status": status}


def disrupted(scheduler_name: str, now: float) -> dict[str, Any]:
    message = f"{scheduler_name}: preempting to accommodate a higher priority pod"
    return {
        "status": {
            "conditions": [condition("DisruptionTarget", "True", "PreemptionByScheduler", message, now)]
        }
    }
