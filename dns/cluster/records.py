"""What DNS keeps of API objects: small frozen values, made once when an object changes."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address

import msgspec

from dns.cluster.names import dashed
from kube.objects import EndpointSlice, Namespace, Pod, Service

MULTICLUSTER_SERVICE_LABEL = "multicluster.kubernetes.io/service-name"
MULTICLUSTER_CLUSTER_LABEL = "multicluster.kubernetes.io/source-cluster"
SERVICE_NAME_LABEL = "kubernetes.io/service-name"

# An endpoint without ports has addresses but no SRV; this stands for its missing port.
NO_PORT = -1


class ServicePort(msgspec.Struct, frozen=True):
    name: str
    protocol: str  # lower case
    port: int


class ServiceRecord(msgspec.Struct, frozen=True):
    """A Service. `external_name` is empty unless its type is ExternalName."""

    namespace: str
    name: str
    addresses: tuple[str, ...] = ()  # cluster IPs
    ports: tuple[ServicePort, ...] = ()
    headless: bool = False
    external_name: str = ""


class EndpointRecord(msgspec.Struct, frozen=True):
    """One address of a ready endpoint."""

    address: str
    hostname: str
    pod: str = ""
    zone: str = ""
    node: str = ""


class SliceRecord(msgspec.Struct, frozen=True):
    """The ready endpoints of one EndpointSlice. `cluster` is set for slices imported from another cluster."""

    name: str
    endpoints: tuple[EndpointRecord, ...] = ()
    ports: tuple[ServicePort, ...] = ()
    not_ready_count: int = 0
    cluster: str = ""


def service_record(service: Service) -> ServiceRecord:
    spec = service.spec
    key = service.metadata
    ports = tuple(ServicePort(port.name, port.protocol.lower(), port.port) for port in spec.ports)
    if spec.type == "ExternalName":
        return ServiceRecord(key.namespace, key.name, external_name=spec.external_name)
    addresses = spec.cluster_ips or ((spec.cluster_ip,) if spec.cluster_ip else ())
    if "None" in addresses:
        return ServiceRecord(key.namespace, key.name, ports=ports, headless=True)
    return ServiceRecord(key.namespace, key.name, tuple(canonical(ip) for ip in addresses), ports)


def slice_record(endpoint_slice: EndpointSlice, *, pod_names: bool = False) -> SliceRecord:
    """The slice's ready endpoints: `ready` true or absent, nothing else counts (publishNotReadyAddresses sets it)."""
    ports = tuple(
        ServicePort(port.name or "", port.protocol.lower(), port.port if port.port is not None else NO_PORT)
        for port in endpoint_slice.ports
    )
    found: list[EndpointRecord] = []
    not_ready_count = 0
    for endpoint in endpoint_slice.endpoints:
        if endpoint.conditions.ready is False:
            not_ready_count += 1
            continue
        pod = ""
        if endpoint.target_ref is not None and endpoint.target_ref.kind in {"Pod", ""}:
            pod = endpoint.target_ref.name
        for raw in endpoint.addresses:
            address = canonical(raw)
            hostname = (
                endpoint.hostname or (pod if pod_names and 0 < len(pod) < 64 else "") or dashed(address)
            )
            place = endpoint.zone or "", endpoint.node_name or ""
            found.append(EndpointRecord(address, hostname.lower(), pod, *place))
    return SliceRecord(
        endpoint_slice.metadata.name,
        tuple(found) if endpoint_slice.address_type != "FQDN" else (),
        ports or (ServicePort("", "", NO_PORT),),
        not_ready_count,
        endpoint_slice.metadata.labels.get(MULTICLUSTER_CLUSTER_LABEL, ""),
    )


def slice_service(endpoint_slice: EndpointSlice) -> str:
    """The name of the Service a slice belongs to; "" for none."""
    return endpoint_slice.metadata.labels.get(SERVICE_NAME_LABEL, "")


def pod_ip(pod: Pod) -> str:
    """The address a verified pod name may have; "" when it is over or has none."""
    status = pod.status
    return "" if status.phase in {"Succeeded", "Failed", "Unknown"} else canonical(status.pod_ip)


def namespace_labels(namespace: Namespace) -> dict[str, str]:
    return namespace.metadata.labels


def canonical(ip: str) -> str:
    """Shortest text; what is no address stays as it is."""
    if not ip:
        return ""
    try:
        return str(IPv6Address(ip) if ":" in ip else IPv4Address(ip))
    except ValueError:
        return ip
