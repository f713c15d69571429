"""A file's folder watched by inotify(7): editors and ConfigMap volumes replace a file, they do not write into it."""

from __future__ import annotations

import ctypes
import os
from errno import EAGAIN
from pathlib import Path

_WRITTEN, _MOVED_HERE, _MADE, _GONE = 0x8, 0x80, 0x100, 0x200  # IN_CLOSE_WRITE, _MOVED_TO, _CREATE, _DELETE
_READ_BYTES = 65536


class FileWatch:
    """Readable when something in the file's folder was written, came or went."""

    def __init__(self, path: str) -> None:
        libc = ctypes.CDLL(None, use_errno=True)
        self._fd: int = libc.inotify_init1(os.O_CLOEXEC | os.O_NONBLOCK)
        folder = Path(path).absolute().parent
        if self._fd < 0:
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
        events = _WRITTEN | _MOVED_HERE | _MADE | _GONE
        if libc.inotify_add_watch(self._fd, os.fsencode(folder), events) < 0:
            number = ctypes.get_errno()
            os.close(self._fd)
            raise OSError(number, os.strerror(number), str(folder))

    def fileno(self) -> int:
        return self._fd

    def drain(self) -> None:
        """Read what there is; which name it was does not matter, the file is read again."""
        while True:
            try:
                os.read(self._fd, _READ_BYTES)
            except OSError as error:
                if error.errno == EAGAIN:
                    return
                raise

    def close(self) -> None:
        os.close(self._fd)
