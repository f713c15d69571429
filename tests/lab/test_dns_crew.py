"""`multisocket N`: N processes on one address, counted together, each replaced when it dies, all ended by one signal."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from dns.wire import encode, message, numbers
from tests.ports import free_port

pytestmark = pytest.mark.lab
COREFILE = """
.:{port} {{
    bind 127.0.0.1
    multisocket 3
    prometheus 127.0.0.1:{metrics}
    template IN A {{
        answer "{{{{ .Name }}}} 5 IN A 192.0.2.1"
    }}
}}
"""


class Crew:
    def __init__(self, folder: Path) -> None:
        self.port, self.metrics = free_port(), free_port()
        (folder / "Corefile").write_text(COREFILE.format(port=self.port, metrics=self.metrics))
        self.log = folder / "log"
        with self.log.open("wb") as out:
            words = [sys.executable, "-m", "dns.cli", "-conf", str(folder / "Corefile")]
            self.process = subprocess.Popen(words, stdout=out, stderr=out)
        self.wait_served(3)

    def wait_served(self, times: int) -> None:
        end = time.monotonic() + 90
        while self.log.read_bytes().count(b"msg=serving") < times:
            assert time.monotonic() < end, self.log.read_text()
            time.sleep(0.05)

    def workers(self) -> list[int]:
        path = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        return [int(pid) for pid in path.read_text().split()]

    def ask(self) -> bool:
        """From a port of its own, so that the kernel chooses a worker anew."""
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.settimeout(60)
            sock.sendto(encode.question(1, "a.b.", numbers.A), ("127.0.0.1", self.port))
            return bool(message.decode(sock.recv(512)).answer)

    def counted(self) -> int:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.metrics}/metrics", timeout=60) as reply:
            lines = reply.read().decode().splitlines()
        return int(
            sum(float(one.split()[-1]) for one in lines if one.startswith("coredns_dns_requests_total{"))
        )


@pytest.fixture
def crew(tmp_path: Path) -> Iterator[Crew]:
    found = Crew(tmp_path)
    yield found
    if found.process.poll() is None:
        found.process.terminate()
        found.process.wait(60)


def test_all_answer_and_are_counted_together(crew: Crew) -> None:
    assert len(crew.workers()) == 3
    assert all(crew.ask() for _ in range(60))
    assert crew.counted() == 60
    times = {pid: Path(f"/proc/{pid}/schedstat").read_text() for pid in crew.workers()}
    assert len(times) == 3


def test_one_that_dies_is_started_again(crew: Crew) -> None:
    os.kill(crew.workers()[1], signal.SIGKILL)
    crew.wait_served(4)
    assert len(crew.workers()) == 3
    assert all(crew.ask() for _ in range(20))
    assert crew.counted() >= 10


def test_one_signal_ends_all(crew: Crew) -> None:
    workers = crew.workers()
    crew.process.terminate()
    assert crew.process.wait(60) == 0
    assert not any(Path(f"/proc/{pid}").exists() for pid in workers)


def runs(pid: int) -> bool:
    """Not so what waits for its parent to take notice: whose init is who is not ours to say."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_no_worker_outlives_the_first_process(crew: Crew) -> None:
    workers = crew.workers()
    crew.process.kill()
    crew.process.wait()
    end = time.monotonic() + 90
    while any(runs(pid) for pid in workers):
        assert time.monotonic() < end, "a worker stayed"
        time.sleep(0.05)
