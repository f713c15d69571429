"""Which pods to remove, and why. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec

from kube.controllers.pods import is_terminal
from kube.objects import Pod


class Removal(msgspec.Struct, frozen=True, kw_only=True):
    pod: Pod
    message: str  # "" when there is nothing to tell


def removals(
    pods: Iterable[Pod], lost_nodes: Mapping[str, float], now: float, quarantine_s: float, kept: int
) -> list[Removal]:
    """`lost_nodes`: names that pods are bound to but that are no nodes, with the time since when that is known."""
    found: list[Removal] = []
    finished: list[Pod] = []
    for pod in pods:
        node = pod.spec.node_name
        if node in lost_nodes and lost_nodes[node] + quarantine_s <= now:
            found.append(Removal(pod=pod, message="PodGC: node no longer exists"))
        elif pod.metadata.deletion_timestamp is not None and not node:
            found.append(Removal(pod=pod, message=""))
        elif is_terminal(pod) and pod.metadata.deletion_timestamp is None:
            finished.append(pod)
    if len(finished) > kept > 0:
        finished.sort(key=lambda pod: (pod.metadata.creation_timestamp or "", pod.metadata.name))
        found += [Removal(pod=pod, message="") for pod in finished[: len(finished) - kept]]
    return found
