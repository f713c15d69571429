"""What a row of probe results means (core/v1 Probe thresholds). Pure."""

from typing import NamedTuple

from kube.objects.containers import Probe


class Streak(NamedTuple):
    """The last verdict that crossed its threshold, and the row of equal results since."""

    verdict: bool | None = None
    last: bool | None = None
    length: int = 0


def after(streak: Streak, probe: Probe, *, success: bool) -> Streak:
    """The streak with one more result. `verdict` changes when the threshold is reached."""
    length = streak.length + 1 if streak.last is success else 1
    needed = probe.success_threshold if success else probe.failure_threshold
    verdict = success if length >= needed else streak.verdict
    return Streak(verdict, success, length)


def first_delay_s(probe: Probe, random_share: float, *, restarted: bool) -> float:
    """When to probe first: after initialDelaySeconds, and after an agent restart spread over a period."""
    spread_s = random_share * probe.period_seconds if restarted else 0.0
    return probe.initial_delay_seconds + spread_s


def quick_delays_s(probe: Probe) -> tuple[float, ...]:
    """Pauses after failed readiness probes of a fresh container, within its first period."""
    delays = (0.05, 0.1, 0.2, 0.4, 0.8)
    return tuple(
        delay for index, delay in enumerate(delays) if sum(delays[: index + 1]) < probe.period_seconds
    )
