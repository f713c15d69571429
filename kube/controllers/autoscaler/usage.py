"""From what pods use to how many of them there should be, one metric at a time. Pure.

What is not known is assumed to speak against the change: a pod without metrics uses nothing when the others ask for
more, and all it may when they ask for fewer; a pod that is not ready counts as idle when there should be more.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import msgspec

from kube.controllers.autoscaler.kinds import Metric, PodMetrics, ResourceMetric
from kube.controllers.clock import seconds
from kube.controllers.pods import condition
from kube.objects import Pod
from kube.scheduler.quantity import milli


class Patience(msgspec.Struct, frozen=True, kw_only=True):
    """How long a young pod's CPU is not believed, in seconds."""

    cpu_initialization_s: float = 300.0
    initial_readiness_s: float = 30.0


class Proposal(msgspec.Struct, frozen=True, kw_only=True):
    replicas: int
    title: str  # as events and conditions name the metric
    current: Mapping[str, object] | None = None  # for status.currentMetrics


class NoProposal(msgspec.Struct, frozen=True, kw_only=True):
    reason: str
    message: str


class _Sorted(msgspec.Struct, frozen=True):
    usage: Mapping[str, int]  # by name of pod, in thousandths
    missing: frozenset[str]
    unready: frozenset[str]


def propose(
    metric: Metric,
    replicas: int,
    pods: Sequence[Pod],
    measured: Mapping[str, PodMetrics],
    now: float,
    tolerance: tuple[float, float],
    patience: Patience,
) -> Proposal | NoProposal:
    """`tolerance`: by how much of the target the use may be below and above it without consequence."""
    source = metric.resource or metric.container_resource
    if source is None:
        return NoProposal(
            reason=f"FailedGet{metric.type}Metric",
            message=f"no API serves metrics of type {metric.type}: only Resource and ContainerResource",
        )
    what = f"{source.name} container" if source.container else source.name
    failed = f"FailedGet{metric.type}Metric"
    sorted_ = _sort(source, pods, measured, now, patience)
    if not sorted_.usage:
        return NoProposal(
            reason=failed,
            message=f"failed to get {what} utilization: did not receive metrics for targeted pods "
            "(pods might be unready)",
        )
    target = source.target
    if target.average_value is not None:
        limit = dict.fromkeys((pod.metadata.name for pod in pods), milli(target.average_value))
        return _propose(metric, source, replicas, sorted_, limit, 1.0, tolerance)
    counted = {*sorted_.usage, *sorted_.missing, *sorted_.unready}
    requests: dict[str, int] = {}
    for pod in pods:
        if pod.metadata.name in counted:
            request = _request(pod, source)
            if isinstance(request, str):
                return NoProposal(
                    reason=failed,
                    message=f"failed to get {what} utilization: missing request for {source.name} in "
                    f"container {request} of Pod {pod.metadata.name}",
                )
            requests[pod.metadata.name] = request
    wanted = (target.average_utilization or 0) / 100
    return _propose(metric, source, replicas, sorted_, requests, wanted, tolerance)


def _propose(
    metric: Metric,
    source: ResourceMetric,
    replicas: int,
    sorted_: _Sorted,
    full: Mapping[str, int],
    wanted: float,
    tolerance: tuple[float, float],
) -> Proposal:
    """`full` is what each pod may use, `wanted` the part of it that is aimed at."""
    used = sum(sorted_.usage.values())
    may_use = sum(full[name] for name in sorted_.usage) or 1
    ratio = used / may_use / (wanted or 1)
    average = used // len(sorted_.usage)
    current: dict[str, object] = {"averageValue": f"{average}m"}
    if source.target.average_value is None:
        current["averageUtilization"] = 100 * used // may_use
    field = metric.type[0].lower() + metric.type[1:]
    named = {"name": source.name, **({"container": source.container} if source.container else {})}
    kind = "" if source.target.average_value else " utilization (percentage of request)"
    return Proposal(
        replicas=_replicas(replicas, ratio, sorted_, full, wanted, tolerance),
        title=f"{source.name} {'container ' if source.container else ''}resource{kind}",
        current={"type": metric.type, field: {**named, "current": current}},
    )


def _replicas(
    replicas: int,
    ratio: float,
    sorted_: _Sorted,
    full: Mapping[str, int],
    wanted: float,
    tolerance: tuple[float, float],
) -> int:
    idle = sorted_.unready if ratio > 1 else frozenset()
    if not idle and not sorted_.missing:
        return replicas if _tolerable(ratio, tolerance) else math.ceil(ratio * len(sorted_.usage))
    usage = dict(sorted_.usage)
    for name in sorted_.missing:
        usage[name] = 0 if ratio > 1 else round(full[name] * max(1.0, wanted))
    usage.update(dict.fromkeys(idle, 0))
    believed = sum(usage.values()) / (sum(full[name] for name in usage) or 1) / (wanted or 1)
    if _tolerable(believed, tolerance) or (ratio < 1) != (believed < 1):
        return replicas
    proposed = math.ceil(believed * len(usage))
    backwards = proposed > replicas if believed < 1 else proposed < replicas
    return replicas if backwards else proposed


def _tolerable(ratio: float, tolerance: tuple[float, float]) -> bool:
    below, above = tolerance
    return 1 - below <= ratio <= 1 + above


def _sort(
    source: ResourceMetric,
    pods: Sequence[Pod],
    measured: Mapping[str, PodMetrics],
    now: float,
    patience: Patience,
) -> _Sorted:
    usage: dict[str, int] = {}
    missing, unready = set(), set()
    for pod in pods:
        name = pod.metadata.name
        if pod.metadata.deletion_timestamp is not None or pod.status.phase == "Failed":
            continue
        if pod.status.phase == "Pending":
            unready.add(name)
            continue
        used = _usage(measured.get(name), source)
        if used is None:
            missing.add(name)
        elif source.name == "cpu" and _is_young(pod, measured[name], now, patience):
            unready.add(name)
        else:
            usage[name] = used
    return _Sorted(usage, frozenset(missing), frozenset(unready))


def _usage(metrics: PodMetrics | None, source: ResourceMetric) -> int | None:
    if metrics is None:
        return None
    found = [
        milli(one.usage[source.name])
        for one in metrics.containers
        if source.name in one.usage and source.container in ("", one.name)
    ]
    return sum(found) if found else None


def _is_young(pod: Pod, metrics: PodMetrics, now: float, patience: Patience) -> bool:
    """Starting up costs CPU that says nothing about the load."""
    ready = condition(pod.status.conditions, "Ready")
    if ready is None or pod.status.start_time is None:
        return True
    started = seconds(pod.status.start_time)
    changed = seconds(ready.last_transition_time) if ready.last_transition_time else started
    if started + patience.cpu_initialization_s > now:
        measured_at = seconds(metrics.timestamp) if metrics.timestamp else now
        return ready.status != "True" or measured_at < changed
    return ready.status != "True" and started + patience.initial_readiness_s > changed


def _request(pod: Pod, source: ResourceMetric) -> int | str:
    """In thousandths; the name of a container that has none."""
    total = 0
    for container in pod.spec.containers:
        if source.container not in ("", container.name):
            continue
        request = container.resources.requests.get(source.name)
        if request is None:
            return container.name
        total += milli(str(request))
    return total
