"""DNS under load: answered queries per CPU-second of the server, over loopback, as JSON.

    python -m tests.bench.dns_load [--services 1000] [--endpoints 5] [--seconds 1.5] [--mix NAME]...

kdns with kubeadm's Corefile; beside it CoreDNS with the same one when `coredns` is in PATH or COREDNS names it.
What is counted is completed queries divided by the CPU time of the server's process, so that a client on the same
machine matters little; dnsperf, where it is installed, is a second witness.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

from dns.wire import encode, numbers
from tests.bench.dns_client import (
    BATCH,
    SOCKETS,
    Client,
    change_ms,
    cpu_s,
    dnsperf,
    latencies_us,
    percentiles,
    tcp,
)
from tests.ports import free_port

ZONE = "cluster.local."
COREFILE = """
.:{port} {{
    bind 127.0.0.1
    errors
    prometheus 127.0.0.1:{metrics}
    kubernetes cluster.local in-addr.arpa ip6.arpa {{
        endpoint {api}
        pods insecure
        fallthrough in-addr.arpa ip6.arpa
        ttl 30
    }}
    forward . {upstream} {{
        max_concurrent 1000
    }}
    cache 30 {{
        disable success cluster.local
        disable denial cluster.local
    }}
    loop
    reload
    loadbalance
}}
{uncached}:{port} {{
    bind 127.0.0.1
    errors
    prometheus 127.0.0.1:{metrics}
    forward . {upstream} {{
        max_concurrent 1000
    }}
}}
"""
HOSTS_BLOCK = """
{zone}:{port} {{
    bind 127.0.0.1
    errors
    prometheus 127.0.0.1:{metrics}
    hosts {{
{lines}
    }}
    cache 30
}}
"""
UNCACHED = "uncached.test."
LATENCY_ROUNDS = 8
HOSTS = "hosts.test."
HOSTS_COUNT = 500
# Asked once over, each name new: what a question costs that nobody asked before.
ONCE = frozenset(("first", "first_external"))


def questions(mix: str, count: int) -> list[bytes]:
    """The packets of one mix, shuffled."""
    a, aaaa = numbers.A, numbers.AAAA
    names: list[tuple[str, int]]
    match mix:
        case "cluster":
            names = [(f"svc-{i}.bench.svc.{ZONE}", a) for i in range(count)]
        case "headless":
            names = [(f"headless-{i}.bench.svc.{ZONE}", a) for i in range(max(count // 10, 1))]
        case "nodata":
            names = [(f"svc-{i}.bench.svc.{ZONE}", aaaa) for i in range(count)]
        case "search":
            names = [
                (f"www{i}.example.com.{suffix}{ZONE}", a)
                for i in range(count // 3)
                for suffix in ("bench.svc.", "svc.", "")
            ]
        case "external":
            names = [(f"www{i}.example.com.", a) for i in range(min(count, 500))]
        case "hosts":
            names = [(f"www{i}.{HOSTS}", a) for i in range(HOSTS_COUNT)]
        case "uncached":
            names = [(f"www{i}.{UNCACHED}", a) for i in range(2000)]
        case "first":
            names = [(f"w{i}.example.com.bench.svc.{ZONE}", a) for i in range(10_000)]
            names += [(f"x{i}.svc-{i % count}.bench.svc.{ZONE}", a) for i in range(10_000)]
            names += [(_spelled(i, count), a) for i in range(10_000)]
        case "first_external":
            names = [(f"e{i}.example.com.", a) for i in range(10_000)]
        case "mix":
            names = [(f"svc-{i}.bench.svc.{ZONE}", kind) for i in range(count) for kind in (a, aaaa)]
            names += [(f"www{i}.example.com.bench.svc.{ZONE}", a) for i in range(count)]
        case _:
            raise SystemExit(f"dns_load: there is no mix {mix!r}")
    rng = Random(3)
    rng.shuffle(names)
    packets = [encode.question(rng.getrandbits(16), name, kind) for name, kind in names]
    while len(packets) < BATCH * SOCKETS:
        packets += packets
    return packets


def _spelled(index: int, count: int) -> str:
    """A Service's name in the index-th mixture of large and small letters (draft-vixie-dnsext-dns0x20)."""
    name = f"svc-{index % count}.bench.svc.{ZONE}"
    bits = index // count * 7919
    return "".join(letter.upper() if bits >> place % 24 & 1 else letter for place, letter in enumerate(name))


