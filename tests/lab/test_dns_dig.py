"""kdns as a process in a network namespace of its own, asked by dig; the API server is a small stand-in."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from dns.fakes.objects import endpoint, endpoint_slice, example_cluster, service
from dns.fakes.serve import FakeApi
from dns.fakes.upstream_serve import FakeUpstream
from dns.wire import numbers, records
from tests.patience import until
from tests.ports import free_port, free_ports

pytestmark = [
    pytest.mark.lab,
    pytest.mark.skipif(shutil.which("dig") is None, reason="dig is missing: apt-get install bind9-dnsutils"),
]

COREFILE = """
.:{port} {{
    bind 127.0.0.1 ::1
    errors
    health 127.0.0.1:{health} {{
        lameduck 1s
    }}
    ready 127.0.0.1:{ready}
    prometheus 127.0.0.1:{metrics}
    kubernetes cluster.local in-addr.arpa ip6.arpa {{
        endpoint {api}
        pods insecure
        ttl 30
        fallthrough in-addr.arpa ip6.arpa
    }}
    forward . {upstream}
    cache 30 {{
        disable success cluster.local
        disable denial cluster.local
    }}
    loop
    reload 2s
    loadbalance
}}
"""


class World:
    """The stand-ins in a thread with its own loop, and kdns beside them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.api = FakeApi(example_cluster())
        self.upstream = FakeUpstream(
            {
                ("www.example.com.", numbers.A): (records.address("www.example.com.", 300, "192.0.2.1"),),
                ("ext.example.org.", numbers.A): (records.address("ext.example.org.", 60, "192.0.2.9"),),
            }
        )
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self.thread.start()
        self.ports = dict(zip(("port", "health", "ready", "metrics"), free_ports(4), strict=True))
        self.api_url = self.call(self.api.start(port=free_port()))
        self.upstream_address = self.call(self.upstream.start())
        self.corefile = folder / "Corefile"
        self.write()
        self.log = (folder / "kdns.log").open("w+")
        self.process = subprocess.Popen(
            [sys.executable, "-m", "dns.cli", "-conf", str(self.corefile)], stdout=self.log, stderr=self.log
        )
        until(lambda: "serving" in self.text(), "kdns did not start")

    def write(self, extra: str = "") -> None:
        text = COREFILE.format(api=self.api_url, upstream=self.upstream_address, **self.ports)
        self.corefile.write_text(text + extra)

    def call(self, work: object) -> object:
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(60)  # type: ignore[arg-type]

    def put(self, obj: dict[str, object]) -> None:
        self.loop.call_soon_threadsafe(self.api.put, obj)

    def text(self) -> str:
        return (self.folder / "kdns.log").read_text()

    def dig(self, *words: str, server: str = "127.0.0.1") -> str:
        command = ["dig", f"@{server}", "-p", str(self.ports["port"]), "+tries=1", "+time=20", *words]
        return subprocess.run(command, capture_output=True, text=True, check=False).stdout

    def short(self, *words: str, **fields: str) -> list[str]:
        return sorted(self.dig("+short", *words, **fields).split("\n")[:-1])

    def http(self, which: str, path: str) -> str:
        url = f"http://127.0.0.1:{self.ports[which]}{path}"
        with urllib.request.urlopen(url, timeout=20) as reply:
            return str(reply.read().decode())

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        self.log.close()
        self.call(self.api.stop())
        self.call(self.upstream.stop())
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(60)
        self.loop.close()


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    found = World(tmp_path_factory.mktemp("dns"))
    yield found
    found.close()


@pytest.mark.parametrize("transport", ["+notcp", "+tcp"])
@pytest.mark.parametrize("server", ["127.0.0.1", "::1"])
def test_services_are_answered_over_udp_and_tcp_and_both_families(
    world: World, transport: str, server: str
) -> None:
    name = "dual.testns.svc.cluster.local"
    assert world.short(transport, name, "A", server=server) == ["10.0.0.101"]
    assert world.short(transport, name, "AAAA", server=server) == ["fd00:10::101"]
    assert world.short(transport, "_http._tcp." + name, "SRV", server=server) == [f"0 50 80 {name}."]
    assert world.short(transport, "-x", "10.0.0.101", server=server) == [f"{name}."]


