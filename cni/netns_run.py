"""Opening the container's namespace the way the specification's callers name it: by path."""

from __future__ import annotations

import os

from cni.spec.errors import INVALID_NETNS, CniError
from linux import netns
from linux.rtnl import Rtnl


def open_required(path: str) -> int:
    """An fd of the namespace at path; the caller closes it. CniError when there is none."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError as error:
        raise CniError(f'failed to open netns "{path}": {error.strerror}', code=INVALID_NETNS) from error
    if not netns.is_netns(fd):
        os.close(fd)
        raise CniError(f'failed to open netns "{path}": it is no network namespace', code=INVALID_NETNS)
    return fd


def open_if_alive(path: str) -> int | None:
    """None when the path is empty, absent, or the plain file that an unmounted namespace leaves behind."""
    if not path:
        return None
    try:
        return open_required(path)
    except CniError:
        return None


def inode(path: str) -> int:
    """Identity of the namespace at path during this boot, 0 if there is none."""
    try:
        return os.stat(path).st_ino
    except OSError:
        return 0


def rtnl_in(fd: int) -> Rtnl:
    """A socket of the namespace fd, usable from where we are: sockets stay where they were opened."""
    with netns.enter(fd):
        return Rtnl()
