"""Use of resources in Prometheus's text format, under the names that dashboards and metrics-server know. Pure."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from nodeagent.pods.times import epoch
from nodeagent.stats.summary import ContainerStats, Interface, PodStats, Taken, pod_usage


class Series(NamedTuple):
    """One sample; `value` None stands for what the kernel does not tell and is left out."""

    name: str
    value: float | None
    labels: tuple[tuple[str, str], ...] = ()


class Family(NamedTuple):
    kind: str  # counter or gauge
    help: str


_RESOURCE = {
    "node_cpu_usage_seconds_total": Family(
        "counter", "Cumulative cpu time consumed by the node in core-seconds"
    ),
    "node_memory_working_set_bytes": Family("gauge", "Current working set of the node in bytes"),
    "container_cpu_usage_seconds_total": Family(
        "counter", "Cumulative cpu time consumed by the container in core-seconds"
    ),
    "container_memory_working_set_bytes": Family("gauge", "Current working set of the container in bytes"),
    "container_start_time_seconds": Family(
        "gauge", "Start time of the container since unix epoch in seconds"
    ),
    "pod_cpu_usage_seconds_total": Family(
        "counter", "Cumulative cpu time consumed by the pod in core-seconds"
    ),
    "pod_memory_working_set_bytes": Family("gauge", "Current working set of the pod in bytes"),
    "resource_scrape_error": Family(
        "gauge", "1 if there was an error while getting container metrics, 0 otherwise"
    ),
}
_CADVISOR = {
    "machine_cpu_cores": Family("gauge", "Number of logical CPU cores."),
    "machine_memory_bytes": Family("gauge", "Amount of memory installed on the machine."),
    "container_cpu_usage_seconds_total": Family("counter", "Cumulative cpu time consumed in seconds."),
    "container_cpu_cfs_periods_total": Family("counter", "Number of elapsed enforcement period intervals."),
    "container_cpu_cfs_throttled_periods_total": Family("counter", "Number of throttled period intervals."),
    "container_memory_usage_bytes": Family("gauge", "Current memory usage in bytes, whenever accessed."),
    "container_memory_working_set_bytes": Family("gauge", "Current working set in bytes."),
    "container_memory_rss": Family("gauge", "Size of RSS in bytes."),
    "container_memory_cache": Family("gauge", "Number of bytes of page cache memory."),
    "container_processes": Family("gauge", "Number of processes running inside the container."),
    "container_start_time_seconds": Family(
        "gauge", "Start time of the container since unix epoch in seconds."
    ),
    "container_last_seen": Family("gauge", "Last time a container was seen by the exporter"),
    "container_spec_cpu_period": Family("gauge", "CPU period of the container."),
    "container_spec_cpu_quota": Family("gauge", "CPU quota of the container."),
    "container_spec_cpu_shares": Family("gauge", "CPU share of the container."),
    "container_spec_memory_limit_bytes": Family("gauge", "Memory limit for the container."),
    "container_network_receive_bytes_total": Family("counter", "Cumulative count of bytes received"),
    "container_network_receive_packets_total": Family("counter", "Cumulative count of packets received"),
    "container_network_receive_errors_total": Family("counter", "Cumulative count of errors while receiving"),
    "container_network_receive_packets_dropped_total": Family(
        "counter", "Cumulative count of packets dropped while receiving"
    ),
    "container_network_transmit_bytes_total": Family("counter", "Cumulative count of bytes transmitted"),
    "container_network_transmit_packets_total": Family("counter", "Cumulative count of packets transmitted"),
    "container_network_transmit_errors_total": Family(
        "counter", "Cumulative count of errors while transmitting"
    ),
    "container_network_transmit_packets_dropped_total": Family(
        "counter", "Cumulative count of packets dropped while transmitting"
    ),
}


def resource_metrics(taken: Taken) -> str:
    """/metrics/resource: what metrics-server reads."""
    return _text(_RESOURCE, _resource_series(taken), taken.now.at_s)


def cadvisor_metrics(taken: Taken, cpu_count: int, memory_bytes: int) -> str:
    """/metrics/cadvisor: the part of cAdvisor's series that can be had from cgroups and network namespaces."""
    machine = [Series("machine_cpu_cores", cpu_count), Series("machine_memory_bytes", memory_bytes)]
    series = [*machine, *(each for pod in taken.pods for each in _cadvisor_series(pod, taken.now.at_s))]
    return _text(_CADVISOR, series, None)


