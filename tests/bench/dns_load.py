"""DNS under load: answered queries per CPU-second of the server, over loopback, as JSON.

    python tests/bench/dns_load.py [--services 1000] [--endpoints 5] [--seconds 1.5] [--mix NAME]...

kdns with kubeadm's Corefile; beside it CoreDNS with the same one when `coredns` is in PATH or COREDNS names it.
What is counted is completed queries divided by the CPU time of the server's process, so that a client on the same
machine matters little. The order of the servers changes with each round.
"""

from __future__ import annotations

import argparse
import ctypes
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
from contextlib import contextmanager
from pathlib import Path
from random import Random
from typing import Any

from dns.wire import encode, numbers

BATCH = 32
SOCKETS = 6
TICKS = os.sysconf("SC_CLK_TCK")
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
UNCACHED = "uncached.test."
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


class Client:
    """Keeps BATCH questions in flight on each of SOCKETS sockets."""

    def __init__(self, port: int, packets: Sequence[bytes]) -> None:
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._socks = []
        for _ in range(SOCKETS):
            sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
            sock.connect(("127.0.0.1", port))
            sock.settimeout(0.5)
            self._socks.append(sock)
        self._keep: list[Any] = []
        self._batches = [
            self._headers(packets[start : start + BATCH])
            for start in range(0, len(packets) - BATCH + 1, BATCH)
        ]
        space = ctypes.create_string_buffer(4096 * BATCH)
        self._in = self._headers(
            [b""] * BATCH, [ctypes.addressof(space) + 4096 * slot for slot in range(BATCH)]
        )
        self._keep.append(space)

    def _headers(self, packets: Sequence[bytes], addresses: Sequence[int] | None = None) -> int:
        """An array of struct mmsghdr; its address."""
        iov = ctypes.create_string_buffer(16 * len(packets))
        headers = ctypes.create_string_buffer(64 * len(packets))
        iovs = memoryview(iov).cast("B").cast("Q")
        words = memoryview(headers).cast("B").cast("Q")
        for slot, packet in enumerate(packets):
            data = ctypes.c_char_p(packet)
            self._keep.append((data, packet))
            iovs[2 * slot] = addresses[slot] if addresses else ctypes.cast(data, ctypes.c_void_p).value or 0
            iovs[2 * slot + 1] = 4096 if addresses else len(packet)
            words[8 * slot + 2] = ctypes.addressof(iov) + 16 * slot
            words[8 * slot + 3] = 1
        self._keep += [iov, headers]
        return ctypes.addressof(headers)

    def run(self, seconds: float, *, once: bool = False) -> tuple[int, int, float]:
        """Answered, lost, and the time it took. `once` ends when each question was asked."""
        send, receive = self._libc.sendmmsg, self._libc.recvmmsg
        batches, inside = self._batches, ctypes.c_void_p(self._in)
        answered = lost = turn = 0
        fds = [sock.fileno() for sock in self._socks]
        for sock in self._socks:
            sock.setblocking(True)
            sock.setsockopt(
                socket.SOL_SOCKET,
                socket.SO_RCVTIMEO,
                bytes(ctypes.string_at(ctypes.addressof((ctypes.c_long * 2)(0, 300_000)), 16)),
            )
        began = time.monotonic()
        end = began + seconds
        for fd in fds:
            send(fd, ctypes.c_void_p(batches[turn % len(batches)]), BATCH, 0)
            turn += 1
        while time.monotonic() < end and not (once and turn >= len(batches)):
            for fd in fds:
                got = 0
                while got < BATCH:
                    count = receive(fd, inside, BATCH - got, 0x10000, None)
                    if count <= 0:
                        lost += BATCH - got
                        break
                    got += count
                answered += got
                send(fd, ctypes.c_void_p(batches[turn % len(batches)]), BATCH, 0)
                turn += 1
        took = time.monotonic() - began
        return answered, lost, took

    def close(self) -> None:
        for sock in self._socks:
            sock.close()


