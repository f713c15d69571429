"""What requests and limits mean to the kernel: cgroup values, and whom it kills first when memory ends. Pure."""

from collections.abc import Iterable, Mapping

from kube.objects import Pod, Quantity
from kube.objects.containers import Container, ResourceRequirements
from kube.scheduler.pods import pod_requests
from kube.scheduler.quantity import milli, units
from nodeagent.cgroups.plan import Limits
from nodeagent.pods.containers import is_sidecar

_SHARES_MIN, _SHARES_PER_CPU, _QUOTA_MIN_US, _PERIOD_US = 2, 1024, 1000, 100_000
_GUARANTEED_SCORE, _BEST_EFFORT_SCORE = -997, 1000
CRITICAL_PRIORITY = 2_000_000_000  # system-cluster-critical and above

Resources = Mapping[str, Quantity]


def container_limits(resources: ResourceRequirements) -> Limits:
    """The kubelet's conversion for one container."""
    given, asked = resources.limits, resources.requests
    cpu_limit = milli(str(given["cpu"])) if "cpu" in given else 0
    cpu_request = milli(str(asked["cpu"])) if "cpu" in asked else cpu_limit
    memory_bytes = units(str(given["memory"])) if "memory" in given else None
    return _limits(cpu_request, cpu_limit, memory_bytes)


def pod_limits(pod: Pod, pids_max: int | None) -> Limits:
    """For the cgroup around all containers: limited only where each of them is (KEP-2837: or the pod itself)."""
    whole = pod.spec.resources or ResourceRequirements()
    requests, lasting = dict(pod_requests(pod)), _lasting(pod)
    cpu_request = _milli(whole.requests) or requests.get("cpu", 0)
    cpu_limit = _milli(whole.limits)
    memory_bytes = units(str(whole.limits["memory"])) if "memory" in whole.limits else None
    if not cpu_limit and all("cpu" in each.resources.limits for each in _everyone(pod)):
        cpu_limit = sum(_milli(each.resources.limits) for each in lasting) + _milli(pod.spec.overhead)
        cpu_limit = max(cpu_limit, *(_milli(each.resources.limits) for each in pod.spec.init_containers), 0)
    if memory_bytes is None and all("memory" in each.resources.limits for each in _everyone(pod)):
        memory_bytes = _memory_of(lasting) + units(str(pod.spec.overhead.get("memory", 0)))
        memory_bytes = max(memory_bytes, *(_memory_of([each]) for each in pod.spec.init_containers), 0)
    return _limits(cpu_request, cpu_limit, memory_bytes)._replace(pids_max=pids_max)


def _limits(cpu_request_milli: int, cpu_limit_milli: int, memory_bytes: int | None) -> Limits:
    quota_us = max(_QUOTA_MIN_US, cpu_limit_milli * _PERIOD_US // 1000) if cpu_limit_milli else None
    shares = max(_SHARES_MIN, cpu_request_milli * _SHARES_PER_CPU // 1000)
    return Limits(memory_bytes or None, shares, quota_us, _PERIOD_US)


def _lasting(pod: Pod) -> tuple[Container, ...]:
    """Those that run side by side."""
    return (*pod.spec.containers, *(each for each in pod.spec.init_containers if is_sidecar(each)))


def _everyone(pod: Pod) -> tuple[Container, ...]:
    return (*pod.spec.init_containers, *pod.spec.containers)


def _milli(resources: Resources) -> int:
    return milli(str(resources["cpu"])) if "cpu" in resources else 0


def _memory_of(containers: Iterable[Container]) -> int:
    return sum(units(str(each.resources.limits["memory"])) for each in containers)


def qos_class(pod: Pod) -> str:
    """Guaranteed, Burstable or BestEffort (core/v1 PodQOSClass): only cpu and memory count."""
    whole = pod.spec.resources
    parts = [whole] if whole else [each.resources for each in _everyone(pod)]
    pairs = [(part.requests, part.limits) for part in parts]
    named = [
        name
        for pair in pairs
        for resources in pair
        for name in ("cpu", "memory")
        if units(str(resources.get(name, 0)))
    ]
    if not named:
        return "BestEffort"
    for requests, limits in pairs:
        for name in ("cpu", "memory"):
            limit = str(limits.get(name, 0))
            if not milli(limit) or milli(str(requests.get(name, limit))) != milli(limit):
                return "Burstable"
    return "Guaranteed"


def oom_score(pod: Pod, container: Container, node_memory_bytes: int) -> int:
    """oom_score_adj: the more of the node's memory a container reserved, the later the kernel kills it."""
    if (pod.spec.priority or 0) >= CRITICAL_PRIORITY:
        return _GUARANTEED_SCORE
    match qos_class(pod):
        case "Guaranteed":
            return _GUARANTEED_SCORE
        case "BestEffort":
            return _BEST_EFFORT_SCORE
    score = _burstable_score(container, node_memory_bytes)
    if is_sidecar(container):  # lives at least as long as those it serves
        score = min(score, *(_burstable_score(each, node_memory_bytes) for each in pod.spec.containers))
    return min(max(1000 + _GUARANTEED_SCORE, score), _BEST_EFFORT_SCORE - 1)


def _burstable_score(container: Container, node_memory_bytes: int) -> int:
    memory_bytes = units(str(container.resources.requests.get("memory", 0)))
    return 1000 - 1000 * memory_bytes // max(1, node_memory_bytes)


def changed(old: ResourceRequirements, new: ResourceRequirements) -> frozenset[str]:
    """Names of the resources whose request or limit differs."""
    names = {*old.requests, *old.limits, *new.requests, *new.limits}
    return frozenset(name for name in names if _pair(old, name) != _pair(new, name))


def _pair(resources: ResourceRequirements, name: str) -> tuple[str | None, ...]:
    found = (resources.requests.get(name), resources.limits.get(name))
    return tuple(None if each is None else str(milli(str(each))) for each in found)


def needs_restart(container: Container, old: ResourceRequirements) -> bool:
    """Whether the container asked for a restart when one of the changed resources changes (KEP-1287)."""
    names = changed(old, container.resources)
    return any(
        policy.resource_name in names and policy.restart_policy == "RestartContainer"
        for policy in container.resize_policy
    )
