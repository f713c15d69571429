"""The kubelet's /stats/summary (stats.k8s.io/v1alpha1) from counters. Pure."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from nodeagent.cgroups.plan import Limits
from nodeagent.pods.times import rfc3339


class Usage(NamedTuple):
    """Counters of one cgroup, or of the whole node; None where the kernel keeps none."""

    cpu_ns: int | None = None
    memory_bytes: int | None = None
    inactive_file_bytes: int = 0
    rss_bytes: int | None = None
    cache_bytes: int | None = None
    processes: int | None = None
    throttled_periods: int | None = None
    periods: int | None = None

    @property
    def working_set_bytes(self) -> int | None:
        """What cannot be given back at once (kubelet's definition)."""
        if self.memory_bytes is None:
            return None
        return max(0, self.memory_bytes - self.inactive_file_bytes)


class Sample(NamedTuple):
    """Counters at a time; two of them give a rate."""

    at_s: float
    usage: Usage


class ContainerStats(NamedTuple):
    name: str
    started_at: str
    now: Sample
    before: Sample | None
    id: str = ""
    image: str = ""
    limits: Limits = Limits()


class Interface(NamedTuple):
    """Counters of one network interface since it was made."""

    name: str
    rx_bytes: int
    rx_packets: int
    rx_errors: int
    rx_dropped: int
    tx_bytes: int
    tx_packets: int
    tx_errors: int
    tx_dropped: int


class PodStats(NamedTuple):
    name: str
    namespace: str
    uid: str
    started_at: str
    containers: tuple[ContainerStats, ...]
    interfaces: tuple[Interface, ...] = ()  # none for a pod in the node's network


class FileSystem(NamedTuple):
    capacity_bytes: int
    available_bytes: int
    inodes: int
    inodes_free: int


class Taken(NamedTuple):
    """All that one round of sampling found."""

    node: str
    now: Sample
    before: Sample | None
    pods: tuple[PodStats, ...]
    interfaces: tuple[Interface, ...] = ()
    disk: FileSystem | None = None


def nano_cores(before: Sample | None, now: Sample) -> int:
    """CPU use between two samples, in billionths of a core; 0 without a former one."""
    if before is None or before.usage.cpu_ns is None or now.usage.cpu_ns is None or now.at_s <= before.at_s:
        return 0
    return max(0, round((now.usage.cpu_ns - before.usage.cpu_ns) / (now.at_s - before.at_s)))


def pod_usage(pod: PodStats) -> Usage:
    """Of all its containers that run."""
    cpu = [each.now.usage.cpu_ns for each in pod.containers if each.now.usage.cpu_ns is not None]
    memory = [each.now.usage for each in pod.containers if each.now.usage.memory_bytes is not None]
    return Usage(
        sum(cpu) if cpu else None,
        sum(each.memory_bytes or 0 for each in memory) if memory else None,
        sum(each.inactive_file_bytes for each in memory),
        rss_bytes=sum(each.rss_bytes or 0 for each in memory) if memory else None,
        processes=sum(each.now.usage.processes or 0 for each in pod.containers),
    )


def summary(taken: Taken) -> dict[str, Any]:
    node: dict[str, Any] = {"nodeName": taken.node, **_resources(taken.before, taken.now)}
    if taken.interfaces:
        node["network"] = _network(taken.interfaces, taken.now.at_s)
    if taken.disk:
        node["fs"] = _file_system(taken.disk, taken.now.at_s)
    return {"node": node, "pods": [_pod(pod, taken.now.at_s) for pod in taken.pods]}


def _pod(pod: PodStats, at_s: float) -> dict[str, Any]:
    usage = pod_usage(pod)
    rates = sum(nano_cores(each.before, each.now) for each in pod.containers)
    shown = _resources(None, Sample(at_s, usage))
    if "cpu" in shown:
        shown["cpu"]["usageNanoCores"] = rates
    if usage.processes:
        shown["process_stats"] = {"process_count": usage.processes}
    if pod.interfaces:
        shown["network"] = _network(pod.interfaces, at_s)
    return {
        "podRef": {"name": pod.name, "namespace": pod.namespace, "uid": pod.uid},
        "startTime": pod.started_at,
        "containers": [
            {"name": each.name, "startTime": each.started_at, **_resources(each.before, each.now)}
            for each in pod.containers
        ],
        **shown,
    }


def _network(interfaces: Sequence[Interface], at_s: float) -> dict[str, Any]:
    """The first one stands for the pod, as the kubelet shows it."""
    listed = [
        {
            "name": each.name,
            "rxBytes": each.rx_bytes,
            "rxErrors": each.rx_errors,
            "txBytes": each.tx_bytes,
            "txErrors": each.tx_errors,
        }
        for each in interfaces
    ]
    return {"time": rfc3339(at_s), **listed[0], "interfaces": listed}


def _file_system(disk: FileSystem, at_s: float) -> dict[str, Any]:
    return {
        "time": rfc3339(at_s),
        "capacityBytes": disk.capacity_bytes,
        "availableBytes": disk.available_bytes,
        "usedBytes": disk.capacity_bytes - disk.available_bytes,
        "inodes": disk.inodes,
        "inodesFree": disk.inodes_free,
        "inodesUsed": disk.inodes - disk.inodes_free,
    }


def _resources(before: Sample | None, now: Sample) -> dict[str, Any]:
    time = rfc3339(now.at_s)
    found: dict[str, Any] = {}
    if now.usage.cpu_ns is not None:
        found["cpu"] = {
            "time": time,
            "usageNanoCores": nano_cores(before, now),
            "usageCoreNanoSeconds": now.usage.cpu_ns,
        }
    if now.usage.working_set_bytes is not None:
        found["memory"] = {
            "time": time,
            "usageBytes": now.usage.memory_bytes,
            "workingSetBytes": now.usage.working_set_bytes,
            **({} if now.usage.rss_bytes is None else {"rssBytes": now.usage.rss_bytes}),
        }
    return found