def cpu_s(pid: int) -> float:
    """User and system time of a process."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def rss_mb(pid: int) -> float:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS"):
            return round(int(line.split()[1]) / 1024, 1)
    return 0.0


def latency_us(port: int, packet: bytes, seconds: float) -> dict[str, float]:
    """One question at a time."""
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.connect(("127.0.0.1", port))
    sock.settimeout(1.0)
    times = []
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        began = time.perf_counter()
        sock.send(packet)
        sock.recv(4096)
        times.append((time.perf_counter() - began) * 1e6)
        time.sleep(0.0002)
    sock.close()
    times.sort()
    return {"p50": round(times[len(times) // 2], 1), "p99": round(times[int(len(times) * 0.99)], 1)}


def change_ms(port: int, control: int, changes: int = 100) -> dict[str, float]:
    """From telling the API server of an endpoint's new address until DNS answers with it."""
    question = encode.question(1, f"headless-0.bench.svc.{ZONE}", numbers.A)
    times = []
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as api,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as dns,
    ):
        api.connect(("127.0.0.1", control))
        dns.connect(("127.0.0.1", port))
        dns.settimeout(1.0)
        for index in range(changes):
            address = f"10.250.{index // 250}.{index % 250 + 1}"
            began = time.perf_counter()
            api.send(address.encode())
            while socket.inet_aton(address) not in _asked(dns, question):
                if time.perf_counter() - began > 5.0:
                    raise SystemExit("dns_load: a change was not answered within 5 s")
                time.sleep(0.0002)
            times.append((time.perf_counter() - began) * 1e3)
    times.sort()
    return {"p50": round(times[len(times) // 2], 2), "p99": round(times[int(len(times) * 0.99)], 2)}


def _asked(sock: socket.socket, question: bytes) -> bytes:
    sock.send(question)
    try:
        return sock.recv(4096)
    except TimeoutError:
        return b""


def tcp(port: int, pid: int, packets: Sequence[bytes], seconds: float) -> int:
    """Pipelined questions on one connection, 64 at a time."""
    framed = [len(packet).to_bytes(2, "big") + packet for packet in packets]
    batches = [b"".join(framed[start : start + 64]) for start in range(0, len(framed) - 63, 64)]
    with socket.create_connection(("127.0.0.1", port), 2) as sock:
        stream = sock.makefile("rb")
        answered, turn = 0, 0
        before = cpu_s(pid)
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            sock.sendall(batches[turn % len(batches)])
            turn += 1
            for _ in range(64):
                stream.read(int.from_bytes(stream.read(2), "big"))
            answered += 64
        used = cpu_s(pid) - before
        stream.close()
    return round(answered / max(used, 0.01))


STANDINS = """
import asyncio, socket, sys, threading
from dns.fakes.objects import endpoint, endpoint_slice, namespace, service
from dns.fakes.serve import FakeApi

def objects(services, endpoints):
    yield namespace("bench")
    for i in range(services):
        a, b = divmod(i, 250)
        yield service(f"svc-{i}", [f"10.96.{a}.{b + 1}"], ns="bench")
        ends = [endpoint(f"10.{64 + e}.{a}.{b + 1}", pod=f"svc-{i}-{e}", node=f"node-{e}") for e in range(endpoints)]
        yield endpoint_slice(f"svc-{i}", *ends, ns="bench")
    for i in range(max(services // 10, 1)):
        a, b = divmod(i, 250)
        yield service(f"headless-{i}", ns="bench")
        ends = [endpoint(f"10.{164 + e}.{a}.{b + 1}") for e in range(endpoints)]
        yield endpoint_slice(f"headless-{i}", *ends, ns="bench")

def upstream():
    # One A record for every name, TTL 3600; as cheap as it can be.
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
    sock.bind(("127.0.0.1", 0))

    def answer():
        while True:
            packet, client = sock.recvfrom(4096)
            end = packet.index(0, 12) + 5
            head = packet[:2] + bytes.fromhex("818000010001") + bytes(4)
            record = bytes.fromhex("c00c0001000100000e100004c0000201")
            sock.sendto(head + packet[12:end] + record, client)

    threading.Thread(target=answer, daemon=True).start()
    return "127.0.0.1:%d" % sock.getsockname()[1]

async def main():
    services, endpoints = int(sys.argv[1]), int(sys.argv[2])
    api = FakeApi(objects(services, endpoints))
    loop = asyncio.get_running_loop()

    def change():
        # Each datagram is the address that headless-0 has from now on.
        address = control.recv(64).decode()
        api.put(endpoint_slice("headless-0", endpoint(address), ns="bench"))

    control = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    control.bind(("127.0.0.1", 0))
    loop.add_reader(control, change)
    print(await api.start(), upstream(), control.getsockname()[1], flush=True)
    await asyncio.Event().wait()

asyncio.run(main())
"""


def free_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


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


def wait_answered(port: int, packet: bytes, limit_s: float = 30.0) -> float:
    """Until the question has an answer with records; how long that was."""
    began = time.monotonic()
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.settimeout(0.1)
    while time.monotonic() - began < limit_s:
        try:
            sock.sendto(packet, ("127.0.0.1", port))
            if sock.recv(4096)[6:8] != b"\0\0":
                sock.close()
                return time.monotonic() - began
        except OSError:
            time.sleep(0.02)
    raise SystemExit("dns_load: the server did not become ready")


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
        *("cluster", "nodata", "search", "mix", "headless", "external"),
        *("uncached", "first", "first_external"),
    ]
    coredns = os.environ.get("COREDNS") or shutil.which("coredns")
    commands = {"kdns": [sys.executable, "-m", "dns.cli"]} | ({"coredns": [coredns]} if coredns else {})
    result: dict[str, Any] = {"services": arguments.services, "endpoints": arguments.endpoints, "servers": {}}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "standins.py").write_text(STANDINS)
        words = [
            sys.executable,
            str(folder / "standins.py"),
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
            for server, command in commands.items():
                result["servers"][server] = measure_server(
                    server, command, folder, api, upstream, int(control), arguments, mixes, env
                )
    if coredns:
        ours, theirs = result["servers"]["kdns"], result["servers"]["coredns"]
        result["ratio"] = {
            mix: round(ours["qps_per_cpu_s"][mix] / theirs["qps_per_cpu_s"][mix], 2) for mix in mixes
        }
    return result


def measure_server(
    server: str,
    command: list[str],
    folder: Path,
    api: str,
    upstream: str,
    control: int,
    arguments: argparse.Namespace,
    mixes: Sequence[str],
    env: dict[str, str],
) -> dict[str, Any]:
    port, metrics = free_port(), free_port()
    corefile = folder / f"Corefile.{server}"
    text = COREFILE.format(port=port, metrics=metrics, api=api, upstream=upstream, uncached=UNCACHED)
    corefile.write_text(text)
    found: dict[str, Any] = {"qps_per_cpu_s": {}, "qps": {}, "lost": {}}
    first = encode.question(1, f"svc-{arguments.services - 1}.bench.svc.{ZONE}", numbers.A)
    with started(
        [*command, "-conf", str(corefile)], folder / f"{server}.log", {**env, "GOMAXPROCS": "1"}
    ) as process:
        found["ready_s"] = round(wait_answered(port, first), 3)
        time.sleep(0.3)
        found["rss_mb"] = rss_mb(process.pid)
        found["latency_us"] = latency_us(port, first, max(1.0, arguments.seconds))
        found["change_ms"] = change_ms(port, control)
        for mix in mixes:
            packets = questions(mix, arguments.services)
            per_cpu, qps, lost = [], [], 0
            for _ in range(1 if mix in ONCE else arguments.rounds):
                client = Client(port, packets)
                once = mix in ONCE
                if not once:
                    client.run(0.2)  # the first pass fills the memory
                before = cpu_s(process.pid)
                answered, missing, took = client.run(20.0 if once else arguments.seconds, once=once)
                used = cpu_s(process.pid) - before
                client.close()
                per_cpu.append(answered / max(used, 0.01))
                qps.append(answered / took)
                lost += missing
            found["qps_per_cpu_s"][mix] = round(statistics.median(per_cpu))
            found["qps"][mix] = round(statistics.median(qps))
            found["lost"][mix] = lost
        found["tcp_qps_per_cpu_s"] = tcp(
            port, process.pid, questions("cluster", arguments.services), arguments.seconds
        )
        found["rss_after_mb"] = rss_mb(process.pid)
    return found


if __name__ == "__main__":
    main()
