"""Reading and writing /proc/sys of the calling thread's network namespace.

Keys are paths under /proc/sys ("net/ipv4/conf/cni0/forwarding"); interface names may hold dots.
"""

from __future__ import annotations

import os

_ROOT = "/proc/sys/"


def read(key: str) -> str | None:
    """The value without its newline; None if this kernel or namespace has no such key."""
    try:
        fd = os.open(_ROOT + key, os.O_RDONLY | os.O_CLOEXEC)
    except (FileNotFoundError, NotADirectoryError):
        return None
    try:
        return os.read(fd, 4096).decode().strip()
    finally:
        os.close(fd)


def write(key: str, value: str | int) -> None:
    """Raises OSError naming the file: FileNotFoundError where the kernel lacks the key."""
    path = _ROOT + key
    fd = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
    try:
        os.write(fd, str(value).encode())
    except OSError as error:
        raise OSError(error.errno, error.strerror, path) from error
    finally:
        os.close(fd)


def ensure(key: str, value: str | int) -> bool:
    """Make it so; True if it had to be written. Reading first keeps read-only /proc/sys usable when right."""
    if read(key) == str(value):
        return False
    write(key, value)
    return True
