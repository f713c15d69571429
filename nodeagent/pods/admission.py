"""Whether this node takes a pod at all, and whether it can give a running one what it asks for now. Pure.

Pods come past the scheduler too: with spec.nodeName set by their author, or placed before another one was seen.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from kube.objects import Node, Pod
from kube.scheduler import selectors
from kube.scheduler.pods import pod_requests
from kube.scheduler.quantity import amount
from nodeagent.pods.containers import all_containers
from nodeagent.pods.resources import CRITICAL_PRIORITY, qos_class
from nodeagent.pods.state import Waiting

# Sysctls of a namespace of their own that can harm nobody outside the pod (the kubelet's safe set).
SAFE_SYSCTLS = frozenset(
    [
        "kernel.shm_rmid_forced",
        "net.ipv4.ip_local_port_range",
        "net.ipv4.ip_local_reserved_ports",
        "net.ipv4.ip_unprivileged_port_start",
        "net.ipv4.ping_group_range",
        "net.ipv4.tcp_fin_timeout",
        "net.ipv4.tcp_keepalive_intvl",
        "net.ipv4.tcp_keepalive_probes",
        "net.ipv4.tcp_keepalive_time",
        "net.ipv4.tcp_rmem",
        "net.ipv4.tcp_syncookies",
        "net.ipv4.tcp_wmem",
    ]
)


class Room(NamedTuple):
    """What the node has for pods. `allocatable` in millicores for cpu, whole units otherwise."""

    name: str = ""
    labels: Mapping[str, str] = {}
    allocatable: Mapping[str, int] = {}
    unsafe_sysctls: tuple[str, ...] = ()
    apparmor: bool = False
    pressure: frozenset[str] = frozenset()  # conditions of the node


class _HostPort(NamedTuple):
    ip: str  # "" stands for every address
    protocol: str
    port: int


def room_of(node: Node, *, unsafe_sysctls: tuple[str, ...], apparmor: bool, pressure: frozenset[str]) -> Room:
    allocatable = {name: amount(name, value) for name, value in node.status.allocatable.items()}
    return Room(node.metadata.name, node.metadata.labels, allocatable, unsafe_sysctls, apparmor, pressure)


def refusal(pod: Pod, room: Room, present: Iterable[Pod]) -> Waiting | None:
    """Why the pod fails before it starts, in the kubelet's words; `present` are the pods that are on the node."""
    others = list(present)
    return (
        _unsupported(pod)
        or _forbidden_sysctl(pod, room)
        or _unenforceable(pod, room)
        or _unwelcome(pod, room)
        or _unfit(pod, room, others)
        or _elsewhere(pod, room)
        or _taken_port(pod, others)
    )


def _rejected(reason: str, message: str) -> Waiting:
    return Waiting(reason=reason, message=f"Pod was rejected: {message}")


def _unsupported(pod: Pod) -> Waiting | None:
    if pod.spec.os and pod.spec.os.name != "linux":
        return _rejected("PodOSNotSupported", "Failed to admit pod as the OS field doesn't match node OS")
    if pod.spec.host_users is False:
        text = "hostUsers: false needs user namespaces, which this node does not make"
        return _rejected("UserNamespacesNotSupported", text)
    if pod.spec.resource_claims:
        return _rejected("UnexpectedAdmissionError", "this node has no devices for resourceClaims")
    if any(container.volume_devices for container in all_containers(pod)):
        text = "volumeDevices: this node gives containers no block devices"
        return _rejected("UnexpectedAdmissionError", text)
    return None


def _forbidden_sysctl(pod: Pod, room: Room) -> Waiting | None:
    security = pod.spec.security_context
    for sysctl in security.sysctls if security else ():
        why = _sysctl_fault(sysctl_name(sysctl.name), pod, room)
        if why:
            return _rejected("SysctlForbidden", f"forbidden sysctl: {why}")
    return None


def sysctl_name(name: str) -> str:
    """Dots between the parts; `net/ipv4/conf/eth0.1/…` is the other spelling (sysctl.d(5))."""
    separator = next((c for c in name if c in "./"), ".")
    return name if separator == "." else name.translate(str.maketrans("./", "/."))


def _sysctl_fault(name: str, pod: Pod, room: Room) -> str:
    allowed = name in SAFE_SYSCTLS or any(_covers(pattern, name) for pattern in room.unsafe_sysctls)
    if not allowed:
        return f'"{name}" not allowlisted'
    if name.startswith("net.") and pod.spec.host_network:
        return f'"{name}" not allowed with host net enabled'
    if name.startswith(("kernel.", "fs.mqueue.")) and pod.spec.host_ipc:
        return f'"{name}" not allowed with host ipc enabled'
    return ""


