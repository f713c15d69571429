"""kproxy from objects in memory to rules in the kernel, and one changed endpoint; prints JSON.

`python tests/bench/kproxy_load.py [--services 1000,10000] [--endpoints 5]`, as root; works in a network
namespace of its own.
"""

import argparse
import gc
import json
import os
import resource
import statistics
import sys
import time
from collections.abc import Iterator

from kproxy import garbage
from kproxy.backends.nftables.apply import NftablesBackend
from kproxy.intake import Intake
from kproxy.node import LocalCIDR, NodeRules
from kproxy.policy import Place
from kube.objects import (
    SERVICE_NAME_LABEL,
    Endpoint,
    EndpointPort,
    EndpointSlice,
    ObjectMeta,
    Service,
    ServicePort,
    ServiceSpec,
    key_of,
)
from linux import netns
from linux.nft.socket import NftSocket

_CHANGES = 100


def services(count: int) -> Iterator[Service]:
    """ClusterIP services `default/s0`…, one TCP port each."""
    for i in range(count):
        ip = f"10.{96 + i // 65536}.{i // 256 % 256}.{i % 256}"
        yield Service(
            metadata=ObjectMeta(namespace="default", name=f"s{i}", uid=f"u{i}"),
            spec=ServiceSpec(
                cluster_ip=ip,
                cluster_ips=(ip,),
                ip_families=("IPv4",),
                ports=(ServicePort(port=80, name="http"),),
            ),
        )


def endpoint_ip(number: int) -> str:
    return f"10.{128 + number // 65536}.{number // 256 % 256}.{number % 256}"


def slice_of(service: int, ips: list[str]) -> EndpointSlice:
    """Its slice, with endpoints on ten nodes in turn."""
    name = f"s{service}"
    return EndpointSlice(
        metadata=ObjectMeta(namespace="default", name=f"{name}-x", labels={SERVICE_NAME_LABEL: name}),
        address_type="IPv4",
        ports=(EndpointPort(name="http", port=8080),),
        endpoints=tuple(Endpoint(addresses=(ip,), node_name=f"n{i % 10}") for i, ip in enumerate(ips)),
    )


def node_rules() -> NodeRules:
    return NodeRules(
        family=4,
        detector=LocalCIDR("10.128.0.0/9"),
        node_port_addresses=("192.168.0.2",),
        service_cidrs=("10.96.0.0/12",),
        local_addresses=("192.168.0.2",),
    )


def measure() -> list[dict[str, object]]:
    """What `make bench` shows."""
    return run([1000, 10_000], 5)


def measure_size(service_count: int, endpoint_count: int, repeats: int = 3) -> dict[str, object]:
    """One size: the best and the median full load, and what one changed endpoint takes."""
    objects = list(services(service_count))
    ips = [[endpoint_ip(i * endpoint_count + j) for j in range(endpoint_count)] for i in range(service_count)]
    slices = [slice_of(i, found) for i, found in enumerate(ips)]
    gc.collect()
    loads = []
    with NftSocket() as socket:
        garbage.calm()
        for _ in range(repeats):
            with garbage.paused():
                intake, backend, took_s = _load(objects, slices, socket)
            loads.append(took_s)
            if len(loads) < repeats:
                backend.cleanup()
        replaced, cpu_replaced = _changes(intake, backend, ips, _replaced)
        resized, cpu_resized = _changes(intake, backend, ips, _removed)
        started_s = time.perf_counter()
        backend.distrust()
        backend.sync(intake.tables[4])
        adopted_s = time.perf_counter() - started_s
        backend.cleanup()
    return {
        "services": service_count,
        "endpoints": service_count * endpoint_count,
        "full_load_s": {"median": round(statistics.median(loads), 4), "all": [round(s, 4) for s in loads]},
        "adopt_and_compare_s": round(adopted_s, 4),
        "replace_one_endpoint_ms": _spread(replaced, cpu_replaced),
        "remove_one_endpoint_ms": _spread(resized, cpu_resized),
        "resident_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1),
    }


def _load(
    objects: list[Service], slices: list[EndpointSlice], socket: NftSocket
) -> tuple[Intake, NftablesBackend, float]:
    started_s = time.perf_counter()
    intake = Intake((4,), Place(node_name="n0", node_ips=("192.168.0.2",)))
    for service in objects:
        intake.set_service(key_of(service), service)
    for item in slices:
        intake.set_slice(key_of(item), item)
    intake.refresh()
    backend = NftablesBackend(node_rules(), socket)
    backend.sync(intake.tables[4])
    return intake, backend, time.perf_counter() - started_s


def _replaced(ips: list[str], turn: int) -> list[str]:
    return [*ips[:-1], f"10.255.0.{turn % 256}"]


def _removed(ips: list[str], turn: int) -> list[str]:
    return ips[: -1 - turn % 2]


def _changes(
    intake: Intake, backend: NftablesBackend, ips: list[list[str]], change: object
) -> tuple[list[float], float]:
    assert callable(change)
    taken = []
    cpu_s = time.process_time()
    for turn in range(_CHANGES):
        service = turn * 37 % len(ips)
        item = slice_of(service, change(ips[service], turn))
        started_s = time.perf_counter()
        intake.set_slice(key_of(item), item)
        changes = intake.refresh()
        backend.sync(intake.tables[4], changes.forwarding[4])
        taken.append((time.perf_counter() - started_s) * 1000)
    return taken, (time.process_time() - cpu_s) / _CHANGES * 1000


def _spread(taken_ms: list[float], cpu_ms: float) -> dict[str, float]:
    ordered = sorted(taken_ms)
    return {
        "p50": round(statistics.median(ordered), 3),
        "p99": round(ordered[int(len(ordered) * 0.99) - 1], 3),
        "max": round(ordered[-1], 3),
        "cpu": round(cpu_ms, 3),
    }


def run(sizes: list[int], endpoint_count: int) -> list[dict[str, object]]:
    """Every size in a network namespace of its own."""
    results = []
    for size in sizes:
        fd = netns.create()
        try:
            results.append(netns.run_in(fd, lambda size=size: measure_size(size, endpoint_count)))  # type: ignore[misc]
        finally:
            os.close(fd)
    return results


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--services", default="1000,10000", help="sizes, with commas between")
    parser.add_argument("--endpoints", type=int, default=5, help="endpoints of each service")
    parsed = parser.parse_args()
    print(
        json.dumps({"kproxy": run([int(s) for s in parsed.services.split(",")], parsed.endpoints)}, indent=2)
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
