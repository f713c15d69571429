"""The status of a PodDisruptionBudget. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from kube.controllers.clock import seconds, timestamp
from kube.controllers.pods import condition, is_ready, is_terminal
from kube.controllers.rounding import scaled
from kube.objects import Condition, Pod, PodDisruptionBudget, PodDisruptionBudgetStatus

# How long a granted eviction may take to show (DeletionTimeout of kube-controller-manager).
EVICTION_TIMEOUT_S = 120.0


def status(
    budget: PodDisruptionBudget, pods: Sequence[Pod], expected: int, now: float
) -> PodDisruptionBudgetStatus:
    """`expected`: how many pods their controllers want, which percentages are of."""
    counted = [pod for pod in pods if not is_terminal(pod)]
    disrupted = going(budget, pods, now)
    healthy = sum(
        is_ready(pod) and pod.metadata.deletion_timestamp is None and pod.metadata.name not in disrupted
        for pod in counted
    )
    spec = budget.spec
    if spec.max_unavailable is not None:
        desired = max(0, expected - scaled(spec.max_unavailable, expected, up=True))
    elif isinstance(spec.min_available, int):
        desired, expected = spec.min_available, len(counted)
    else:
        desired = scaled(spec.min_available, expected, up=True)
    allowed = max(0, healthy - desired) if expected else 0
    return PodDisruptionBudgetStatus(
        disruptions_allowed=allowed,
        current_healthy=healthy,
        desired_healthy=desired,
        expected_pods=expected,
        observed_generation=budget.metadata.generation,
        disrupted_pods=disrupted,
        conditions=_conditions(budget, allowed, now),
    )


def going(budget: PodDisruptionBudget, pods: Sequence[Pod], now: float) -> dict[str, str]:
    """Pods that an eviction was granted for and that are still there: their disruption is spent, until it is plain
    that they stay.
    """
    alive = {pod.metadata.name for pod in pods if pod.metadata.deletion_timestamp is None}
    return {
        name: since
        for name, since in budget.status.disrupted_pods.items()
        if name in alive and now < seconds(since) + EVICTION_TIMEOUT_S
    }


def _conditions(budget: PodDisruptionBudget, allowed: int, now: float) -> tuple[Condition, ...]:
    wanted = "True" if allowed else "False"
    known = condition(budget.status.conditions, "DisruptionAllowed")
    generation = budget.metadata.generation
    if known is not None and known.status == wanted and known.observed_generation == generation:
        return budget.status.conditions
    same = known is not None and known.status == wanted
    made = Condition(
        type="DisruptionAllowed",
        status=wanted,
        reason="SufficientPods" if allowed else "InsufficientPods",
        observed_generation=generation,
        last_transition_time=known.last_transition_time if known is not None and same else timestamp(now),
    )
    return (*(one for one in budget.status.conditions if one.type != "DisruptionAllowed"), made)
