"""PID 1's program, run as an ordinary process: it needs no privilege to supervise."""

import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from netns_fixtures import init_run


@contextmanager
def supervising(folder: Path, script: str) -> Iterator["subprocess.Popen[bytes]"]:
    commands = folder / "commands.json"
    commands.write_text(json.dumps([{"name": "daemon", "argv": ["/bin/sh", "-c", script]}]))
    process = subprocess.Popen([sys.executable, "-ISE", init_run.__file__, str(commands), str(folder)])
    try:
        yield process
    finally:
        process.terminate()
        process.wait(60)


def until_log_has(folder: Path, count: int) -> str:
    log = folder / "daemon.log"
    for _ in range(6000):
        text = log.read_text() if log.exists() else ""
        if text.count("\n") >= count:
            return text
        time.sleep(0.01)
    raise AssertionError(f"the log holds only: {text}")


def test_a_daemon_that_ends_is_started_again(tmp_path: Path) -> None:
    with supervising(tmp_path, "echo ran"):
        assert until_log_has(tmp_path, 3).startswith("ran\n" * 3)


def test_stopping_ends_the_daemons_first(tmp_path: Path) -> None:
    script = "trap 'echo ended; exit' TERM; echo ready; while :; do sleep 0.05; done"
    with supervising(tmp_path, script) as process:
        until_log_has(tmp_path, 1)
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0
        assert until_log_has(tmp_path, 2) == "ready\nended\n"


def test_waits_grow_only_while_it_keeps_failing() -> None:
    daemon = init_run.Daemon("d", ["/bin/true"], "/nowhere")
    waits = []
    for started, ended in ((0.0, 0.1), (0.2, 0.3), (0.5, 0.6), (1.0, 30.0)):
        daemon.started_at_s = started
        daemon.ended(ended)
        waits.append(daemon.wait_s)
    assert waits == [0.1, 0.2, 0.4, 0.0]
