"""The objects that the server makes at start when they are missing, in an order in which they can be made.

They are as a client would send them: uid, times and the rest of the metadata are set on creation.
"""

import ipaddress
from collections.abc import Sequence
from typing import Any

from kube.apiserver.kinds.bootstrap import rbac

Object = dict[str, Any]

NAMESPACES = ("default", "kube-system", "kube-public", "kube-node-lease")

# Values of the two classes that system components name (KEP-268).
PRIORITY_CLASSES = (
    ("system-cluster-critical", 2_000_000_000, "Used for system critical pods that must run in the cluster."),
    (
        "system-node-critical",
        2_000_001_000,
        "Used for system critical pods that must not be moved from their node.",
    ),
)


def objects(
    *, service_cidrs: Sequence[str], advertise_address: str, secure_port: int, with_rbac: bool = True
) -> list[Object]:
    """Namespaces, priority classes, the ServiceCIDR, the Service `kubernetes` with its endpoints, roles."""
    made = [_namespace(name) for name in NAMESPACES]
    made += [_priority_class(*row) for row in PRIORITY_CLASSES]
    made.append(service_cidr(service_cidrs))
    made.append(kubernetes_service(service_cidrs, secure_port))
    made.append(kubernetes_endpoints(advertise_address, secure_port))
    made.append(kubernetes_endpoint_slice(advertise_address, secure_port))
    if with_rbac:
        made += rbac.objects()
    return made


def _namespace(name: str) -> Object:
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}


def _priority_class(name: str, value: int, description: str) -> Object:
    return {
        "apiVersion": "scheduling.k8s.io/v1",
        "kind": "PriorityClass",
        "metadata": {"name": name},
        "value": value,
        "description": description,
    }


def service_cidr(cidrs: Sequence[str]) -> Object:
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "ServiceCIDR",
        "metadata": {"name": "kubernetes"},
        "spec": {"cidrs": list(cidrs)},
    }


def ready_service_cidr_status(now: str) -> Object:
    """The status of a ServiceCIDR in use, which a controller writes in other clusters."""
    condition = {
        "type": "Ready",
        "status": "True",
        "lastTransitionTime": now,
        "reason": "",
        "message": "Kubernetes Service CIDR is ready",
    }
    return {"conditions": [condition]}


def first_address(cidr: str) -> str:
    """The address of the Service `kubernetes`: the range's first after that of the network."""
    network = ipaddress.ip_network(cidr)
    return str(network.network_address + 1)


def kubernetes_service(cidrs: Sequence[str], secure_port: int) -> Object:
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {
            "name": "kubernetes",
            "namespace": "default",
            "labels": {"component": "apiserver", "provider": "kubernetes"},
        },
        "spec": {
            "type": "ClusterIP",
            "clusterIP": first_address(cidrs[0]),
            "ipFamilyPolicy": "SingleStack",
            "sessionAffinity": "None",
            "ports": [{"name": "https", "protocol": "TCP", "port": 443, "targetPort": secure_port}],
        },
    }


def kubernetes_endpoints(advertise_address: str, secure_port: int) -> Object:
    return {
        "apiVersion": "v1",
        "kind": "Endpoints",
        "metadata": {
            "name": "kubernetes",
            "namespace": "default",
            "labels": {"endpointslice.kubernetes.io/skip-mirror": "true"},
        },
        "subsets": [
            {
                "addresses": [{"ip": advertise_address}],
                "ports": [{"name": "https", "port": secure_port, "protocol": "TCP"}],
            }
        ],
    }


def kubernetes_endpoint_slice(advertise_address: str, secure_port: int) -> Object:
    return {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {
            "name": "kubernetes",
            "namespace": "default",
            "labels": {"kubernetes.io/service-name": "kubernetes"},
        },
        "addressType": "IPv6" if ":" in advertise_address else "IPv4",
        "endpoints": [{"addresses": [advertise_address], "conditions": {"ready": True}}],
        "ports": [{"name": "https", "port": secure_port, "protocol": "TCP"}],
    }
