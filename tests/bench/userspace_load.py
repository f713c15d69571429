"""The userspace backend: bytes and connections over loopback, beside the same without any proxy.

`python -m tests.bench userspace`, as root; in a network namespace of its own.
"""

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from kproxy.backends.userspace.apply import UserspaceBackend
from kproxy.forwarding import (
    Endpoint,
    Forward,
    Frontend,
    FrontendKind,
    ServiceForwarding,
    ServicePortName,
)
from kproxy.node import NodeRules
from linux import netns, process
from linux.rtnl import Rtnl

_VIP, _SERVED, _SECONDS, _TURNS = "10.96.0.50", 8080, 3.0, 3
_GOAL_GBIT_S = 5.0


def measure() -> dict[str, object]:
    figures: dict[str, object] = {"load_average": round(os.getloadavg()[0], 1)}
    fd = netns.create()
    try:
        netns.run_in(fd, _furnish)
        figures["stream"] = netns.run_in(fd, _streams)
        figures["new_connections_per_s"] = netns.run_in(fd, _connections)
    finally:
        os.close(fd)
    return figures


def _furnish() -> None:
    with Rtnl() as rtnl:
        lo = rtnl.link("lo")
        assert lo is not None
        rtnl.set_link(lo.ifindex, up=True)


class _Serving:
    """A server of tests.bench behind the backend, whose thread is in this process."""

    def __init__(self, module: str, verb: str) -> None:
        argv = [sys.executable, str(Path(__file__).with_name(module)), verb, str(_SERVED)]
        self._server = process.spawn(argv, stdout=subprocess.PIPE)
        self.read()
        name = ServicePortName("ns", "web", "p", "TCP")
        ends = Forward((Endpoint(ip="127.0.0.1", port=_SERVED, local=True),))
        self._backend = UserspaceBackend(NodeRules(family=4, service_cidrs=("10.96.0.0/16",)))
        frontend = Frontend(kind=FrontendKind.CLUSTER_IP, ip=_VIP, port=80)
        self._backend.sync(
            {name: ServiceForwarding(name=name, frontends=(frontend,), internal=ends, external=ends)}
        )

    def read(self) -> bytes:
        assert self._server.stdout is not None
        return self._server.stdout.readline()

    def close(self) -> None:
        self._backend.cleanup()
        self._server.kill()
        self._server.communicate()


def _streams() -> dict[str, Any]:
    serving = _Serving("streams.py", "sink")
    try:
        straight = max(_gbit_s(serving, "127.0.0.1", _SERVED)[0] for _ in range(_TURNS))
        through, busy = max(_gbit_s(serving, _VIP, 80) for _ in range(_TURNS))
    finally:
        serving.close()
    return {
        "straight_gbit_s": round(straight, 1),
        "through_gbit_s": round(through, 1),
        "cpu_of_proxy": round(busy, 2),
        "limited_by": _limit(through, busy),
    }


def _limit(gbit_s: float, busy: float) -> str:
    """`busy`: CPU seconds a second of the one thread that carries the bytes."""
    if gbit_s >= _GOAL_GBIT_S:
        return "nothing that matters: the goal of 5 Gbit/s is reached"
    if busy > 0.9:
        return "the proxy's thread, which has a CPU for itself: splice in the kernel takes its time"
    return "the CPUs, which source, sink and proxy share with whatever else runs here"


def _gbit_s(serving: _Serving, ip: str, port: int) -> tuple[float, float]:
    """And the CPU seconds a second that this process, the proxy, took."""
    argv = [
        sys.executable,
        str(Path(__file__).with_name("streams.py")),
        "source",
        ip,
        str(port),
        str(_SECONDS),
    ]
    started_s, cpu_s = time.perf_counter(), time.process_time()
    process.run(argv)
    received = int(serving.read())
    took_s = time.perf_counter() - started_s
    return received * 8 / took_s / 1e9, (time.process_time() - cpu_s) / took_s


def _connections() -> dict[str, float]:
    serving = _Serving("connections.py", "serve")
    argv = [sys.executable, str(Path(__file__).with_name("connections.py")), "ask"]
    try:
        return {
            name: float(process.run([*argv, ip, str(port), str(_SECONDS)]).stdout)
            for name, ip, port in (("straight", "127.0.0.1", _SERVED), ("through", _VIP, 80))
        }
    finally:
        serving.close()
