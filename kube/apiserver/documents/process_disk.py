"""process_* metrics, as every Prometheus client has them."""

import os
import resource
from collections.abc import Iterator
from functools import cache
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
_SELF = Path("/proc/self")


def lines() -> Iterator[str]:
    """Of this process, now."""
    fields = _stat()
    yield from _metric("cpu_seconds_total", "counter", (int(fields[11]) + int(fields[12])) / _TICKS)
    yield from _metric("resident_memory_bytes", "gauge", int(fields[21]) * _PAGE_BYTES)
    yield from _metric("virtual_memory_bytes", "gauge", int(fields[20]))
    yield from _metric("open_fds", "gauge", len(os.listdir(_SELF / "fd")))
    yield from _metric("max_fds", "gauge", resource.getrlimit(resource.RLIMIT_NOFILE)[0])
    yield from _metric("start_time_seconds", "gauge", _started_s())


def _metric(name: str, kind: str, value: float) -> Iterator[str]:
    yield f"# TYPE process_{name} {kind}"
    yield f"process_{name} {value}"


def _stat() -> list[str]:
    """The fields behind the name of the program, which may hold anything (proc(5))."""
    return (_SELF / "stat").read_text().rpartition(")")[2].split()


@cache
def _started_s() -> float:
    """Seconds since 1970."""
    booted = next(line for line in Path("/proc/stat").read_text().splitlines() if line.startswith("btime "))
    return int(booted.split()[1]) + int(_stat()[19]) / _TICKS
