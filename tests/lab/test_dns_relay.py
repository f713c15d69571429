"""The short way of forwarded questions when things go wrong: dead, slow, lying and large upstreams."""

from __future__ import annotations

import asyncio
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from dns.fakes.upstream_serve import FakeUpstream
from dns.wire import encode, message, numbers, records
from dns.wire.query import Edns
from tests.ports import free_port

pytestmark = pytest.mark.lab
NAMES = {f"n{i}.example.": f"10.1.{i // 250}.{i % 250}" for i in range(400)}
BIG = "big.example."
AT_ONCE = 100  # what the receive buffers of all three hold


class Stand:
    def __init__(self, folder: Path, options: str = "", read_timeout: str = "500ms") -> None:
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self.thread.start()
        self.upstream = FakeUpstream(
            {(name, numbers.A): (records.address(name, 300, ip),) for name, ip in NAMES.items()}
            | {(BIG, numbers.A): tuple(records.address(BIG, 300, f"10.2.0.{i}") for i in range(1, 101))}
        )
        self.address = str(self.call(self.upstream.start(port=free_port())))
        self.port, self.metrics = free_port(), free_port()
        corefile = folder / "Corefile"
        corefile.write_text(
            f".:{self.port} {{\n bind 127.0.0.1\n errors\n prometheus 127.0.0.1:{self.metrics}\n"
            f" forward . {self.address} {{\n max_fails 2\n read_timeout {read_timeout}\n health_check 100ms\n }}\n{options}\n}}\n"
        )
        self.log = folder / "log"
        with self.log.open("wb") as out:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "dns.cli", "-conf", str(corefile)], stdout=out, stderr=out
            )
        end = time.monotonic() + 90
        while b"serving" not in self.log.read_bytes():
            assert time.monotonic() < end, self.log.read_text()
            time.sleep(0.02)
        self.sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        self.sock.connect(("127.0.0.1", self.port))
        self.sock.settimeout(60)

    def call(self, work: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(60)

    def ask(self, name: str, packet_id: int = 5, **fields: Any) -> message.Message:
        self.sock.send(encode.question(packet_id, name, numbers.A, **fields))
        while True:
            found = message.decode(self.sock.recv(65_535))
            if found.packet_id == packet_id:
                return found

    def counted(self, wanted: str) -> float:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.metrics}/metrics", timeout=60) as reply:
            lines = reply.read().decode().splitlines()
        return sum(float(line.split()[-1]) for line in lines if line.startswith(wanted))

    def close(self) -> None:
        self.sock.close()
        self.process.kill()
        self.process.wait()
        self.call(self.upstream.stop())
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(60)
        self.loop.close()


@pytest.fixture(params=["", " cache 30\n loadbalance"], ids=["plain", "cache"])
def stand(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Stand]:
    found = Stand(tmp_path, request.param)
    yield found
    found.close()


@pytest.fixture(params=["", " cache 30\n loadbalance"], ids=["plain", "cache"])
def patient(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Stand]:
    """Asks nothing twice, however slow its upstream is."""
    found = Stand(tmp_path, request.param, read_timeout="60s")
    yield found
    found.close()


def test_many_at_once_each_get_their_own_answer_and_are_counted(patient: Stand) -> None:
    stand, names = patient, list(NAMES)
    for start in range(0, len(names), AT_ONCE):
        part = range(start, start + AT_ONCE)
        for packet_id in part:
            stand.sock.send(encode.question(packet_id, names[packet_id], numbers.A))
        for _ in part:
            reply = message.decode(stand.sock.recv(4096))
            assert reply.name == names[reply.packet_id]
            assert [records.text_of(one) for one in reply.answer] == [NAMES[reply.name]]
    assert stand.counted("coredns_dns_requests_total") == len(names)
    assert stand.counted("coredns_dns_responses_total{server") == len(names)
    assert stand.counted("coredns_proxy_request_duration_seconds_count") == len(names)
    assert stand.counted("coredns_proxy_conn_cache_misses_total") >= 1


def test_denials_and_large_answers_go_the_long_way_with_the_reply_in_hand(stand: Stand) -> None:
    assert stand.ask("nosuch.example.").rcode == numbers.NXDOMAIN
    assert len(stand.ask(BIG, edns=Edns(4096)).answer) == 100
    assert stand.ask(BIG).truncated
    asked = [name for name, _, _ in stand.upstream.asked if name == "nosuch.example."]
    assert len(asked) == 1


def test_a_dead_server_is_servfail_and_one_that_comes_back_is_asked_again(stand: Stand) -> None:
    port = int(stand.address.rpartition(":")[2])
    assert stand.ask("n1.example.").answer
    stand.call(stand.upstream.stop())
    assert stand.ask("n2.example.", 6).rcode == numbers.SERVFAIL
    assert stand.process.poll() is None
    stand.call(stand.upstream.start(port=port))
    end = time.monotonic() + 60
    while not stand.ask("n3.example.", 7).answer:
        assert time.monotonic() < end, stand.log.read_text()
    assert stand.counted("coredns_proxy_healthcheck_failures_total") >= 1


def test_a_silent_server_is_given_up_on(stand: Stand) -> None:
    stand.upstream.silent = True
    assert stand.ask("n4.example.", 8).rcode == numbers.SERVFAIL
    stand.upstream.silent = False
    end = time.monotonic() + 60
    while not stand.ask("n5.example.", 9).answer:
        assert time.monotonic() < end, stand.log.read_text()