def test_other_names_are_forwarded_and_kept(world: World) -> None:
    for _ in range(3):
        assert world.short("www.example.com") == ["192.0.2.1"]
    asked = [name for name, kind, _ in world.upstream.asked if (name, kind) == ("www.example.com.", 1)]
    assert len(asked) == 1


def test_an_alias_to_a_name_outside_is_resolved(world: World) -> None:
    assert world.short("external.testns.svc.cluster.local") == ["192.0.2.9", "ext.example.org."]


def test_a_negative_answer_says_why_to_clients_with_edns(world: World) -> None:
    text = world.dig("nosuch.testns.svc.cluster.local")
    assert "status: NXDOMAIN" in text
    assert "service testns/nosuch does not exist" in text


def test_a_change_of_the_api_is_answered_at_once(world: World) -> None:
    name = "fresh.testns.svc.cluster.local"
    assert world.short(name) == []
    world.put(service("fresh", ["10.0.7.7"]))
    until(lambda: world.short(name) == ["10.0.7.7"], "the new service is not answered")
    world.put(service("fresh", ["10.0.7.8"]))
    until(lambda: world.short(name) == ["10.0.7.8"], "the changed service is not answered")


def test_addresses_come_in_changing_order(world: World) -> None:
    name = "hdls1.testns.svc.cluster.local"
    firsts = {world.dig("+short", name).split("\n")[0] for _ in range(20)}
    assert len(firsts) > 1


def test_a_large_answer_is_cut_over_udp_and_whole_over_tcp(world: World) -> None:
    world.put(service("big"))
    world.put(endpoint_slice("big", *(endpoint(f"10.9.{i // 250}.{i % 250 + 1}") for i in range(500))))
    name = "big.testns.svc.cluster.local"
    until(lambda: len(world.short(name, "+tcp")) == 500, "not all endpoints over TCP")
    assert "flags: qr aa tc" in world.dig("+ignore", "+norec", name)
    assert len(world.short(name)) == 500  # dig asks again over TCP


def test_health_ready_and_metrics(world: World) -> None:
    world.short("svc1.testns.svc.cluster.local")
    assert world.http("health", "/health") == "OK"
    assert world.http("ready", "/ready") == "OK"
    metrics = world.http("metrics", "/metrics")
    server = f'server="dns://127.0.0.1:{world.ports["port"]}"'
    for name in (
        f'coredns_dns_requests_total{{{server},zone=".",view="",proto="udp",family="1",type="A"}}',
        f'coredns_dns_responses_total{{{server},zone=".",view="",rcode="NOERROR",plugin="kubernetes"}}',
        f'coredns_cache_hits_total{{{server},type="success",zones=".",view=""}}',
        "coredns_dns_request_duration_seconds_bucket",
        "coredns_forward_max_concurrent_rejects_total",
        "coredns_panics_total 0",
    ):
        assert name in metrics


def test_answers_from_memory_are_counted_exactly(world: World) -> None:
    def count() -> float:
        wanted = 'family="1",type="SRV"}'
        lines = [
            line for line in world.http("metrics", "/metrics").split("\n") if wanted in line and "udp" in line
        ]
        return sum(float(line.split()[-1]) for line in lines)

    before = count()
    for _ in range(7):
        world.short("three.testns.svc.cluster.local", "SRV")
    assert count() == before + 7


def test_a_changed_corefile_is_taken_without_losing_a_query_and_a_bad_one_is_refused(world: World) -> None:
    block = ' bind 127.0.0.1 ::1\n template IN A {\n answer "{{ .Name }} 5 IN A 192.0.2.77"\n }\n'
    world.write(f"extra.test:{world.ports['port']} {{\n{block}}}\n")
    world.process.send_signal(signal.SIGUSR1)
    lost = 0
    end = time.monotonic() + 90
    while time.monotonic() < end and world.short("a.extra.test") != ["192.0.2.77"]:
        lost += world.short("svc1.testns.svc.cluster.local") != ["10.0.0.100"]
    assert world.short("a.extra.test") == ["192.0.2.77"], world.text()
    assert lost == 0
    world.write("broken {\n nonsense\n}\n")
    world.process.send_signal(signal.SIGUSR1)
    until(lambda: "unknown plugin 'nonsense'" in world.text(), "the mistake is not said")
    assert world.short("svc1.testns.svc.cluster.local") == ["10.0.0.100"]
    world.write()


