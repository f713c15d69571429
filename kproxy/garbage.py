"""Python's cycle collector, kept from walking over 100,000 values that hold no cycles.

Frozen values free themselves by reference counts; a full collection over those of 10,000 services takes 0.3 s
and would come several times during one load.
"""

import gc
from collections.abc import Iterator
from contextlib import contextmanager

_YOUNG = 20_000
_MIDDLE, _OLD = 50, 100


@contextmanager
def paused() -> Iterator[None]:
    """Not at all during a load; what was loaded is then taken for permanent."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        if was_enabled:
            gc.enable()


def calm() -> None:
    """For a process that lives on: rarely, and old values hardly ever."""
    gc.set_threshold(_YOUNG, _MIDDLE, _OLD)
