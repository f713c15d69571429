"""Keeping container logs from growing without end."""

import os

_KEPT = 4  # rotated files beside the one that is written, as the kubelet keeps


def rotate(log_path: str, control_pipe: str, limit_bytes: int) -> bool:
    """Set a log aside once it is longer than the limit, and have its conmon begin a new one."""
    try:
        if os.path.getsize(log_path) < limit_bytes:
            return False
        pipe = os.open(control_pipe, os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return False  # no log yet, or nobody writes it any more
    try:
        for number in range(_KEPT, 0, -1):
            older = log_path if number == 1 else f"{log_path}.{number - 1}"
            if os.path.exists(older):
                os.rename(older, f"{log_path}.{number}")
        os.write(pipe, b"2 0 0\n")  # conmon: open the log again
    finally:
        os.close(pipe)
    return True


def remove_log(log_path: str) -> None:
    """With its rotated parts. Absent is fine."""
    for path in (log_path, *(f"{log_path}.{number}" for number in range(1, _KEPT + 1))):
        if os.path.exists(path):
            os.unlink(path)
