"""Whether this node takes a pod at all. Pure.

Pods come past the scheduler too: with spec.nodeName set by their author, or placed before another one was seen.
"""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from kube.objects import Pod
from nodeagent.pods.state import Waiting


class _HostPort(NamedTuple):
    ip: str  # "" stands for every address
    protocol: str
    port: int


def refusal(pod: Pod, present: Iterable[Pod]) -> Waiting | None:
    """Why the pod fails before it starts, in the kubelet's words; `present` are the pods that are on the node."""
    wanted = tuple(_host_ports(pod))
    if not wanted:
        return None
    taken = [port for other in present for port in _host_ports(other)]
    if any(_meet(one, other) for one in wanted for other in taken):
        why = "node(s) didn't have free ports for the requested pod ports"
        return Waiting(reason="NodePorts", message=f"Pod was rejected: Predicate NodePorts failed: {why}")
    return None


def _host_ports(pod: Pod) -> Iterator[_HostPort]:
    for container in pod.spec.containers:
        for port in container.ports:
            if port.host_port:
                ip = "" if port.host_ip in ("0.0.0.0", "::") else port.host_ip
                yield _HostPort(ip, port.protocol, port.host_port)


def _meet(one: _HostPort, other: _HostPort) -> bool:
    return one[1:] == other[1:] and (not one.ip or not other.ip or one.ip == other.ip)
