"""PID 1 of a lab member: starts its daemons, starts them again when they end, reaps orphans.

Runs as `python -ISE init_run.py COMMANDS.json LOGDIR`: nothing but the standard library's light parts, so that
a lab of many nodes starts quickly. COMMANDS.json: [{"name": "knode", "argv": [...]}, …].
"""

import json
import os
import signal
import sys
import time

_FIRST_WAIT_S = 0.1
_LONGEST_WAIT_S = 5.0
_STEADY_S = 10.0  # a daemon that ran this long starts again at once
_STOP_S = 5.0


class Daemon:
    def __init__(self, name: str, argv: list[str], log_dir: str) -> None:
        self.name = name
        self.argv = argv
        self.log = f"{log_dir}/{name}.log"
        self.pid = 0
        self.started_at_s = 0.0
        self.wait_s = 0.0
        self.start_at_s = 0.0

    def start(self, now_s: float) -> None:
        log = os.open(self.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)
        null = os.open("/dev/null", os.O_RDONLY | os.O_CLOEXEC)
        self.pid = os.posix_spawn(
            self.argv[0],
            self.argv,
            os.environ,
            file_actions=[
                (os.POSIX_SPAWN_DUP2, null, 0),
                (os.POSIX_SPAWN_DUP2, log, 1),
                (os.POSIX_SPAWN_DUP2, log, 2),
            ],
            setsid=True,
            setsigmask=[],
            setsigdef=[signal.SIGTERM, signal.SIGINT, signal.SIGCHLD, signal.SIGPIPE],
        )
        os.close(log)
        os.close(null)
        self.started_at_s = now_s

    def ended(self, now_s: float) -> None:
        self.pid = 0
        steady = now_s - self.started_at_s >= _STEADY_S
        self.wait_s = 0.0 if steady else min(max(self.wait_s * 2, _FIRST_WAIT_S), _LONGEST_WAIT_S)
        self.start_at_s = now_s + self.wait_s


def main() -> None:
    commands_file, log_dir = sys.argv[1:]
    with open(commands_file, encoding="utf-8") as file:  # pathlib takes longer than the rest
        daemons = [Daemon(entry["name"], entry["argv"], log_dir) for entry in json.load(file)]
    wanted = {signal.SIGCHLD, signal.SIGTERM, signal.SIGINT}
    signal.pthread_sigmask(signal.SIG_BLOCK, wanted)
    while True:
        now_s = time.monotonic()
        for daemon in daemons:
            if daemon.pid == 0 and daemon.start_at_s <= now_s:
                daemon.start(now_s)
        waits = [daemon.start_at_s - now_s for daemon in daemons if daemon.pid == 0]
        received = signal.sigtimedwait(wanted, min(waits, default=3600.0))
        if received is not None and received.si_signo != signal.SIGCHLD:
            break
        _reap(daemons)
    _stop(daemons)


def _reap(daemons: list[Daemon]) -> None:
    """Collect every child that has ended, ours and the orphans that became ours."""
    while True:
        try:
            pid, _status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if pid == 0:
            return
        for daemon in daemons:
            if daemon.pid == pid:
                daemon.ended(time.monotonic())


def _stop(daemons: list[Daemon]) -> None:
    for daemon in daemons:
        if daemon.pid:
            os.kill(daemon.pid, signal.SIGTERM)
    deadline_s = time.monotonic() + _STOP_S
    while any(daemon.pid for daemon in daemons) and time.monotonic() < deadline_s:
        signal.sigtimedwait({signal.SIGCHLD}, 0.2)
        _reap(daemons)


if __name__ == "__main__":
    main()
