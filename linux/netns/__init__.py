"""Network namespaces: create, pin, delete, enter, run inside."""

from __future__ import annotations

import errno
import os
from _thread import allocate_lock, start_new_thread

from linux import libc

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType
    from typing import TypeVar

    T = TypeVar("T")

_THREAD_NETNS = "/proc/thread-self/ns/net"
_MS_BIND = 0x1000
_MNT_DETACH = 2
_NSFS_MAGIC = 0x6E736673
_PROC_MAGIC = 0x9FA0
_NS_GET_NSTYPE = 0xB703


def current() -> int:
    """An fd of the calling thread's namespace; the caller closes it."""
    return os.open(_THREAD_NETNS, os.O_RDONLY | os.O_CLOEXEC)


def create(path: str | None = None) -> int:
    """A new namespace's fd, which the caller closes; with a path it is pinned there and outlives us.

    An existing file at path that is not a mount is used as the pin's place.
    """

    def unshare() -> int:
        libc.unshare(libc.CLONE_NEWNET)
        fd = current()
        if path is not None:
            try:
                _pin(path)
            except BaseException:
                os.close(fd)
                raise
        return fd

    return in_thread(unshare)


def _pin(path: str) -> None:
    os.makedirs(os.path.dirname(path), exist_ok=True)
    os.close(os.open(path, os.O_RDONLY | os.O_CREAT | os.O_CLOEXEC, 0o444))
    libc.mount(_THREAD_NETNS, path, "none", _MS_BIND, None)


def delete(path: str) -> None:
    """Unpin path and remove its file; the namespace goes when nothing else holds it. Absent is fine."""
    while True:
        try:
            libc.umount2(path, _MNT_DETACH)
        except OSError as error:
            if error.errno in (errno.EINVAL, errno.ENOENT):
                break
            raise
    try:
        os.unlink(path)
    except FileNotFoundError:
        pass


def is_netns(fd: int) -> bool:
    """False for what is not a network namespace, such as the empty file an unmounted pin leaves."""
    from fcntl import ioctl

    try:
        return ioctl(fd, _NS_GET_NSTYPE) == libc.CLONE_NEWNET
    except OSError:
        return False


class enter:  # noqa: N801 - used as a function: `with netns.enter(fd):`
    """The calling thread is in namespace fd inside the with block, and back where it was after it."""

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._back = -1

    def __enter__(self) -> None:
        self._back = current()
        try:
            libc.setns(self._fd, libc.CLONE_NEWNET)
        except BaseException:
            os.close(self._back)
            raise

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            libc.setns(self._back, libc.CLONE_NEWNET)
        finally:
            os.close(self._back)


def run_in(fd: int, function: Callable[[], T]) -> T:
    """What function returns or raises, run in a fresh thread inside namespace fd; the caller never moves."""

    def inside() -> T:
        libc.setns(fd, libc.CLONE_NEWNET)
        return function()

    return in_thread(inside)


def in_thread(function: Callable[[], T]) -> T:
    """Run function in a thread of its own, which ends with it, and take its result or exception."""
    done = allocate_lock()
    done.acquire()
    results: list[T] = []
    errors: list[BaseException] = []

    def work() -> None:
        try:
            results.append(function())
        except BaseException as error:
            errors.append(error)
        finally:
            done.release()

    start_new_thread(work, ())
    done.acquire()
    if errors:
        raise errors[0]
    return results[0]
