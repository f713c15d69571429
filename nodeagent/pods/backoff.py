"""How long a failing container waits before its next start (CrashLoopBackOff)."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from nodeagent.pods.times import epoch
from nodeagent.runtime.records import ContainerRecord

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


def delays_of_runs(records: Iterable[ContainerRecord]) -> dict[str, Delay]:
    """What the runs found on disk say about the delays that a former agent had in mind."""
    delays: dict[str, Delay] = {}
    images: dict[str, str] = {}
    for record in sorted(records, key=lambda each: each.attempt):
        if images.get(record.name, record.image) != record.image:
            delays.pop(record.name, None)  # what another image did does not count
        elif record.attempt:
            delay_s = min(FIRST_S * 2.0 ** min(record.attempt - 1, 30), LIMIT_S)
            delays[record.name] = Delay(delay_s, epoch(record.created_at))
        images[record.name] = record.image
    return delays
