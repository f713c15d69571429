"""One daemon a host: `kcni daemon` or knode, whoever comes first."""

from __future__ import annotations

import fcntl
import os


class AlreadyRunning(Exception):
    """Somebody else holds the lock; the message names them."""


def take(path: str, name: str) -> int:
    """An fd that holds the lock until it is closed."""
    os.makedirs(os.path.dirname(path), exist_ok=True)
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        holder = os.read(fd, 200).decode(errors="replace").strip() or "another process"
        os.close(fd)
        raise AlreadyRunning(f"CNI is served by {holder} already ({path}): stop it first") from None
    os.ftruncate(fd, 0)
    os.write(fd, f"{name}, process {os.getpid()}\n".encode())
    return fd
