"""Mounting what is not the pod's own: the files of an image, the folder of a PersistentVolume."""

import os
import stat
from collections.abc import Sequence

from linux import mounts
from nodeagent.volumes.apply import VolumeFailed


def attach_image(target: str, lowers: Sequence[str]) -> None:
    """An image's files, read-only (KEP-4639); `lowers` is overlay's order. Idempotent."""
    os.makedirs(target, exist_ok=True)
    if mounts.is_mount_point(target):
        return
    if len(lowers) == 1:  # an overlay without an upper folder takes at least two
        mounts.bind(lowers[0], target, read_only=True)
        return
    escaped = [lower.replace("\\", "\\\\").replace(":", "\\:").replace(",", "\\,") for lower in lowers]
    mounts.mount("overlay", target, "overlay", mounts.MS_RDONLY, f"lowerdir={':'.join(escaped)}")


def attach_folder(path: str, target: str) -> None:
    """A folder of this node, as a PersistentVolume names it. Idempotent. Raises VolumeFailed."""
    if not os.path.isdir(path):
        raise VolumeFailed(f'path "{path}" of the PersistentVolume does not exist on this node')
    os.makedirs(target, exist_ok=True)
    if not mounts.is_mount_point(target):
        mounts.bind(path, target, recursive=True)


def give_to_group(folder: str, group: int, policy: str) -> None:
    """fsGroup: everything below belongs to the group, which may write, and so will what is made there.

    `policy` OnRootMismatch trusts a folder whose top is right already (core/v1 PodFSGroupChangePolicy).
    """
    top = os.stat(folder)
    wanted = stat.S_ISGID | stat.S_IRWXG
    if policy == "OnRootMismatch" and top.st_gid == group and top.st_mode & wanted == wanted:
        return
    for where, _, names in os.walk(folder):
        _give(where, group, stat.S_ISGID | stat.S_IRWXG)
        for name in names:
            path = f"{where}/{name}"
            executable = os.lstat(path).st_mode & 0o111
            _give(path, group, stat.S_IRGRP | stat.S_IWGRP | (stat.S_IXGRP if executable else 0))


def _give(path: str, group: int, added: int) -> None:
    if os.path.islink(path):
        os.lchown(path, -1, group)
        return
    os.chown(path, -1, group)
    os.chmod(path, stat.S_IMODE(os.stat(path).st_mode) | added)
