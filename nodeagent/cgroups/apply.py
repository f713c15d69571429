"""Making, limiting and removing cgroups. A path is the same below every hierarchy's mount point."""

import contextlib
import os
from collections.abc import Iterable

from nodeagent.cgroups.plan import Limits, Setting, settings_v1, settings_v2

TOP = "/sys/fs/cgroup"
_CONTROLLERS = ("cpu", "memory", "pids")


def is_v2(top: str = TOP) -> bool:
    """Whether the only hierarchy is of version 2."""
    return os.path.exists(f"{top}/cgroup.controllers")


def missing_controllers(top: str = TOP) -> tuple[str, ...]:
    """Those of cpu, memory and pids that the kernel does not offer here."""
    if is_v2(top):
        with open(f"{top}/cgroup.controllers", encoding="ascii") as file:
            offered = file.read().split()
        return tuple(name for name in _CONTROLLERS if name not in offered)
    return tuple(name for name in _CONTROLLERS if not os.path.isdir(f"{top}/{name}"))


def make(path: str, limits: Limits, top: str = TOP) -> None:
    """A cgroup for others below it. Idempotent. Raises OSError."""
    if is_v2(top):
        folder = top
        for part in path.strip("/").split("/"):
            _delegate(folder)
            folder = f"{folder}/{part}"
            os.makedirs(folder, exist_ok=True)
    else:
        for controller in _CONTROLLERS:
            if os.path.isdir(f"{top}/{controller}"):
                os.makedirs(f"{top}/{controller}{path}", exist_ok=True)
    limit(path, limits, top)


def _delegate(folder: str) -> None:
    """Let the children of a version 2 cgroup have the controllers it has itself."""
    with open(f"{folder}/cgroup.controllers", encoding="ascii") as file:
        offered = file.read().split()
    wanted = [f"+{name}" for name in _CONTROLLERS if name in offered]
    with open(f"{folder}/cgroup.subtree_control", "w", encoding="ascii") as file:
        file.write(" ".join(wanted))


def limit(path: str, limits: Limits, top: str = TOP) -> None:
    """Set the limits of an existing cgroup; a controller that is not there sets none. Raises OSError."""
    if is_v2(top):
        _write((f"{top}{path}", setting) for setting in settings_v2(limits))
    else:
        _write((f"{top}/{setting.controller}{path}", setting) for setting in settings_v1(limits))


def _write(settings: Iterable[tuple[str, Setting]]) -> None:
    for folder, setting in settings:
        try:
            with open(f"{folder}/{setting.file}", "r+", encoding="ascii") as file:
                if file.read().strip() != setting.value:
                    file.write(setting.value)
        except FileNotFoundError:
            continue


def remove(path: str, top: str = TOP) -> None:
    """With all below it, in every hierarchy; what still has processes stays. Absent is fine."""
    for hierarchy in (top, *(f"{top}/{name}" for name in os.listdir(top))):
        for folder, _folders, _files in os.walk(f"{hierarchy}{path}", topdown=False):
            with contextlib.suppress(OSError):
                os.rmdir(folder)
