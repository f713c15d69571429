"""What a node's silence or conditions mean for its status and taints. Pure."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from kube.controllers.clock import seconds, timestamp
from kube.controllers.options import ControllerOptions
from kube.controllers.pods import condition
from kube.objects import ZONE_LABEL, Condition, Node, Taint

NOT_READY = "node.kubernetes.io/not-ready"
UNREACHABLE = "node.kubernetes.io/unreachable"
UNSCHEDULABLE = "node.kubernetes.io/unschedulable"

# Condition type, its bad status, and the taint that says so to the scheduler.
_NO_SCHEDULE = (
    ("Ready", "False", NOT_READY),
    ("Ready", "Unknown", UNREACHABLE),
    ("MemoryPressure", "True", "node.kubernetes.io/memory-pressure"),
    ("DiskPressure", "True", "node.kubernetes.io/disk-pressure"),
    ("PIDPressure", "True", "node.kubernetes.io/pid-pressure"),
    ("NetworkUnavailable", "True", "node.kubernetes.io/network-unavailable"),
)
_REPORTED = ("Ready", "MemoryPressure", "DiskPressure", "PIDPressure")
_MANAGED = frozenset({*((key, "NoSchedule") for _, _, key in _NO_SCHEDULE), (UNSCHEDULABLE, "NoSchedule")})
_EVICTING = frozenset({NOT_READY, UNREACHABLE})


def ready_status(node: Node) -> str:
    """True, False or Unknown; a node that never said is Unknown."""
    ready = condition(node.status.conditions, "Ready")
    return ready.status if ready is not None else "Unknown"


def zone_of(node: Node) -> str:
    return node.metadata.labels.get(ZONE_LABEL, "")


def silence_allowed_s(node: Node, options: ControllerOptions) -> float:
    """A node that has never reported gets longer."""
    reported = condition(node.status.conditions, "Ready") is not None
    return options.node_monitor_grace_s if reported else options.node_startup_grace_s


def silenced(node: Node, now: float) -> tuple[Condition, ...] | None:
    """The conditions of a node that stopped reporting; None when they say so already."""
    changed: dict[str, Condition] = {}
    for type_ in _REPORTED:
        known = condition(node.status.conditions, type_)
        if known is None:
            changed[type_] = Condition(
                type=type_,
                status="Unknown",
                reason="NodeStatusNeverUpdated",
                message="Kubelet never posted node status.",
                last_heartbeat_time=node.metadata.creation_timestamp,
                last_transition_time=timestamp(now),
            )
        elif known.status != "Unknown":
            changed[type_] = msgspec.structs.replace(
                known,
                status="Unknown",
                reason="NodeStatusUnknown",
                message="Kubelet stopped posting node status.",
                last_transition_time=timestamp(now),
            )
    if not changed:
        return None
    kept = tuple(one for one in node.status.conditions if one.type not in changed)
    return (*kept, *changed.values())


def taints(node: Node, now: float, *, may_evict: bool) -> tuple[Taint, ...] | None:
    """The node's taints as its conditions want them; None when nothing differs. `may_evict`: NoExecute may be added."""
    by_type = {one.type: one.status for one in node.status.conditions}
    wanted = {(key, "NoSchedule") for type_, bad, key in _NO_SCHEDULE if by_type.get(type_) == bad}
    if node.spec.unschedulable:
        wanted.add((UNSCHEDULABLE, "NoSchedule"))
    evicting = _evicting_taint(node)
    kept: list[Taint] = []
    for taint in node.spec.taints:
        name = (taint.key, taint.effect)
        if name in _MANAGED and name not in wanted:
            continue
        if taint.effect == "NoExecute" and taint.key in _EVICTING and taint.key != evicting:
            continue
        kept.append(taint)
    have = {(taint.key, taint.effect) for taint in kept}
    if evicting and may_evict:
        wanted.add((evicting, "NoExecute"))
    at = timestamp(now)
    added = [Taint(key=key, effect=effect, time_added=at) for key, effect in sorted(wanted - have)]
    after = (*kept, *added)
    return None if after == node.spec.taints else after


def _evicting_taint(node: Node) -> str:
    ready = condition(node.status.conditions, "Ready")
    if ready is None or ready.status == "True":
        return ""
    return NOT_READY if ready.status == "False" else UNREACHABLE


def wants_eviction(node: Node) -> bool:
    """The NoExecute taint is missing; adding it is rationed."""
    key = _evicting_taint(node)
    return bool(key) and not any(
        taint.key == key and taint.effect == "NoExecute" for taint in node.spec.taints
    )


def eviction_rate(nodes: Iterable[Node], zone: str, options: ControllerOptions) -> float:
    """Nodes a second that may be emptied in the zone. When everything is silent the fault is likely ours: 0."""
    zones: dict[str, list[bool]] = {}
    for node in nodes:
        zones.setdefault(zone_of(node), []).append(ready_status(node) == "True")
    if not any(any(ready) for ready in zones.values()):
        return 0.0
    ready = zones.get(zone, [])
    lost = ready.count(False)
    if lost > 2 and lost / len(ready) >= options.unhealthy_zone_threshold:
        large = len(ready) > options.large_cluster_nodes
        return options.node_secondary_eviction_rate_per_s if large or options.small_zone_evicts else 0.0
    return options.node_eviction_rate_per_s


def timed_taint(taint: Taint, now: float) -> float:
    return seconds(taint.time_added) if taint.time_added else now
