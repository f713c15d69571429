"""The kernel's figures of this process."""

import os
import time

from linux.own_process import started_at_s, usage


def test_it_began_before_now_and_after_the_machine() -> None:
    with open("/proc/uptime") as file:
        uptime_s = float(file.read().split()[0])
    assert time.time() - uptime_s - 2 < started_at_s() < time.time() + 1


def test_an_open_file_and_work_show() -> None:
    before = usage()
    fds = os.pipe()
    try:
        assert usage().open_files == before.open_files + 2
    finally:
        for fd in fds:
            os.close(fd)
    deadline = time.process_time() + 0.1
    while time.process_time() < deadline:
        pass
    assert usage().cpu_s >= before.cpu_s + 0.05
    assert 1 << 20 < usage().resident_bytes <= usage().virtual_bytes
