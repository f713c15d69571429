"""When a pod must leave a node that has NoExecute taints. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from kube.controllers.nodelifecycle.plan import NOT_READY, UNREACHABLE, timed_taint
from kube.objects import Pod, Taint, Toleration


def _tolerates(toleration: Toleration, taint: Taint) -> bool:
    if toleration.effect not in ("", taint.effect) or toleration.key not in ("", taint.key):
        return False
    if toleration.operator == "Exists":
        return True
    return bool(toleration.key) and toleration.value == taint.value


def leaves_at(pod: Pod, taints: Iterable[Taint], now: float, limit_s: float | None) -> float | None:
    """Unix seconds, at most `now` for at once; None: it may stay.

    `limit_s` bounds how long a not-ready or unreachable node is tolerated by a toleration that has a time at all.
    """
    earliest: float | None = None
    for taint in taints:
        if taint.effect != "NoExecute":
            continue
        fitting = [one for one in pod.spec.tolerations if _tolerates(one, taint)]
        if not fitting:
            return now
        times = [one.toleration_seconds for one in fitting if one.toleration_seconds is not None]
        if not times:
            continue
        allowed_s: float = max(0, min(times))
        if limit_s is not None and taint.key in (NOT_READY, UNREACHABLE):
            allowed_s = min(allowed_s, limit_s)
        at = timed_taint(taint, now) + allowed_s
        earliest = at if earliest is None else min(earliest, at)
    return earliest
