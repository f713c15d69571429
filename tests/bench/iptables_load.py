"""The iptables backend at 10,000 services × 5 endpoints, through both variants: from nothing, one changed endpoint,
and over its own rules. `python -m tests.bench iptables`, as root; each variant in a network namespace of its own.
"""

import os
import time
from collections.abc import Iterator
from typing import Any

from kproxy import garbage
from kproxy.backends.iptables.apply import IptablesBackend
from kproxy.forwarding import (
    Endpoint,
    Forward,
    Frontend,
    FrontendKind,
    ServiceForwarding,
    ServicePortName,
)
from kproxy.node import LocalCIDR, NodeRules
from linux import netns
from linux.iptables.run import Iptables
from tests.bench.served_list import SERVED_PORT, endpoint_ip, service_ip
from tests.bench.spread import spread

_SERVICES, _ENDPOINTS, _CHANGES = 10_000, 5, 10
_NODE = NodeRules(
    family=4, detector=LocalCIDR("10.128.0.0/9"), service_cidrs=("10.96.0.0/12",), drops_invalid=True
)


def measure() -> dict[str, object]:
    figures: dict[str, object] = {"load_average": round(os.getloadavg()[0], 1)}
    table = dict(_services())
    for variant in ("nft", "legacy"):
        programs = Iptables(f"iptables-{variant}")
        if not programs.is_there:
            figures[variant] = f"{programs.program} is not installed"
            continue
        fd = netns.create()
        try:
            figures[variant] = netns.run_in(fd, lambda programs=programs: _figures(programs, table))  # type: ignore[misc]
        finally:
            os.close(fd)
    return figures


def _services() -> Iterator[tuple[ServicePortName, ServiceForwarding]]:
    for number in range(_SERVICES):
        name = ServicePortName("default", f"s{number}", "http", "TCP")
        ips = [endpoint_ip(number * _ENDPOINTS + place) for place in range(_ENDPOINTS)]
        yield name, _service(name, service_ip(number), ips)


def _service(name: ServicePortName, ip: str, ips: list[str]) -> ServiceForwarding:
    ends = Forward(tuple(Endpoint(ip=each, port=SERVED_PORT) for each in ips))
    frontend = Frontend(kind=FrontendKind.CLUSTER_IP, ip=ip, port=80)
    return ServiceForwarding(name=name, frontends=(frontend,), internal=ends, external=ends)


def _figures(programs: Iptables, given: dict[ServicePortName, ServiceForwarding]) -> dict[str, Any]:
    table = dict(given)
    backend = IptablesBackend(_NODE, programs)
    with garbage.paused():
        start_s = _took_s(lambda: backend.sync(table))
    changes_ms = []
    for turn in range(_CHANGES):
        name = ServicePortName("default", f"s{7 + turn}", "http", "TCP")
        table[name] = _service(name, service_ip(7 + turn), [f"10.255.0.{turn}", f"10.255.1.{turn}"])
        changes_ms.append(_took_s(lambda name=name: backend.sync(table, {name})) * 1000)  # type: ignore[misc]
    backend.distrust()
    return {
        "start_s": round(start_s, 2),
        "one_endpoint_ms": spread(changes_ms, 1),
        "over_own_rules_s": round(_took_s(lambda: backend.sync(table)), 2),
    }


def _took_s(act: Any) -> float:
    started_s = time.perf_counter()
    act()
    return time.perf_counter() - started_s
