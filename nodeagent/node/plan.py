"""The Node object as this agent writes it. Pure."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from nodeagent.pods.times import rfc3339

Json = dict[str, Any]
KUBELET_VERSION = "v1.36.3+podnet"  # clients compare the number with the API server's


# Condition, and reason and message while it is true and while it is false, as the kubelet words them.
_PRESSURES = (
    (
        "MemoryPressure",
        ("KubeletHasInsufficientMemory", "kubelet has insufficient memory available"),
        ("KubeletHasSufficientMemory", "kubelet has sufficient memory available"),
    ),
    (
        "DiskPressure",
        ("KubeletHasDiskPressure", "kubelet has disk pressure"),
        ("KubeletHasNoDiskPressure", "kubelet has no disk pressure"),
    ),
    (
        "PIDPressure",
        ("KubeletHasInsufficientPID", "kubelet has insufficient PID available"),
        ("KubeletHasSufficientPID", "kubelet has sufficient PID available"),
    ),
)


class Machine(NamedTuple):
    """What was read from this machine once."""

    hostname: str
    cpu_count: int
    memory_bytes: int
    disk_bytes: int
    machine_id: str
    system_uuid: str
    boot_id: str
    kernel: str
    os_image: str
    architecture: str  # in Go's words


class NodeState(NamedTuple):
    """What changes while the agent runs. `not_ready` is ("", "") once everything works, else reason and message."""

    name: str
    ips: tuple[str, ...]
    port: int
    runtime_version: str
    not_ready: tuple[str, str]
    images: tuple[tuple[str, int], ...] = ()
    max_pods: int = 110
    reserved: Mapping[str, int] = {}  # millicores of cpu, bytes of the rest
    pressure: frozenset[str] = frozenset()  # MemoryPressure, DiskPressure, PIDPressure
    taints: tuple[tuple[str, str, str], ...] = ()


def node_object(machine: Machine, state: NodeState, labels: dict[str, str], now_s: float) -> Json:
    """For registration."""
    own = {
        "kubernetes.io/hostname": state.name,
        "kubernetes.io/os": "linux",
        "kubernetes.io/arch": machine.architecture,
        "beta.kubernetes.io/os": "linux",
        "beta.kubernetes.io/arch": machine.architecture,
    }
    taints = [{"key": key, "value": value, "effect": effect} for key, value, effect in state.taints]
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": state.name, "labels": {**own, **labels}},
        "spec": {"taints": taints} if taints else {},
        "status": node_status(machine, state, {}, now_s),
    }


def node_status(machine: Machine, state: NodeState, before: dict[str, tuple[str, str]], now_s: float) -> Json:
    """`before`: condition type → (status, lastTransitionTime) as the API has them."""
    capacity = {
        "cpu": str(machine.cpu_count),
        "memory": f"{machine.memory_bytes // 1024}Ki",
        "ephemeral-storage": f"{machine.disk_bytes // 1024}Ki",
        "hugepages-1Gi": "0",
        "hugepages-2Mi": "0",
        "pods": str(state.max_pods),
    }
    return {
        "capacity": capacity,
        "allocatable": {**capacity, **_allocatable(machine, state.reserved)},
        "conditions": _conditions(state, before, now_s),
        "addresses": [
            *({"type": "InternalIP", "address": ip} for ip in state.ips),
            {"type": "Hostname", "address": state.name},
        ],
        "daemonEndpoints": {"kubeletEndpoint": {"Port": state.port}},
        "nodeInfo": {
            "architecture": machine.architecture,
            "bootID": machine.boot_id,
            "containerRuntimeVersion": state.runtime_version,
            "kernelVersion": machine.kernel,
            "kubeProxyVersion": "",
            "kubeletVersion": KUBELET_VERSION,
            "machineID": machine.machine_id,
            "operatingSystem": "linux",
            "osImage": machine.os_image,
            "systemUUID": machine.system_uuid,
        },
        "features": {"supplementalGroupsPolicy": True},
        "runtimeHandlers": [
            {"name": name, "features": {"recursiveReadOnlyMounts": True, "userNamespaces": False}}
            for name in ("", state.runtime_version.partition(":")[0])
        ],
        "images": [{"names": [name], "sizeBytes": size} for name, size in state.images],
    }


def _allocatable(machine: Machine, reserved: Mapping[str, int]) -> dict[str, str]:
    """Capacity less what is kept for the system."""
    given: dict[str, str] = {}
    if "cpu" in reserved:
        given["cpu"] = f"{max(0, machine.cpu_count * 1000 - reserved['cpu'])}m"
    for name, capacity in (("memory", machine.memory_bytes), ("ephemeral-storage", machine.disk_bytes)):
        if name in reserved:
            given[name] = f"{max(0, capacity - reserved[name]) // 1024}Ki"
    return given


def _conditions(state: NodeState, before: dict[str, tuple[str, str]], now_s: float) -> list[Json]:
    rows = [
        (kind, "True", *short) if kind in state.pressure else (kind, "False", *fine)
        for kind, short, fine in _PRESSURES
    ]
    reason, message = state.not_ready
    if reason:
        rows.append(("Ready", "False", reason, message))
    else:
        rows.append(("Ready", "True", "KubeletReady", "kubelet is posting ready status"))
    now = rfc3339(now_s)
    conditions = []
    for kind, status, why, text in rows:
        old_status, since = before.get(kind, ("", ""))
        conditions.append(
            {
                "type": kind,
                "status": status,
                "reason": why,
                "message": text,
                "lastHeartbeatTime": now,
                "lastTransitionTime": since if old_status == status and since else now,
            }
        )
    return conditions


def without_heartbeats(status: Json) -> Json:
    """What must differ for a status to be worth writing before its time."""
    bare = [
        {key: value for key, value in c.items() if key != "lastHeartbeatTime"} for c in status["conditions"]
    ]
    return {**status, "conditions": bare}
