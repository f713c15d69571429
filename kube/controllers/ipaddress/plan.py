"""What a cluster IP's IPAddress should be. Pure."""

from __future__ import annotations

from ipaddress import ip_address
from typing import Any

from kube.controllers.members import family_of
from kube.controllers.servicecidr.plan import MANAGED_BY
from kube.objects import IPAddress, NamespacedName, Service

MANAGED_BY_LABEL = "ipaddress.kubernetes.io/managed-by"
FAMILY_LABEL = "ipaddress.kubernetes.io/ip-family"


def cluster_ips(service: Service) -> tuple[str, ...]:
    """As IPAddress objects are named; none of a headless Service."""
    if service.spec.type == "ExternalName":
        return ()
    return tuple(str(ip_address(text)) for text in service.spec.cluster_ips if text not in ("", "None"))


def is_of_services(address: IPAddress) -> bool:
    return address.metadata.labels.get(MANAGED_BY_LABEL) == MANAGED_BY


def holder(address: IPAddress) -> NamespacedName:
    ref = address.spec.parent_ref
    return NamespacedName(ref.namespace, ref.name) if ref is not None else NamespacedName("", "")


def body(name: str, service: Service) -> dict[str, Any]:
    """JSON-shaped, for creation."""
    return {
        "metadata": {
            "name": name,
            "labels": {FAMILY_LABEL: family_of(name), MANAGED_BY_LABEL: MANAGED_BY},
        },
        "spec": {
            "parentRef": {
                "group": "",
                "resource": "services",
                "namespace": service.metadata.namespace,
                "name": service.metadata.name,
            }
        },
    }