def _covers(pattern: str, name: str) -> bool:
    return name.startswith(pattern[:-1]) if pattern.endswith("*") else name == pattern


def _unenforceable(pod: Pod, room: Room) -> Waiting | None:
    """An AppArmor profile that would not be enforced (KEP-24)."""
    whole = pod.spec.security_context
    profiles = [whole.app_armor_profile] if whole else []
    profiles += [
        each.security_context.app_armor_profile for each in all_containers(pod) if each.security_context
    ]
    for profile in profiles:
        if profile is None or profile.type == "Unconfined":
            continue
        if not room.apparmor:
            return _rejected("AppArmor", "Cannot enforce AppArmor: AppArmor is not enabled on the host")
        if profile.type == "RuntimeDefault":
            text = "this node has no default profile: load one and name it with type Localhost"
            return _rejected("AppArmor", f"Cannot enforce AppArmor: {text}")
    return None


def _unwelcome(pod: Pod, room: Room) -> Waiting | None:
    """While memory is short only pods that asked for some are taken, while disk or processes are short none."""
    if not room.pressure or (pod.spec.priority or 0) >= CRITICAL_PRIORITY:
        return None
    if room.pressure == {"MemoryPressure"} and qos_class(pod) != "BestEffort":
        return None
    return Waiting(reason="Evicted", message=f"The node had condition: [{' '.join(sorted(room.pressure))}]. ")


def _unfit(pod: Pod, room: Room, present: list[Pod]) -> Waiting | None:
    used: dict[str, int] = {"pods": len(present)}
    for other in present:
        for name, value in pod_requests(other):
            used[name] = used.get(name, 0) + value
    for name, value in (("pods", 1), *pod_requests(pod)):
        capacity = room.allocatable.get(name, 0)
        if room.allocatable and used.get(name, 0) + value > capacity:
            return _rejected(f"OutOf{name}", _shortage(name, value, used.get(name, 0), capacity))
    return None


def _shortage(name: str, requested: int, used: int, capacity: int) -> str:
    return (
        f"Node didn't have enough resource: {name}, requested: {requested}, used: {used}, "
        f"capacity: {capacity}"
    )


def _elsewhere(pod: Pod, room: Room) -> Waiting | None:
    """Labels of the node that the pod wants and that are not there."""
    affinity = pod.spec.affinity.node_affinity if pod.spec.affinity else None
    required = affinity.required_during_scheduling_ignored_during_execution if affinity else None
    chosen = selectors.matches(selectors.equality(pod.spec.node_selector), room.labels)
    near = required is None or any(
        selectors.node_matches(selectors.node_term(term), room.name, room.labels)
        for term in required.node_selector_terms
    )
    if chosen and near:
        return None
    text = "Predicate NodeAffinity failed: node(s) didn't match Pod's node affinity/selector"
    return _rejected("NodeAffinity", text)


def _taken_port(pod: Pod, present: list[Pod]) -> Waiting | None:
    wanted = tuple(_host_ports(pod))
    taken = [port for other in present for port in _host_ports(other)] if wanted else []
    if any(_meet(one, other) for one in wanted for other in taken):
        why = "node(s) didn't have free ports for the requested pod ports"
        return _rejected("NodePorts", f"Predicate NodePorts failed: {why}")
    return None


def _host_ports(pod: Pod) -> Iterator[_HostPort]:
    for container in pod.spec.containers:
        for port in container.ports:
            if port.host_port:
                ip = "" if port.host_ip in ("0.0.0.0", "::") else port.host_ip
                yield _HostPort(ip, port.protocol, port.host_port)


def _meet(one: _HostPort, other: _HostPort) -> bool:
    return one[1:] == other[1:] and (not one.ip or not other.ip or one.ip == other.ip)


def resize_refusal(pod: Pod, room: Room, present: Iterable[Pod]) -> Waiting | None:
    """Why a running pod cannot have what it asks for: never here (Infeasible), or not now (Deferred) (KEP-1287)."""
    requests = pod_requests(pod)
    for name, value in requests:
        capacity = room.allocatable.get(name, 0)
        if value > capacity:
            text = f"Node didn't have enough capacity: {name}, requested: {value}, capacity: {capacity}"
            return Waiting(reason="Infeasible", message=text)
    others = [other for other in present if other.metadata.uid != pod.metadata.uid]
    short = _unfit(pod, room, others)
    return Waiting(reason="Deferred", message=short.message.partition(": ")[2]) if short else None
