"""What asks a DNS server under load, and what it takes: batches over UDP, one at a time, pipelined over TCP, dnsperf."""

from __future__ import annotations

import ctypes
import os
import re
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from dns.wire import encode, numbers

BATCH = 32
SOCKETS = 6
TICKS = os.sysconf("SC_CLK_TCK")


def cpu_s(pid: int) -> float:
    """User and system time of a process."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


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
                bytes(ctypes.string_at(ctypes.addressof((ctypes.c_long * 2)(10, 0)), 16)),
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


def latencies_us(port: int, packet: bytes, seconds: float) -> list[float]:
    """One question at a time."""
    times = []
    end = time.monotonic() + seconds
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.connect(("127.0.0.1", port))
        sock.settimeout(60.0)
        while time.monotonic() < end:
            began = time.perf_counter()
            sock.send(packet)
            sock.recv(4096)
            times.append((time.perf_counter() - began) * 1e6)
            time.sleep(0.0002)
    return times


def percentiles(times: Sequence[float]) -> dict[str, float]:
    ordered = sorted(times)
    return {"p50": round(ordered[len(ordered) // 2], 1), "p99": round(ordered[int(len(ordered) * 0.99)], 1)}


def change_ms(port: int, control: int, changes: int = 100) -> dict[str, float]:
    """From telling the API server of an endpoint's new address until DNS answers with it."""
    question = encode.question(1, "headless-0.bench.svc.cluster.local.", numbers.A)
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
                if time.perf_counter() - began > 60.0:
                    raise SystemExit("dns_load: a change was not answered within a minute")
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
    with socket.create_connection(("127.0.0.1", port), 60) as sock:
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


def dnsperf(port: int, pid: int, names: Sequence[str], seconds: int, *mode: str) -> dict[str, float] | None:
    """The usual tool's view, as another witness; None where it is not installed. `names`: "NAME TYPE" each."""
    program = shutil.which("dnsperf")
    if program is None:
        return None
    with tempfile.NamedTemporaryFile("w", suffix=".names") as file:
        file.write("\n".join(names) + "\n")
        file.flush()
        words = [program, "-s", "127.0.0.1", "-p", str(port), "-d", file.name, "-l", str(seconds), *mode]
        before = cpu_s(pid)
        found = subprocess.run(
            [*words, "-c", "8", "-q", "200"], capture_output=True, text=True, check=True, timeout=300
        )
        used = cpu_s(pid) - before

    def figure(pattern: str) -> float:
        match = re.search(pattern, found.stdout)
        return float(match[1]) if match else 0.0

    completed = figure(r"Queries completed:\s+(\d+)")
    return {
        "qps_per_cpu_s": round(completed / max(used, 0.01)),
        "lost": figure(r"Queries lost:\s+(\d+)"),
        "latency_mean_us": round(figure(r"Average Latency \(s\):\s+([0-9.]+)") * 1e6, 1),
    }