def test_a_corefile_whose_address_is_taken_leaves_everything_as_it_was(world: World) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        taken = f"127.0.0.1:{other.getsockname()[1]}"
        world.write(
            f"extra.test:{world.ports['port']} {{\n bind 127.0.0.1 ::1\n prometheus {taken}\n whoami\n}}\n"
        )
        world.process.send_signal(signal.SIGUSR1)
        until(lambda: f"cannot listen on {taken} for prometheus" in world.text(), "the mistake is not said")
    assert world.short("svc1.testns.svc.cluster.local") == ["10.0.0.100"]
    assert "coredns_reload_failed_total" in world.http("metrics", "/metrics")
    assert world.http("ready", "/ready") == "OK"
    world.write()


def test_a_port_that_another_server_has_is_said(tmp_path: Path) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.bind(("127.0.0.1", 0))
        port = other.getsockname()[1]
        corefile = tmp_path / "Corefile"
        corefile.write_text(f".:{port} {{\n bind 127.0.0.1\n whoami\n}}\n")
        words = [sys.executable, "-m", "dns.cli", "-conf", str(corefile)]
        found = subprocess.run(words, capture_output=True, text=True, check=False, timeout=120)
    assert found.returncode == 1
    said = f"kdns: cannot listen on dns://127.0.0.1:{port}: address already in use: is another DNS server running?"
    assert found.stderr.startswith(said), found.stderr
    assert found.stderr.count("\n") == 1


def test_answers_go_on_while_the_api_is_away(world: World) -> None:
    world.call(world.api.stop())
    try:
        time.sleep(0.3)
        assert world.short("svc1.testns.svc.cluster.local") == ["10.0.0.100"]
        assert "status: NXDOMAIN" in world.dig("nosuch.testns.svc.cluster.local")
    finally:
        port = int(world.api_url.rpartition(":")[2])  # type: ignore[union-attr]
        world.call(world.api.start(port=port))


def test_sigterm_answers_on_for_the_lame_duck_then_ends(tmp_path: Path) -> None:
    for attempt in range(5):
        (folder := tmp_path / str(attempt)).mkdir()
        world = World(folder)
        try:
            world.process.send_signal(signal.SIGTERM)
            until(lambda world=world: not is_ready(world), "it takes new clients")
            answered = world.short("svc1.testns.svc.cluster.local")
            still_there = world.process.poll() is None
            assert world.process.wait(60) == 0
        finally:
            world.close()
        if still_there:  # else we were too late to see it: its lame duck is a second
            assert answered == ["10.0.0.100"]
            return
    pytest.fail("it never outlived its readiness by as much as a question")


def is_ready(world: World) -> bool:
    try:
        return world.http("ready", "/ready") == "OK"
    except OSError:
        return False


def test_a_wildcard_listener_answers_from_the_address_it_was_asked_at(tmp_path: Path) -> None:
    """127.0.0.2 asked, 127.0.0.2 answers: else the client drops the answer."""
    port = free_port()
    corefile = tmp_path / "Corefile"
    corefile.write_text(
        f'.:{port} {{\n template IN A {{\n answer "{{{{ .Name }}}} 5 IN A 192.0.2.1"\n }}\n}}\n'
    )
    process = subprocess.Popen(
        [sys.executable, "-m", "dns.cli", "-conf", str(corefile)], stderr=subprocess.DEVNULL
    )
    try:

        def ask(server: str) -> str:
            command = ["dig", f"@{server}", "-p", str(port), "+short", "+tries=1", "+time=20", "a.b"]
            return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()

        until(lambda: ask("127.0.0.1") == "192.0.2.1", "no answer")
        assert ask("127.0.0.2") == "192.0.2.1"
        assert ask("::1") == "192.0.2.1"
    finally:
        process.kill()
        process.wait()


def test_one_line_errors(tmp_path: Path) -> None:
    def run(*words: str) -> tuple[int, str]:
        found = subprocess.run(
            [sys.executable, "-m", "dns.cli", *words],
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        return found.returncode, found.stderr

    assert run("-conf", "/nowhere") == (
        1,
        "kdns: there is no Corefile at /nowhere: name one with -conf FILE\n",
    )
    bad = tmp_path / "Corefile"
    bad.write_text(".:5 {\n foo\n}\n")
    assert run("-conf", str(bad)) == (1, "kdns: Corefile:2:2: unknown plugin 'foo'\n")
    assert run("--nope")[0] == 2
    assert os.getpid()
