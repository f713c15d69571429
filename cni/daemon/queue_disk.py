"""DELs that came while the daemon was away: whole requests, one file each, replayed before it answers.

An executable takes the lock shared, tries the socket once more and only then writes; the daemon holds
it alone from the replay until it listens. So no file is written after the last look.
"""

from __future__ import annotations

import fcntl
import io
import os
from collections.abc import Callable
from types import TracebackType

from cni.daemon import wire
from linux.logging_kv import get_logger

_SUFFIX = ".del"
logger = get_logger("cni.daemon.queue")


class Queue:
    def __init__(self, folder: str) -> None:
        self._folder = folder
        os.makedirs(folder, mode=0o700, exist_ok=True)
        self._lock = -1

    def __enter__(self) -> Queue:
        """Nobody writes inside the with block."""
        self._lock = os.open(f"{self._folder}/lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        fcntl.flock(self._lock, fcntl.LOCK_EX)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.close(self._lock)

    def replay(self, perform: Callable[[wire.Request], wire.Answer]) -> int:
        """Do what waits, in the order of arrival; what fails is kept for the next time. Number of those done."""
        done = 0
        for name in sorted(os.listdir(self._folder)):
            if not name.endswith(_SUFFIX):
                continue
            path = f"{self._folder}/{name}"
            try:
                with open(path, "rb") as file:
                    request = wire.read_request(io.BytesIO(file.read()).read)
            except (OSError, wire.BadRequest) as error:
                logger.warning("unreadable request dropped", file=name, error=error)
                os.unlink(path)
                continue
            answer = perform(request)
            if answer.code:
                logger.warning("a queued DEL failed, kept", file=name, error=answer.stdout.strip())
                continue
            os.unlink(path)
            done += 1
        return done

    def add(self, request: wire.Request, name: str) -> None:
        """As the executables do it: whole or not at all."""
        path = f"{self._folder}/{name}"
        with open(f"{path}.new", "wb") as file:
            file.write(wire.encode_request(request))
            file.flush()
            os.fsync(file.fileno())
        os.replace(f"{path}.new", f"{path}{_SUFFIX}")
