"""Reading log files: from the last N lines on, and as they grow."""

import os

_BLOCK_BYTES = 1 << 16


def tail_offset(fd: int, lines: int) -> int:
    """Where the last `lines` lines of the file begin; 0 if there are fewer."""
    size = os.fstat(fd).st_size
    if lines == 0:
        return size
    found, position = 0, size
    while position > 0:
        start = max(0, position - _BLOCK_BYTES)
        block = os.pread(fd, position - start, start)
        end = len(block)
        if position == size and block.endswith(b"\n"):
            end -= 1  # the last line's own newline begins no further line
        while (at := block.rfind(b"\n", 0, end)) >= 0:
            found += 1
            if found == lines:
                return start + at + 1
            end = at
        position = start
    return 0


class LogFile:
    """Complete lines of a file from an offset on; call `read` again for what was added."""

    def __init__(self, path: str, tail_lines: int | None) -> None:
        self._path = path
        self._fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        self._offset = 0 if tail_lines is None else tail_offset(self._fd, tail_lines)
        self._rest = b""

    def read(self) -> list[bytes]:
        """Up to a block; [] when there is nothing new."""
        data = os.pread(self._fd, _BLOCK_BYTES, self._offset)
        self._offset += len(data)
        *lines, self._rest = (self._rest + data).split(b"\n")
        return lines

    def more(self) -> bool:
        return os.fstat(self._fd).st_size > self._offset

    def replaced(self) -> bool:
        """Whether the path leads to another file by now, which is then read from its beginning: a rotation."""
        try:
            fd = os.open(self._path, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            return False  # set aside, and the new one is not there yet
        if os.path.samestat(os.fstat(fd), os.fstat(self._fd)) or self.more():
            os.close(fd)
            return False
        os.close(self._fd)
        self._fd, self._offset, self._rest = fd, 0, b""
        return True

    def close(self) -> None:
        os.close(self._fd)
