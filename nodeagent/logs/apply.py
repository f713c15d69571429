"""Keeping container logs from growing without end."""

import contextlib
import os


def rotate(log_path: str, control_pipe: str, limit_bytes: int, files_max: int) -> bool:
    """Set a log aside once it is longer than the limit, and have its conmon begin a new one.

    `files_max` counts the one that is written as well.
    """
    try:
        if os.path.getsize(log_path) < limit_bytes:
            return False
        pipe = os.open(control_pipe, os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return False  # no log yet, or nobody writes it any more
    try:
        for number in range(max(1, files_max - 1), 0, -1):
            older = log_path if number == 1 else f"{log_path}.{number - 1}"
            if os.path.exists(older):
                os.rename(older, f"{log_path}.{number}")
        os.write(pipe, b"2 0 0\n")  # conmon: open the log again
    finally:
        os.close(pipe)
    return True


def remove_log(log_path: str) -> None:
    """With its rotated parts. Absent is fine."""
    folder, name = os.path.split(log_path)
    with contextlib.suppress(FileNotFoundError):
        for each in os.listdir(folder):
            if each == name or each.startswith(f"{name}."):
                os.unlink(f"{folder}/{each}")
