"""What a pod may learn about itself: the downward API's field and resource references (core/v1)."""

import math
import re
from collections.abc import Mapping
from typing import NamedTuple

from kube.objects import Pod
from kube.objects.containers import Container, ObjectFieldSelector, ResourceFieldSelector
from kube.scheduler.quantity import milli, units
from nodeagent.pods.containers import container_named

_SUBSCRIPT = re.compile(r"metadata\.(labels|annotations)\['(.+)'\]\Z")


class InvalidField(ValueError):
    """A reference to what does not exist; the container cannot be configured."""


class PodFacts(NamedTuple):
    """What the agent knows of a pod beyond its API object, while its status there may be old."""

    pod_ips: tuple[str, ...] = ()
    host_ips: tuple[str, ...] = ()
    node_cpu_milli: int = 0
    node_memory_bytes: int = 0


def field_value(selector: ObjectFieldSelector, pod: Pod, facts: PodFacts) -> str:
    """The field's text; maps are written one `key="value"` a line, sorted. Raises InvalidField."""
    path = selector.field_path
    subscript = _SUBSCRIPT.match(path)
    if subscript:
        values = pod.metadata.labels if subscript[1] == "labels" else pod.metadata.annotations
        return values.get(subscript[2], "")
    simple = {
        "metadata.name": pod.metadata.name,
        "metadata.namespace": pod.metadata.namespace,
        "metadata.uid": pod.metadata.uid,
        "spec.nodeName": pod.spec.node_name,
        "spec.serviceAccountName": pod.spec.service_account_name,
        "status.podIP": facts.pod_ips[0] if facts.pod_ips else "",
        "status.podIPs": ",".join(facts.pod_ips),
        "status.hostIP": facts.host_ips[0] if facts.host_ips else "",
        "status.hostIPs": ",".join(facts.host_ips),
    }
    if path in simple:
        return simple[path]
    if path in {"metadata.labels", "metadata.annotations"}:
        return _map_text(pod.metadata.labels if path.endswith("labels") else pod.metadata.annotations)
    raise InvalidField(f"unsupported fieldPath: {path}")


def resource_value(selector: ResourceFieldSelector, pod: Pod, own: Container | None, facts: PodFacts) -> str:
    """The quantity divided by the divisor and rounded up; a missing limit is what the node has."""
    container = own
    if selector.container_name:
        container = container_named(pod, selector.container_name)
    if container is None:
        raise InvalidField(f"container {selector.container_name} not found")
    kind, _, resource = selector.resource_.partition(".")
    given = container.resources.limits if kind == "limits" else container.resources.requests
    divisor = str(selector.divisor or "1")
    divisor = "1" if divisor == "0" else divisor
    if resource == "cpu":
        amount = (
            milli(str(given[resource])) if resource in given else facts.node_cpu_milli * (kind == "limits")
        )
        return str(math.ceil(amount / milli(divisor)))
    fallback = facts.node_memory_bytes if resource == "memory" and kind == "limits" else 0
    amount = units(str(given[resource])) if resource in given else fallback
    return str(math.ceil(amount / units(divisor)))


def _map_text(values: Mapping[str, str]) -> str:
    return "\n".join(f"{key}={_quoted(value)}" for key, value in sorted(values.items()))


def _quoted(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\t", "\\t")
    return f'"{escaped}"'


def hostname(pod: Pod) -> str:
    """What the pod calls itself, cut to what a UTS namespace may have; hostnameOverride (KEP-4762) comes first."""
    name = pod.spec.hostname_override or pod.spec.hostname or pod.metadata.name
    return name[:63].rstrip("-.")


def fqdn(pod: Pod, cluster_domain: str) -> str:
    """`host.subdomain.ns.svc.cluster.local`, or "" for a pod without a subdomain of its own choice."""
    if not pod.spec.subdomain or pod.spec.hostname_override:
        return ""
    return f"{hostname(pod)}.{pod.spec.subdomain}.{pod.metadata.namespace}.svc.{cluster_domain}"
