"""What all pods of one node share."""

from typing import NamedTuple

from nodeagent.cni.apply import Cni
from nodeagent.places import Places
from nodeagent.pods.fields import PodFacts
from nodeagent.pods.resolv import ResolvConf
from nodeagent.runtime.apply import OciRuntime


class NodeSetup(NamedTuple):
    """What all pods of this node share."""

    places: Places
    runtime: OciRuntime
    cni: Cni
    cluster_dns: tuple[str, ...]
    cluster_domain: str
    node_resolv: ResolvConf
    node_ips: tuple[str, ...]
    node_cpu_milli: int
    node_memory_bytes: int
    cgroup_root: str  # "" where no cgroup can be had
    capabilities: frozenset[str]
    pids_max: int | None = None  # processes of a pod
    seccomp_default: bool = False  # RuntimeDefault for containers that name no profile


def pod_facts(node: NodeSetup, ips: tuple[str, ...]) -> PodFacts:
    return PodFacts(ips, node.node_ips, node.node_cpu_milli, node.node_memory_bytes)
