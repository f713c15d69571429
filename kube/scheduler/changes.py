"""Which changes of nodes and pods matter to pods that wait. Pure."""

from __future__ import annotations

from kube.objects import Node, Pod
from kube.scheduler.queue import Happening


def node_happenings(old: Node | None, new: Node | None) -> tuple[Happening, ...]:
    """What a change of a node may mean for pods that no node would take."""
    if new is None:
        return (Happening.NODE_DELETED,)
    if old is None:
        return (Happening.NODE_ADDED,)
    found = []
    if old.status.allocatable != new.status.allocatable or old.status.capacity != new.status.capacity:
        found.append(Happening.NODE_RESOURCES)
    if old.metadata.labels != new.metadata.labels:
        found.append(Happening.NODE_LABELS)
    if old.spec.taints != new.spec.taints or old.spec.unschedulable != new.spec.unschedulable:
        found.append(Happening.NODE_TAINTS)
    return tuple(found)


def same_to_scheduler(old: Pod, new: Pod) -> bool:
    """Status updates are most of a pod's changes; only its start time (preemption) matters of them."""
    return (
        old.spec == new.spec
        and old.metadata.uid == new.metadata.uid
        and old.metadata.labels == new.metadata.labels
        and old.metadata.deletion_timestamp == new.metadata.deletion_timestamp
        and old.status.start_time == new.status.start_time
    )
