"""What the server sets on pods beyond their metadata: first status, quality of service, grace on deletion."""

from datetime import datetime, timedelta
from typing import Any

from kube.apiserver.kinds import quantity

Object = dict[str, Any]


def prepare_create(obj: Object) -> None:
    """A new pod is pending, in the QoS class that its resources give it."""
    obj["status"] = {"phase": "Pending", "qosClass": qos_class(obj.get("spec") or {})}
    gates = (obj.get("spec") or {}).get("schedulingGates")
    if gates:
        obj["status"]["conditions"] = [
            {
                "type": "PodScheduled",
                "status": "False",
                "reason": "SchedulingGated",
                "message": "Scheduling is blocked due to non-empty scheduling gates",
                "lastProbeTime": None,
                "lastTransitionTime": obj["metadata"].get("creationTimestamp"),
            }
        ]


def qos_class(spec: Object) -> str:
    """BestEffort without cpu and memory; Guaranteed where every container's limits equal its requests."""
    requests: dict[str, int] = {}
    limits: dict[str, int] = {}
    guaranteed = True
    for container in (*(spec.get("containers") or ()), *(spec.get("initContainers") or ())):
        resources = container.get("resources") or {}
        _add(requests, resources.get("requests"))
        if _add(limits, resources.get("limits")) != {"cpu", "memory"}:
            guaranteed = False
    if not requests and not limits:
        return "BestEffort"
    return "Guaranteed" if guaranteed and requests == limits else "Burstable"


def _add(total: dict[str, int], amounts: Object | None) -> set[str]:
    names = set()
    for name in ("cpu", "memory"):
        amount = (amounts or {}).get(name)
        if amount is not None:
            nano = _nano(amount)
            if nano:
                names.add(name)
                total[name] = total.get(name, 0) + nano
    return names


def _nano(amount: Any) -> int:
    try:
        return quantity.parse(str(amount)).nano
    except ValueError:
        return 0  # validation names it


def grace_period_s(obj: Object, asked_s: int | None) -> int:
    """Seconds between the request and the end; 0 for pods that no node runs."""
    spec = obj.get("spec") or {}
    grace_s = asked_s
    if grace_s is None:
        grace_s = spec.get("terminationGracePeriodSeconds")
    if grace_s is None:
        grace_s = 30
    if not spec.get("nodeName") or (obj.get("status") or {}).get("phase") in ("Succeeded", "Failed"):
        return 0
    return 1 if grace_s < 0 else int(grace_s)


def add_seconds(time_text: str, seconds: int) -> str:
    """RFC 3339 text, `seconds` later, in UTC."""
    if not seconds:
        return time_text
    later = datetime.fromisoformat(time_text) + timedelta(seconds=seconds)
    return later.strftime("%Y-%m-%dT%H:%M:%SZ")
