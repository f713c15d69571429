"""The kubelet's /stats/summary (stats.k8s.io/v1alpha1) from counters. Pure."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from nodeagent.pods.times import rfc3339


class Usage(NamedTuple):
    """Counters of one cgroup, or of the whole node; None where the kernel keeps none."""

    cpu_ns: int | None = None
    memory_bytes: int | None = None
    inactive_file_bytes: int = 0

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


class PodStats(NamedTuple):
    name: str
    namespace: str
    uid: str
    started_at: str
    containers: tuple[ContainerStats, ...]


def nano_cores(before: Sample | None, now: Sample) -> int:
    """CPU use between two samples, in billionths of a core; 0 without a former one."""
    if before is None or before.usage.cpu_ns is None or now.usage.cpu_ns is None or now.at_s <= before.at_s:
        return 0
    return max(0, round((now.usage.cpu_ns - before.usage.cpu_ns) / (now.at_s - before.at_s)))


def summary(
    node: str, node_now: Sample, node_before: Sample | None, pods: Sequence[PodStats]
) -> dict[str, Any]:
    return {
        "node": {"nodeName": node, **_resources(node_before, node_now)},
        "pods": [
            {
                "podRef": {"name": pod.name, "namespace": pod.namespace, "uid": pod.uid},
                "startTime": pod.started_at,
                "containers": [
                    {"name": each.name, "startTime": each.started_at, **_resources(each.before, each.now)}
                    for each in pod.containers
                ],
            }
            for pod in pods
        ],
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
        }
    return found
