"""Questions about pods that several controllers ask."""

from __future__ import annotations

from collections.abc import Iterable

from kube.controllers.clock import seconds
from kube.objects import Condition, Pod


def condition(conditions: Iterable[Condition], type_: str) -> Condition | None:
    return next((one for one in conditions if one.type == type_), None)


def is_terminal(pod: Pod) -> bool:
    return pod.status.phase in ("Succeeded", "Failed")


def is_active(pod: Pod) -> bool:
    """It runs or will run: neither ended nor on its way out."""
    return not is_terminal(pod) and pod.metadata.deletion_timestamp is None


def is_ready(pod: Pod) -> bool:
    ready = condition(pod.status.conditions, "Ready")
    return ready is not None and ready.status == "True"


def ready_since(pod: Pod) -> float | None:
    """Unix seconds; None when not ready, 0 when ready for an unknown time."""
    ready = condition(pod.status.conditions, "Ready")
    if ready is None or ready.status != "True":
        return None
    return seconds(ready.last_transition_time) if ready.last_transition_time else 0.0


def available_at(pod: Pod, min_ready_s: int) -> float | None:
    """Unix seconds from which the pod counts as available; None while it is not ready."""
    since = ready_since(pod)
    if since is None:
        return None
    return since + min_ready_s if min_ready_s else 0.0


def is_available(pod: Pod, min_ready_s: int, now: float) -> bool:
    at = available_at(pod, min_ready_s)
    return at is not None and at <= now


def restarts(pod: Pod) -> int:
    return max((one.restart_count for one in pod.status.container_statuses), default=0)
