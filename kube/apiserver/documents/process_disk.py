"""process_* metrics, as every Prometheus client has them."""

import resource
from collections.abc import Iterator
from functools import cache

from linux import own_process


def lines() -> Iterator[str]:
    """Of this process, now."""
    now = own_process.usage()
    yield from _metric("cpu_seconds_total", "counter", now.cpu_s)
    yield from _metric("resident_memory_bytes", "gauge", now.resident_bytes)
    yield from _metric("virtual_memory_bytes", "gauge", now.virtual_bytes)
    yield from _metric("open_fds", "gauge", now.open_files)
    yield from _metric("max_fds", "gauge", resource.getrlimit(resource.RLIMIT_NOFILE)[0])
    yield from _metric("start_time_seconds", "gauge", _started_at_s())


def _metric(name: str, kind: str, value: float) -> Iterator[str]:
    yield f"# TYPE process_{name} {kind}"
    yield f"process_{name} {value}"


@cache
def _started_at_s() -> float:
    return own_process.started_at_s()