def rss_mb(pid: int) -> float:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS"):
            return round(int(line.split()[1]) / 1024, 1)
    return 0.0


@contextmanager
def started(
    command: list[str], log: Path, env: dict[str, str] | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    with log.open("wb") as out:
        process = subprocess.Popen(command, stdout=out, stderr=out, env={**os.environ, **(env or {})})
        try:
            yield process
        finally:
            process.send_signal(signal.SIGKILL)
            process.wait()


def wait_answered(
    process: subprocess.Popen[bytes], log: Path, port: int, packet: bytes, limit_s: float = 300.0
) -> float:
    """Until the question has an answer with records; how long that was. SystemExit with what the server said."""
    began = time.monotonic()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.settimeout(0.1)
        while time.monotonic() - began < limit_s and process.poll() is None:
            try:
                sock.sendto(packet, ("127.0.0.1", port))
                if sock.recv(4096)[6:8] != b"\0\0":
                    return time.monotonic() - began
            except OSError:
                time.sleep(0.02)
    raise SystemExit(f"dns_load: the server did not become ready: {log.read_text()[-2000:]}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--services", type=int, default=1000)
    parser.add_argument("--endpoints", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=1.5)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--mix", action="append")
    arguments = parser.parse_args()
    print(json.dumps(compare(arguments), indent=1))


def measure() -> dict[str, Any]:
    """The figures of `make bench`: 1,000 services under load, 10,000 for size and start."""
    usual = argparse.Namespace(services=1000, endpoints=5, seconds=0.8, rounds=1, mix=None)
    large = argparse.Namespace(services=10_000, endpoints=5, seconds=0.5, rounds=1, mix=["search"])
    return {"services_1000": compare(usual), "services_10000": compare(large)}


def compare(arguments: argparse.Namespace) -> dict[str, Any]:
    """Each server on the same objects, one after the other."""
    mixes = arguments.mix or [
        *("cluster", "nodata", "search", "mix", "headless", "external", "hosts"),
        *("uncached", "first", "first_external"),
    ]
    coredns = os.environ.get("COREDNS") or shutil.which("coredns")
    commands = {"kdns": [sys.executable, "-m", "dns.cli"]} | ({"coredns": [coredns]} if coredns else {})
    result: dict[str, Any] = {"services": arguments.services, "endpoints": arguments.endpoints, "servers": {}}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        words = [
            sys.executable,
            *("-m", "tests.bench.dns_standins"),
            str(arguments.services),
            str(arguments.endpoints),
        ]
        env = {"PYTHONPATH": str(Path(__file__).parents[2])}
        with started(words, folder / "standins.log", env):
            text = ""
            while not text.endswith("\n"):
                time.sleep(0.05)
                text = (folder / "standins.log").read_text()
            api, upstream, control = text.split()
            stand = Stand(folder, api, upstream, int(control), arguments, env)
            for server, command in commands.items():
                result["servers"][server] = measure_server(stand, server, command, mixes)
            for server, times in latencies(stand, commands).items():
                result["servers"][server]["latency_us"] = percentiles(times)
    if coredns:
        ours, theirs = result["servers"]["kdns"], result["servers"]["coredns"]
        result["ratio"] = {
            mix: round(ours["qps_per_cpu_s"][mix] / theirs["qps_per_cpu_s"][mix], 2) for mix in mixes
        }
    return result


class Stand(NamedTuple):
    """What servers are measured with."""

    folder: Path
    api: str
    upstream: str
    control: int
    arguments: argparse.Namespace
    env: dict[str, str]

    @property
    def first(self) -> bytes:
        """A question about the last Service."""
        return encode.question(1, f"svc-{self.arguments.services - 1}.bench.svc.{ZONE}", numbers.A)


@contextmanager
def serving(stand: Stand, server: str, command: list[str]) -> Iterator[tuple[int, int, float]]:
    """A server's process ID, its port, and how long it took to answer."""
    port, metrics = free_port(), free_port()
    corefile = stand.folder / f"Corefile.{server}"
    text = COREFILE.format(
        port=port, metrics=metrics, api=stand.api, upstream=stand.upstream, uncached=UNCACHED
    )
    lines = "\n".join(
        f"        10.1.{i // 250}.{i % 250 + 1} www{i}.{HOSTS.rstrip('.')}" for i in range(HOSTS_COUNT)
    )
    text += HOSTS_BLOCK.format(zone=HOSTS, port=port, metrics=metrics, lines=lines)
    corefile.write_text(text)
    words = [*command, "-conf", str(corefile)]
    log = stand.folder / f"{server}.log"
    with started(words, log, {**stand.env, "GOMAXPROCS": "1"}) as process:
        ready_s = wait_answered(process, log, port, stand.first)
        time.sleep(0.3)
        yield process.pid, port, ready_s


def latencies(stand: Stand, commands: dict[str, list[str]]) -> dict[str, list[float]]:
    """All servers at once, asked in turn: what else the machine does meets them alike."""
    found: dict[str, list[float]] = {server: [] for server in commands}
    with ExitStack() as stack:
        ports = {
            server: stack.enter_context(serving(stand, server, command))[1]
            for server, command in commands.items()
        }
        for _ in range(LATENCY_ROUNDS):
            for server, port in ports.items():
                found[server] += latencies_us(port, stand.first, 0.3)
    return found


def measure_server(stand: Stand, server: str, command: list[str], mixes: Sequence[str]) -> dict[str, Any]:
    arguments = stand.arguments
    found: dict[str, Any] = {"qps_per_cpu_s": {}, "qps": {}, "lost": {}}
    with serving(stand, server, command) as (pid, port, ready_s):
        found["ready_s"] = round(ready_s, 3)
        found["rss_mb"] = rss_mb(pid)
        found["change_ms"] = change_ms(port, stand.control)
        for mix in mixes:
            packets = questions(mix, arguments.services)
            per_cpu, qps, lost = [], [], 0
            for _ in range(1 if mix in ONCE else arguments.rounds):
                client = Client(port, packets)
                once = mix in ONCE
                if not once:
                    client.run(0.2)  # the first pass fills the memory
                before = cpu_s(pid)
                answered, missing, took = client.run(20.0 if once else arguments.seconds, once=once)
                used = cpu_s(pid) - before
                client.close()
                per_cpu.append(answered / max(used, 0.01))
                qps.append(answered / took)
                lost += missing
            found["qps_per_cpu_s"][mix] = round(statistics.median(per_cpu))
            found["qps"][mix] = round(statistics.median(qps))
            found["lost"][mix] = lost
        found["tcp_qps_per_cpu_s"] = tcp(
            port, pid, questions("cluster", arguments.services), arguments.seconds
        )
        listed = [
            line
            for i in range(arguments.services)
            for line in (f"svc-{i}.bench.svc.{ZONE} A", f"www{i}.example.com.bench.svc.{ZONE} A")
        ]
        for transport in ("udp", "tcp"):
            seen = dnsperf(port, pid, listed, max(1, round(arguments.seconds)), "-m", transport)
            if seen is not None:
                found[f"dnsperf_{transport}"] = seen
        found["rss_after_mb"] = rss_mb(pid)
    return found


if __name__ == "__main__":
    main()
