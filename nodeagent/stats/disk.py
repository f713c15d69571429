"""Reading cgroup counters, v1 and v2, and the node's own."""

import os
import re

from nodeagent.stats.summary import FileSystem, Interface, Usage

_V1_CPU = "/sys/fs/cgroup/cpuacct"
_V1_MEMORY = "/sys/fs/cgroup/memory"
_V2 = "/sys/fs/cgroup"


def cgroup_usage(path: str) -> Usage:
    """Of one container; empty where it has no cgroup of its own."""
    v2 = f"{_V2}{path}"
    if os.path.exists(f"{v2}/cpu.stat") and os.path.exists(f"{v2}/memory.current"):
        cpu_us = _field(f"{v2}/cpu.stat", "usage_usec")
        return Usage(
            None if cpu_us is None else cpu_us * 1000,
            _number(f"{v2}/memory.current"),
            _field(f"{v2}/memory.stat", "inactive_file") or 0,
            rss_bytes=_field(f"{v2}/memory.stat", "anon"),
            cache_bytes=_field(f"{v2}/memory.stat", "file"),
            processes=_number(f"{v2}/pids.current"),
            throttled_periods=_field(f"{v2}/cpu.stat", "nr_throttled"),
            periods=_field(f"{v2}/cpu.stat", "nr_periods"),
        )
    return Usage(
        _number(f"{_V1_CPU}{path}/cpuacct.usage"),
        _number(f"{_V1_MEMORY}{path}/memory.usage_in_bytes"),
        _field(f"{_V1_MEMORY}{path}/memory.stat", "total_inactive_file") or 0,
        rss_bytes=_field(f"{_V1_MEMORY}{path}/memory.stat", "total_rss"),
        cache_bytes=_field(f"{_V1_MEMORY}{path}/memory.stat", "total_cache"),
        processes=_number(f"{_V2}/pids{path}/pids.current"),
        throttled_periods=_field(f"{_V2}/cpu{path}/cpu.stat", "nr_throttled"),
        periods=_field(f"{_V2}/cpu{path}/cpu.stat", "nr_periods"),
    )


def interfaces(pid: int | str) -> tuple[Interface, ...]:
    """Of the network namespace of a process, without the loopback (proc(5), /proc/net/dev)."""
    found = []
    for line in _text(f"/proc/{pid}/net/dev").splitlines()[2:]:
        name, _, counters = line.partition(":")
        values = [int(word) for word in counters.split()]
        if name.strip() != "lo" and len(values) >= 12:
            found.append(Interface(name.strip(), *values[0:4], *values[8:12]))
    return tuple(found)


def file_system(path: str) -> FileSystem:
    disk = os.statvfs(path)
    return FileSystem(
        disk.f_blocks * disk.f_frsize, disk.f_bavail * disk.f_frsize, disk.f_files, disk.f_favail
    )


def node_usage() -> Usage:
    """All of the machine: a lab's nodes share theirs."""
    ticks = _text("/proc/stat").split("\n", 1)[0].split()[1:]
    busy = sum(
        int(value) for index, value in enumerate(ticks) if index not in (3, 4, 8, 9)
    )  # not idle, iowait, guest
    meminfo = dict(re.findall(r"^(\w+(?:\(\w+\))?):\s+(\d+)", _text("/proc/meminfo"), re.MULTILINE))
    total, free = int(meminfo.get("MemTotal", 0)), int(meminfo.get("MemFree", 0))
    inactive = int(meminfo.get("Inactive(file)", 0))
    cached = int(meminfo.get("Buffers", 0)) + int(meminfo.get("Active(file)", 0))
    return Usage(
        busy * 1_000_000_000 // os.sysconf("SC_CLK_TCK"), (total - free - cached) * 1024, inactive * 1024
    )


def _number(path: str) -> int | None:
    text = _text(path).strip()
    return int(text) if text.isdigit() else None


def _field(path: str, name: str) -> int | None:
    for line in _text(path).splitlines():
        key, _, value = line.partition(" ")
        if key == name and value.isdigit():
            return int(value)
    return None


def _text(path: str) -> str:
    try:
        with open(path, encoding="ascii", errors="replace") as file:
            return file.read()
    except OSError:
        return ""
