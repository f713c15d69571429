"""A cgroup for each lab member in every hierarchy, and a cgroup tree of its own inside its namespaces.

Version 1 controllers, version 2, and the hybrid of both are met in the field. Where version 1 controllers are in
use, a member sees only those: OCI runtimes disagree about the hybrid (crun refuses it).
"""

import os
from pathlib import Path
from typing import NamedTuple

from linux import mounts
from linux.mounts import Mount

PARENT = "klab"
_V2_CONTROLLERS = ("cpuset", "cpu", "io", "memory", "pids")


class Hierarchy(NamedTuple):
    """One mounted cgroup file system of the host."""

    mount_point: str
    version: int
    options: str  # what version 1 is mounted with: its controllers, or name=systemd


def hierarchies(all_mounts: tuple[Mount, ...]) -> tuple[Hierarchy, ...]:
    """Version 1 ones if there are any with controllers, else the version 2 one."""
    v1 = tuple(
        Hierarchy(entry.target, 1, _v1_options(entry.super_options))
        for entry in all_mounts
        if entry.kind == "cgroup"
    )
    v2 = tuple(Hierarchy(entry.target, 2, "") for entry in all_mounts if entry.kind == "cgroup2")
    return v1 or v2[:1]


def _v1_options(super_options: str) -> str:
    mount_only = {"rw", "ro", "xattr", "clone_children", "release_agent"}
    return ",".join(word for word in super_options.split(",") if word.split("=")[0] not in mount_only)


def join(lab: str, member: str) -> None:
    """Move this process into the member's cgroups; its children follow."""
    for hierarchy in hierarchies(mounts.mounts()):
        path = Path(hierarchy.mount_point)
        for part in (PARENT, lab, member):
            if hierarchy.version == 2:
                _delegate(path)
            path /= part
            path.mkdir(exist_ok=True)
            if hierarchy.version == 1 and "cpuset" in hierarchy.options.split(","):
                _inherit_cpuset(path)
        (path / "cgroup.procs").write_text(str(os.getpid()))


def _inherit_cpuset(path: Path) -> None:
    """A new version 1 cpuset has no CPU, and refuses processes until it has."""
    for file in ("cpuset.cpus", "cpuset.mems"):
        if not (path / file).read_text().strip():
            (path / file).write_text((path.parent / file).read_text())


def _delegate(path: Path) -> None:
    """Let children of a version 2 cgroup have controllers; each that the kernel lacks here is left out."""
    available = (path / "cgroup.controllers").read_text().split()
    for controller in _V2_CONTROLLERS:
        if controller in available:
            try:
                (path / "cgroup.subtree_control").write_text(f"+{controller}")
            except OSError:
                continue  # the host's own root may hold processes of a real-time group; then without it


def mount_own(found: tuple[Hierarchy, ...]) -> None:
    """Mount the hierarchies at /sys/fs/cgroup as this cgroup namespace sees them; called as PID 1 of the member."""
    top = Path("/sys/fs/cgroup")
    if found and found[0].version == 2:
        mounts.mount("cgroup2", str(top), "cgroup2")
        (top / "init").mkdir(exist_ok=True)
        # A version 2 cgroup with processes cannot give controllers to its children.
        (top / "init" / "cgroup.procs").write_text("1")
        _delegate(top)
        return
    mounts.mount("tmpfs", str(top), "tmpfs", 0, "mode=755")
    for hierarchy in found:
        target = top / Path(hierarchy.mount_point).name
        target.mkdir()
        mounts.mount("cgroup", str(target), "cgroup", 0, hierarchy.options)


def remove(lab: str) -> None:
    """All cgroups of a lab whose processes are gone; absent is fine."""
    for hierarchy in hierarchies(mounts.mounts()):
        top = Path(hierarchy.mount_point) / PARENT
        for folder, _subfolders, _files in os.walk(top / lab, topdown=False):
            _remove_dir(Path(folder))
        _remove_dir(top)  # fails, and stays, while other labs are in it


def _remove_dir(path: Path) -> None:
    try:
        path.rmdir()
    except OSError:
        pass
