"""Waiting for something by asking again, with pauses that grow from 0.2 ms to 5 ms."""

from __future__ import annotations

from time import monotonic, sleep

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

_FIRST_PAUSE_S = 0.0002
_LONGEST_PAUSE_S = 0.005


def poll(done: Callable[[], bool], timeout_s: float) -> bool:
    """True as soon as done() is; False if it is not within timeout_s. It is asked at least once."""
    give_up_at = monotonic() + timeout_s
    pause_s = _FIRST_PAUSE_S
    while not done():
        if monotonic() >= give_up_at:
            return False
        sleep(pause_s)
        pause_s = min(pause_s * 1.5, _LONGEST_PAUSE_S)
    return True
