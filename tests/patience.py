"""Waiting for what must come: one patience for all tests, longer than a busy machine stands still."""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")
PATIENCE_S = 120.0  # only a failure takes so long


def until(check: Callable[[], T], what: object = "it", *, timeout_s: float = PATIENCE_S) -> T:
    """The first true value of `check`; fails with `what` and its last value after the time."""
    give_up_at_s = time.monotonic() + timeout_s
    while not (value := check()):
        assert time.monotonic() < give_up_at_s, f"not in {timeout_s:g} s: {what} (last: {value!r})"
        time.sleep(0.05)
    return value
