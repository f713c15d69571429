"""What one autoscaler does now: all its metrics, the greediest wins; then not faster than it may. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from kube.controllers.autoscaler.kinds import Autoscaler, PodMetrics
from kube.controllers.autoscaler.pace import Memory, Rules, pace
from kube.controllers.autoscaler.usage import NoProposal, Patience, Proposal, propose
from kube.objects import Pod


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    replicas: int  # the new scale
    why: str = ""  # of the event, when the scale changes
    metrics: tuple[Mapping[str, Any], ...] | None = None  # status.currentMetrics; None: keep them
    conditions: tuple[tuple[str, bool, str, str], ...] = ()  # type, status, reason, message
    failure: NoProposal | None = None


class Load(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be judged: the pods of the target and what was measured of them, by name."""

    pods: Sequence[Pod]
    measured: Mapping[str, PodMetrics]
    now: float  # Unix seconds


def plan(
    one: Autoscaler,
    current: int,
    load: Load,
    rules: tuple[Rules, Rules],
    memory: Memory,
    patience: Patience,
    now: float,
) -> tuple[Outcome, Memory]:
    """`rules` up and down; `now` in loop time."""
    bounds = (one.spec.min_replicas or 1, one.spec.max_replicas)
    if current == 0:
        message = "scaling is disabled since the replica count of the target is zero"
        return Outcome(replicas=0, conditions=(("ScalingActive", False, "ScalingDisabled", message),)), memory
    if current > bounds[1]:
        return Outcome(replicas=bounds[1], why="Current number of replicas above Spec.MaxReplicas"), memory
    if current < bounds[0]:
        return Outcome(replicas=bounds[0], why="Current number of replicas below Spec.MinReplicas"), memory
    up, down = rules
    proposals: list[Proposal] = []
    failures: list[NoProposal] = []
    for metric in one.spec.metrics:
        found = propose(
            metric, current, load.pods, load.measured, load.now, (down.tolerance, up.tolerance), patience
        )
        if isinstance(found, Proposal):
            proposals.append(found)
        else:
            failures.append(found)
    best = max(proposals, key=lambda each: each.replicas, default=None)
    # A metric that cannot be had might have asked for more: without it nothing is scaled down.
    if best is None or (failures and best.replicas < current):
        failure = failures[0] if failures else NoProposal(reason="InvalidMetric", message="no metrics")
        text = f"the HPA was unable to compute the replica count: {failure.message}"
        condition = ("ScalingActive", False, failure.reason, text)
        return Outcome(replicas=current, conditions=(condition,), failure=failure), memory
    paced, memory = pace(current, best.replicas, bounds, up, down, memory, now)
    active = f"the HPA was able to successfully calculate a replica count from {best.title}"
    why = f"{best.title} above target" if paced.replicas > current else "All metrics below target"
    outcome = Outcome(
        replicas=paced.replicas,
        why=why,
        metrics=tuple(each.current for each in proposals if each.current is not None),
        conditions=(
            ("AbleToScale", True, *paced.able),
            ("ScalingActive", True, "ValidMetricFound", active),
            ("ScalingLimited", *paced.limited),
        ),
    )
    return outcome, memory
