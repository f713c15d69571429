"""process_* metrics, as every Prometheus client has them: what dashboards show of a process."""

import resource
from pathlib import Path

from kproxy.metrics.exposition import Registry
from linux.own_process import started_at_s, usage


def register(registry: Registry) -> None:
    """Asked anew each time the registry is rendered."""
    cpu = registry.counter("process_cpu_seconds_total", "CPU time, user and system, in seconds")
    resident = registry.gauge("process_resident_memory_bytes", "Resident memory in bytes")
    virtual = registry.gauge("process_virtual_memory_bytes", "Virtual memory in bytes")
    limit = registry.gauge(
        "process_virtual_memory_max_bytes", "Most virtual memory in bytes, -1 for no limit"
    )
    open_fds = registry.gauge("process_open_fds", "Open file descriptors")
    max_fds = registry.gauge("process_max_fds", "Most open file descriptors")
    received = registry.counter(
        "process_network_receive_bytes_total", "Bytes received in its network namespace"
    )
    sent = registry.counter("process_network_transmit_bytes_total", "Bytes sent in its network namespace")
    start_time(registry)

    def ask() -> None:
        now = usage()
        cpu.set(now.cpu_s)
        virtual.set(now.virtual_bytes)
        resident.set(now.resident_bytes)
        limit.set(resource.getrlimit(resource.RLIMIT_AS)[1])
        open_fds.set(now.open_files)
        max_fds.set(resource.getrlimit(resource.RLIMIT_NOFILE)[0])
        bytes_in, bytes_out = _network_bytes()
        received.set(bytes_in)
        sent.set(bytes_out)

    registry.on_render.append(ask)


def start_time(registry: Registry) -> None:
    """Alone it is what /metrics/slis has."""
    began = registry.gauge("process_start_time_seconds", "Start of the process, in seconds since 1970")
    began.set(started_at_s())


def _network_bytes() -> tuple[int, int]:
    rows = [
        line.partition(":")[2].split() for line in Path("/proc/self/net/dev").read_text().splitlines()[2:]
    ]
    return sum(int(row[0]) for row in rows), sum(int(row[8]) for row in rows)
