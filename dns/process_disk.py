"""What the process uses, as every Prometheus client says it, and what its sockets lost; from /proc."""

from __future__ import annotations

import resource
from collections.abc import Iterable
from pathlib import Path

from dns.answering.memo import MAX_BYTES
from dns.answering.responder import Responder
from dns.metrics import Registry
from dns.tcp.crowd import MAX_CONNECTIONS
from linux.own_process import started_at_s, usage

# What answers from upstreams, buffers and the like take beside the zone and the answers kept ready.
ASIDE_BYTES = 6 << 20
LEAST_MEMO_BYTES = 3 << 20


def watch_process(registry: Registry) -> None:
    """Have the metrics read anew each time they are asked for."""
    cpu = registry.counter("process_cpu_seconds_total", "Total user and system CPU time spent in seconds.")
    resident = registry.gauge("process_resident_memory_bytes", "Resident memory size in bytes.")
    virtual = registry.gauge("process_virtual_memory_bytes", "Virtual memory size in bytes.")
    files = registry.gauge("process_open_fds", "Number of open file descriptors.")
    started = registry.gauge(
        "process_start_time_seconds", "Start time of the process since unix epoch in seconds."
    )
    lost = registry.counter(
        "kdns_udp_receive_errors_total", "UDP packets this network namespace dropped at full socket buffers."
    )
    started.set(started_at_s())

    def collect() -> None:
        now = usage()
        cpu.set(now.cpu_s)
        virtual.set(now.virtual_bytes)
        resident.set(now.resident_bytes)
        files.set(now.open_files)
        lost.set(receive_errors(Path("/proc/self/net/snmp").read_text()))

    registry.collectors.append(collect)


def connection_limit() -> int:
    """How many connections clients may have: what the system gives in files, less what else needs them.

    The limit of this process is raised to the one that it may have, as every Go program does.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and soft < hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        soft = hard
    return max(16, min(MAX_CONNECTIONS, soft * 3 // 4))


def receive_errors(snmp: str) -> int:
    """RcvbufErrors of /proc/net/snmp; 0 where the kernel does not say."""
    rows = [line.split() for line in snmp.splitlines() if line.startswith("Udp:")]
    if len(rows) < 2 or "RcvbufErrors" not in rows[0]:
        return 0
    return int(rows[1][rows[0].index("RcvbufErrors")])


def fit_memory(pairs: Iterable[tuple[Responder, Responder]], goal_bytes: int) -> None:
    """Answers kept ready may take what the zone leaves of goal_bytes; `pairs` are of datagrams and streams."""
    held_bytes = usage().resident_bytes
    found = list(pairs)
    for datagrams, streams in found:
        share = max(goal_bytes - ASIDE_BYTES - held_bytes, LEAST_MEMO_BYTES) // len(found)
        datagrams.memo.max_bytes = min(share, MAX_BYTES)
        streams.memo.max_bytes = min(share // 4, MAX_BYTES)
