"""What this process uses, as the kernel counts it (proc(5)): the figures that every Prometheus client gives."""

from __future__ import annotations

import os
from typing import NamedTuple

_TICKS_PER_S = os.sysconf("SC_CLK_TCK")
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


class Usage(NamedTuple):
    cpu_s: float  # user and system
    virtual_bytes: int
    resident_bytes: int
    open_files: int


def usage() -> Usage:
    """Now."""
    fields = _stat()
    return Usage(
        cpu_s=(int(fields[11]) + int(fields[12])) / _TICKS_PER_S,
        virtual_bytes=int(fields[20]),
        resident_bytes=int(fields[21]) * _PAGE_BYTES,
        open_files=len(os.listdir("/proc/self/fd")),
    )


def started_at_s() -> float:
    """Seconds since 1970."""
    with open("/proc/stat") as file:
        booted_s = next(int(line.split()[1]) for line in file if line.startswith("btime "))
    return booted_s + int(_stat()[19]) / _TICKS_PER_S


def _stat() -> list[str]:
    """The fields behind the program's name, which may hold anything: the first is `state`, the third of proc(5)."""
    with open("/proc/self/stat") as file:
        return file.read().rpartition(")")[2].split()