def _resource_series(taken: Taken) -> Iterator[Series]:
    usage = taken.now.usage
    yield Series("node_cpu_usage_seconds_total", _seconds(usage.cpu_ns))
    yield Series("node_memory_working_set_bytes", usage.working_set_bytes)
    for pod in taken.pods:
        of_pod = (("namespace", pod.namespace), ("pod", pod.name))
        whole = pod_usage(pod)
        yield Series("pod_cpu_usage_seconds_total", _seconds(whole.cpu_ns), of_pod)
        yield Series("pod_memory_working_set_bytes", whole.working_set_bytes, of_pod)
        for each in pod.containers:
            labels = (("container", each.name), *of_pod)
            yield Series("container_cpu_usage_seconds_total", _seconds(each.now.usage.cpu_ns), labels)
            yield Series("container_memory_working_set_bytes", each.now.usage.working_set_bytes, labels)
            yield Series("container_start_time_seconds", epoch(each.started_at), labels)
    yield Series("resource_scrape_error", 0)


def _cadvisor_series(pod: PodStats, now_s: float) -> Iterator[Series]:
    of_pod = (("namespace", pod.namespace), ("pod", pod.name))
    for each in pod.containers:
        labels = (
            ("container", each.name),
            ("id", f"/pod{pod.uid}/{each.id}"),
            ("image", each.image),
            ("name", each.id),
            *of_pod,
        )
        yield from _of_container(each, labels, now_s)
    for interface in pod.interfaces:
        of_interface = (("id", f"/pod{pod.uid}"), ("interface", interface.name), *of_pod)
        yield from _of_interface(interface, of_interface)


def _of_container(
    each: ContainerStats, labels: tuple[tuple[str, str], ...], now_s: float
) -> Iterator[Series]:
    usage, limits = each.now.usage, each.limits
    cpu_labels = (labels[0], ("cpu", "total"), *labels[1:])
    yield Series("container_cpu_usage_seconds_total", _seconds(usage.cpu_ns), cpu_labels)
    for name, value in (
        ("container_cpu_cfs_periods_total", usage.periods),
        ("container_cpu_cfs_throttled_periods_total", usage.throttled_periods),
        ("container_memory_usage_bytes", usage.memory_bytes),
        ("container_memory_working_set_bytes", usage.working_set_bytes),
        ("container_memory_rss", usage.rss_bytes),
        ("container_memory_cache", usage.cache_bytes),
        ("container_processes", usage.processes),
        ("container_start_time_seconds", epoch(each.started_at)),
        ("container_last_seen", int(now_s)),
        ("container_spec_cpu_period", limits.cpu_period_us),
        ("container_spec_cpu_quota", limits.cpu_quota_us),
        ("container_spec_cpu_shares", limits.cpu_shares),
        ("container_spec_memory_limit_bytes", limits.memory_bytes or 0),
    ):
        yield Series(name, value, labels)


def _of_interface(each: Interface, labels: tuple[tuple[str, str], ...]) -> Iterator[Series]:
    for way, values in (
        ("receive", (each.rx_bytes, each.rx_packets, each.rx_errors, each.rx_dropped)),
        ("transmit", (each.tx_bytes, each.tx_packets, each.tx_errors, each.tx_dropped)),
    ):
        for what, value in zip(("bytes", "packets", "errors", "packets_dropped"), values, strict=True):
            yield Series(f"container_network_{way}_{what}_total", value, labels)


def _seconds(nanoseconds: int | None) -> float | None:
    return None if nanoseconds is None else nanoseconds / 1e9


def _text(families: dict[str, Family], series: Iterable[Series], at_s: float | None) -> str:
    """Series of one name have to stand together; `at_s` goes with each as its time."""
    by_name: dict[str, list[Series]] = {name: [] for name in families}
    for each in series:
        if each.value is not None:
            by_name[each.name].append(each)
    time = "" if at_s is None else f" {int(at_s * 1000)}"
    lines = []
    for name, found in by_name.items():
        if found:
            lines += [f"# HELP {name} {families[name].help}", f"# TYPE {name} {families[name].kind}"]
            lines += [f"{name}{_labels(each.labels)} {each.value}{time}" for each in found]
    return "\n".join(lines) + "\n"


def _labels(labels: tuple[tuple[str, str], ...]) -> str:
    if not labels:
        return ""
    parts = (f'{name}="{_escaped(value)}"' for name, value in labels)
    return "{" + ",".join(parts) + "}"


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
