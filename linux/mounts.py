"""Mounting, unmounting, and what is mounted (mount(2), umount(2), proc(5) mountinfo)."""

from __future__ import annotations

import errno
import os

from linux import libc
from linux.libc import CLONE_NEWNS, pivot_root, setns, unshare

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NamedTuple
else:
    from linux.records import NamedTuple

__all__ = [
    "CLONE_NEWNS",
    "Mount",
    "bind",
    "is_mount_point",
    "make_private",
    "mount",
    "mounts",
    "parse_mountinfo",
    "pivot_root",
    "setns",
    "umount",
    "umount_tree",
    "unshare",
]

MS_RDONLY = 0x1
MS_NOSUID = 0x2
MS_NODEV = 0x4
MS_NOEXEC = 0x8
MS_REMOUNT = 0x20
MS_NOATIME = 0x400
MS_BIND = 0x1000
MS_MOVE = 0x2000
MS_REC = 0x4000
MS_PRIVATE = 1 << 18
MS_SLAVE = 1 << 19
MS_SHARED = 1 << 20

MNT_FORCE = 0x1
MNT_DETACH = 0x2
UMOUNT_NOFOLLOW = 0x8


class Mount(NamedTuple):
    """One line of /proc/PID/mountinfo."""

    mount_id: int
    parent_id: int
    root: str
    """Path within the filesystem that forms this mount's root; for namespaces `net:[inode]`."""
    target: str
    options: str
    kind: str
    source: str
    super_options: str


def mount(source: str, target: str, kind: str | None = None, flags: int = 0, data: str | None = None) -> None:
    """Mount source on target, which must exist; arguments as in the manual. Raises OSError naming the target."""
    libc.mount(source, target, kind, flags, data)


def bind(source: str, target: str, *, recursive: bool = False, read_only: bool = False) -> None:
    """Show source at target as well. Read-only takes a second call in the kernel's interface."""
    depth = MS_REC if recursive else 0
    libc.mount(source, target, None, MS_BIND | depth, None)
    if read_only:
        libc.mount("", target, None, MS_BIND | MS_REMOUNT | MS_RDONLY | _kept_flags(target), None)


def _kept_flags(target: str) -> int:
    """Flags that a remount must repeat or the kernel refuses it inside a user namespace."""
    present = os.statvfs(target).f_flag
    wanted = ((os.ST_NOSUID, MS_NOSUID), (os.ST_NODEV, MS_NODEV), (os.ST_NOEXEC, MS_NOEXEC))
    return sum(ms for st, ms in wanted if present & st)


def make_private(target: str = "/") -> None:
    """Stop mounts under target from spreading to, and from, other mount namespaces."""
    libc.mount("none", target, None, MS_REC | MS_PRIVATE, None)


def umount(target: str, *, lazy: bool = False) -> bool:
    """Unmount the topmost mount at target. False if nothing was mounted there."""
    try:
        libc.umount2(target, UMOUNT_NOFOLLOW | (MNT_DETACH if lazy else 0))
    except OSError as error:
        if error.errno in (errno.EINVAL, errno.ENOENT):
            return False
        raise
    return True


def umount_tree(top: str) -> None:
    """Lazily unmount everything at and below top, the innermost first."""
    prefix = top.rstrip("/") + "/"
    inside = [entry.target for entry in mounts() if entry.target == top or entry.target.startswith(prefix)]
    for target in reversed(inside):
        umount(target, lazy=True)


def is_mount_point(path: str) -> bool:
    """True also for bind-mounted files, which os.path.ismount misses."""
    real = os.path.realpath(path)
    return any(entry.target == real for entry in mounts())


def mounts(pid: int | str = "self") -> tuple[Mount, ...]:
    """What is mounted in the mount namespace of pid, in mount order."""
    with open(f"/proc/{pid}/mountinfo", encoding="utf-8", errors="surrogateescape") as file:
        return parse_mountinfo(file.read())


def parse_mountinfo(text: str) -> tuple[Mount, ...]:
    found = []
    for line in text.splitlines():
        before, _, after = line.partition(" - ")
        mount_id, parent_id, _device, root, target, options, *_tags = before.split(" ")
        kind, source, super_options = after.split(" ", 2)
        found.append(
            Mount(
                int(mount_id),
                int(parent_id),
                _unescape(root),
                _unescape(target),
                options,
                kind,
                _unescape(source),
                super_options,
            )
        )
    return tuple(found)


def _unescape(text: str) -> str:
    """The kernel writes space, tab, newline and backslash as three octal digits."""
    if "\\" not in text:
        return text
    for code, char in (("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")):
        text = text.replace(code, char)
    return text
