"""How much of each signal this node has left."""

import os
import re

from nodeagent.pressure.plan import Level
from nodeagent.stats.disk import node_usage


def levels(root_dir: str) -> dict[str, Level]:
    found = {}
    meminfo = _read("/proc/meminfo")
    total = re.search(r"^MemTotal:\s+(\d+)", meminfo, re.MULTILINE)
    used_bytes = node_usage().working_set_bytes
    if total and used_bytes is not None:
        capacity = int(total[1]) * 1024
        found["memory.available"] = Level(capacity - used_bytes, capacity)
    disk = os.statvfs(root_dir)
    found["nodefs.available"] = Level(disk.f_bavail * disk.f_frsize, disk.f_blocks * disk.f_frsize)
    if disk.f_files:
        found["nodefs.inodesFree"] = Level(disk.f_favail, disk.f_files)
    pid_max, loadavg = _read("/proc/sys/kernel/pid_max").strip(), _read("/proc/loadavg").split()
    if pid_max.isdigit() and len(loadavg) > 3:
        found["pid.available"] = Level(int(pid_max) - int(loadavg[3].partition("/")[2]), int(pid_max))
    return found


def _read(path: str) -> str:
    try:
        with open(path, encoding="ascii", errors="replace") as file:
            return file.read()
    except OSError:
        return ""
