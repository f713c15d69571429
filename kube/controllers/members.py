"""The pods behind a Service, found by index, and what of a pod its Services care about."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from kube.controllers.mirror import Mirror
from kube.controllers.pods import is_ready, is_terminal
from kube.objects import Pod, Service, ServicePort

BY_LABEL = "namespace and label"
BY_NAMESPACE = "namespace"


def _labels_of(pod: Pod) -> Iterable[tuple[str, str, str]]:
    namespace = pod.metadata.namespace
    return [(namespace, key, value) for key, value in pod.metadata.labels.items()]


def index_pods(pods: Mirror[Pod]) -> None:
    pods.add_index(BY_LABEL, _labels_of)


def index_services(services: Mirror[Service]) -> None:
    services.add_index(BY_NAMESPACE, lambda one: (one.metadata.namespace,))


def selected_pods(pods: Mirror[Pod], service: Service) -> list[Pod]:
    """In order of arrival. The rarest label of the selector is looked up, the others are compared."""
    namespace, selector = service.metadata.namespace, service.spec.selector
    found = [pods.by(BY_LABEL, (namespace, key, value)) for key, value in selector.items()]
    fewest = min(found, key=len, default=[])
    return [pod for pod in fewest if selector.items() <= pod.metadata.labels.items()]


def services_of(services: Mirror[Service], pod: Pod) -> Iterable[Service]:
    labels = pod.metadata.labels.items()
    return (
        service
        for service in services.by(BY_NAMESPACE, pod.metadata.namespace)
        if service.spec.selector and service.spec.selector.items() <= labels
    )


def services_touched(services: Mirror[Service], old: Pod | None, new: Pod | None) -> Iterator[Service]:
    """Whose endpoints a change of a pod concerns; one of both before and after is named twice."""
    if facts(old) != facts(new):
        for pod in (old, new):
            yield from services_of(services, pod) if pod is not None else ()


def facts(pod: Pod | None) -> tuple[Any, ...]:
    """What endpoints are made of: two versions of a pod with equal facts need no new endpoints."""
    if pod is None:
        return ()
    return (
        pod.metadata.uid,
        pod.metadata.labels,
        pod.metadata.deletion_timestamp is not None,
        pod.status.pod_ips,
        pod.spec.node_name,
        is_terminal(pod),
        is_ready(pod),
        pod.spec.hostname,
        pod.spec.subdomain,
    )


def addresses(pod: Pod) -> tuple[str, ...]:
    """All of the pod's addresses, the primary one first."""
    if pod.status.pod_ips:
        return tuple(one.ip for one in pod.status.pod_ips)
    return (pod.status.pod_ip,) if pod.status.pod_ip else ()


def family_of(address: str) -> str:
    return "IPv6" if ":" in address else "IPv4"


def port_number(pod: Pod, port: ServicePort) -> int | None:
    """The pod's port behind a service port; None when no container has a port of that name and protocol."""
    target = port.target_port or port.port
    if isinstance(target, int):
        return target
    sidecars = (one for one in pod.spec.init_containers if one.restart_policy == "Always")
    for container in (*pod.spec.containers, *sidecars):
        for offered in container.ports:
            if offered.name == target and offered.protocol == port.protocol:
                return offered.container_port
    return None


def is_headless(service: Service) -> bool:
    return service.spec.cluster_ip in ("", "None")
