"""Which daemon pods to make and delete, and the status. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from kube.controllers.daemonset.template import Fitness, node_of
from kube.controllers.history.plan import HASH_LABEL
from kube.controllers.pods import is_available, is_ready, is_terminal
from kube.controllers.rounding import scaled
from kube.objects import DaemonSet, DaemonSetStatus, Pod


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    create: tuple[str, ...] = ()  # nodes
    delete: tuple[Pod, ...] = ()
    failed: tuple[Pod, ...] = ()  # to delete after a back-off


class _Node(msgspec.Struct, frozen=True, kw_only=True):
    """The living pods of one node; `old` are of earlier templates."""

    name: str
    fit: Fitness
    new: tuple[Pod, ...]
    old: tuple[Pod, ...]
    failed: tuple[Pod, ...]
    leaving: bool  # a pod is still on its way out


def by_node(pods: Sequence[Pod]) -> dict[str, list[Pod]]:
    found: dict[str, list[Pod]] = {}
    for pod in pods:
        found.setdefault(node_of(pod), []).append(pod)
    return found


def _nodes(fits: Mapping[str, Fitness], pods: Sequence[Pod], digest: str) -> list[_Node]:
    placed = by_node(pods)
    lost = Fitness(may_run=False, may_stay=True)  # a node that is gone: others collect its pods
    nodes = []
    for name in {**fits, **placed}:
        here = placed.get(name, [])
        alive = [pod for pod in here if pod.metadata.deletion_timestamp is None]
        running = [pod for pod in alive if not is_terminal(pod)]
        nodes.append(
            _Node(
                name=name,
                fit=fits.get(name, lost),
                new=tuple(pod for pod in running if pod.metadata.labels.get(HASH_LABEL) == digest),
                old=tuple(pod for pod in running if pod.metadata.labels.get(HASH_LABEL) != digest),
                failed=tuple(pod for pod in alive if is_terminal(pod)),
                leaving=len(alive) < len(here),
            )
        )
    return nodes


def plan(
    daemon_set: DaemonSet, fits: Mapping[str, Fitness], pods: Sequence[Pod], digest: str, now: float
) -> Plan:
    """`fits` by node name; `digest` names the present template."""
    if daemon_set.metadata.deletion_timestamp is not None:
        return Plan()
    nodes = _nodes(fits, pods, digest)
    create: list[str] = []
    delete: list[Pod] = []
    failed: list[Pod] = []
    for node in nodes:
        running = (*node.new, *node.old)
        if not node.fit.may_stay:
            delete += running
            continue
        failed += node.failed
        if node.fit.may_run and not running and not node.failed and not node.leaving:
            create.append(node.name)
        for several in (node.new, node.old):
            ordered = sorted(
                several, key=lambda pod: (pod.metadata.creation_timestamp or "", pod.metadata.name)
            )
            delete += ordered[1:]
    rolled = _roll(daemon_set, [node for node in nodes if node.fit.may_run], now)
    return Plan(
        create=(*create, *rolled.create),
        delete=(*delete, *(pod for pod in rolled.delete if pod not in delete)),
        failed=tuple(failed),
    )


def _roll(daemon_set: DaemonSet, nodes: Sequence[_Node], now: float) -> Plan:
    """Old pods that are not available go at once; available ones as maxUnavailable and maxSurge allow."""
    if daemon_set.spec.update_strategy.type != "RollingUpdate":
        return Plan()
    rolling = daemon_set.spec.update_strategy.rolling_update
    surge = scaled(rolling.max_surge if rolling else 0, len(nodes), up=True)
    default = 1 if rolling is None or rolling.max_unavailable is None else rolling.max_unavailable
    unavailable = scaled(default, len(nodes), up=True)
    if not surge and not unavailable:
        unavailable = 1
    min_ready_s = daemon_set.spec.min_ready_seconds

    def available(pods: Sequence[Pod]) -> bool:
        return any(is_available(pod, min_ready_s, now) for pod in pods)

    if surge:
        return _surge(
            nodes, surge, available_nodes={node.name for node in nodes if available(node.new)}, now=now
        )
    down = sum(not available((*node.new, *node.old)) for node in nodes)
    delete: list[Pod] = []
    for node in nodes:
        if node.old and not available(node.old):
            delete += node.old
    left = max(0, unavailable - down)
    candidates = [node for node in nodes if node.old and available(node.old)]
    for node in candidates[:left]:
        delete += node.old
    return Plan(delete=tuple(delete))


def _surge(nodes: Sequence[_Node], surge: int, available_nodes: set[str], now: float) -> Plan:
    """The new pod beside the old one; the old one goes when the new one is available."""
    create: list[str] = []
    delete: list[Pod] = []
    surging = sum(bool(node.old and node.new) for node in nodes)
    for node in nodes:
        if node.old and node.name in available_nodes:
            delete += node.old
        elif node.old and not node.new and (surging < surge or not any(is_ready(pod) for pod in node.old)):
            create.append(node.name)
            surging += 1
    return Plan(create=tuple(create), delete=tuple(delete))


def status(
    daemon_set: DaemonSet, fits: Mapping[str, Fitness], pods: Sequence[Pod], digest: str, now: float
) -> DaemonSetStatus:
    desired = current = misplaced = ready = available = updated = 0
    min_ready_s = daemon_set.spec.min_ready_seconds
    placed = by_node([pod for pod in pods if pod.metadata.deletion_timestamp is None])
    for name, fit in fits.items():
        here = placed.get(name, [])
        if not fit.may_run:
            misplaced += bool(here)
            continue
        desired += 1
        current += bool(here)
        ready += any(is_ready(pod) for pod in here)
        available += any(is_available(pod, min_ready_s, now) for pod in here)
        updated += any(pod.metadata.labels.get(HASH_LABEL) == digest for pod in here)
    return DaemonSetStatus(
        current_number_scheduled=current,
        number_misscheduled=misplaced,
        desired_number_scheduled=desired,
        number_ready=ready,
        updated_number_scheduled=updated,
        number_available=available,
        number_unavailable=desired - available,
        observed_generation=daemon_set.metadata.generation,
        conditions=daemon_set.status.conditions,
    )
