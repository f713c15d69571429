"""How long a failing container waits before its next start (CrashLoopBackOff)."""

from collections.abc import Mapping
from typing import NamedTuple

FIRST_S = 10.0
LIMIT_S = 300.0
_FORGET_S = 600.0  # a run this long without a restart starts over


class Delay(NamedTuple):
    """After its last restart at `since_s` the container's next one has to wait `delay_s` from its end."""

    delay_s: float
    since_s: float


Delays = Mapping[str, Delay]


def restart_at(delays: Delays, name: str, finished_s: float) -> float:
    """When the container may start again; the first restart is immediate."""
    delay = delays.get(name)
    if delay is None or finished_s - delay.since_s > _FORGET_S:
        return finished_s
    return finished_s + delay.delay_s


def restarted(delays: Delays, name: str, now_s: float) -> dict[str, Delay]:
    """The delays after the container was started once more."""
    before = delays.get(name)
    if before is None or now_s - before.since_s > _FORGET_S + before.delay_s:
        delay_s = FIRST_S
    else:
        delay_s = min(before.delay_s * 2, LIMIT_S)
    return {**delays, name: Delay(delay_s, now_s)}
