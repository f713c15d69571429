"""Which API objects a cluster name stands for."""

from __future__ import annotations

from ipaddress import ip_address

import msgspec

from dns.cluster.names import ClusterName, pod_address
from dns.cluster.records import NO_PORT, ServicePort, ServiceRecord
from dns.cluster.zone import ClusterZone, ServiceEntry


class Hit(msgspec.Struct, frozen=True, gc=False):
    """One address (or, for ExternalName, name) that answers. `owner` is its own name without the zone."""

    host: str
    port: int
    owner: str
    is_name: bool = False


class ZoneOptions(msgspec.Struct, frozen=True, kw_only=True):
    """The kubernetes block of a Corefile, as far as it decides answers. Zones in lower case with a final dot."""

    zones: tuple[str, ...] = ("cluster.local.",)
    primary_zone: str = "cluster.local."
    multicluster_zones: frozenset[str] = frozenset()
    ttl_s: int = 5
    pods: str = "disabled"  # disabled, insecure, verified
    namespaces: frozenset[str] = frozenset()  # empty: all
    ignore_empty_service: bool = False
    zonal: bool = False
    strict: bool = False


# No record and no name; the opposite of an empty list, which is a name without such records.
Hits = list[Hit] | None


def namespace_exposed(cluster: ClusterZone, options: ZoneOptions, namespace: str) -> bool:
    """A namespace that a selector leaves out is not watched, and so does not exist here."""
    return namespace in cluster.namespaces and (not options.namespaces or namespace in options.namespaces)


def find_hits(cluster: ClusterZone, options: ZoneOptions, name: ClusterName, *, multicluster: bool) -> Hits:
    """What answers name; None when there is no such name, [] when it exists without records."""
    if not name.branch:
        return []
    if not namespace_exposed(cluster, options, name.namespace):
        return None
    if not name.service:
        return []
    if name.branch == "pod":
        return _pod_hits(cluster, options, name)
    entries = cluster.imports if multicluster else cluster.entries
    entry = entries.get((name.namespace, name.service))
    if entry is None or entry.service is None:
        return None
    return service_hits(options, name, entry, entry.service, multicluster=multicluster)


def service_hits(
    options: ZoneOptions,
    name: ClusterName,
    entry: ServiceEntry,
    service: ServiceRecord,
    *,
    multicluster: bool,
) -> Hits:
    if service.external_name:
        return _external_hits(name, service)
    if options.ignore_empty_service and not service.headless and not entry.has_endpoints:
        return None
    if name.topology_zone and not service.headless:
        return None
    if service.headless or name.endpoint:
        found = endpoint_hits(
            name, entry, service, multicluster=multicluster, topology_zone=name.topology_zone
        )
        if name.topology_zone:
            if not found and name.prefer_zone:
                found = endpoint_hits(name, entry, service, multicluster=multicluster)
            return found
        return found or None
    ports = [port for port in service.ports if _wanted(name, port)]
    if not ports:
        # A Service without ports has its addresses all the same, and no SRV.
        if service.ports or name.port or name.protocol:
            return None
        ports = [ServicePort("", "", NO_PORT)]
    owner = f"{service.name}.{service.namespace}.svc."
    return [Hit(ip, port.port, owner) for port in ports for ip in service.addresses]


def endpoint_hits(
    name: ClusterName,
    entry: ServiceEntry,
    service: ServiceRecord,
    *,
    multicluster: bool = False,
    topology_zone: str = "",
) -> list[Hit]:
    """Ready endpoints, one hit for each port; `topology_zone` leaves those of one zone only."""
    found: list[Hit] = []
    base = f"{service.name}.{service.namespace}.svc."
    for piece in entry.slices:
        ports = [port for port in piece.ports if _wanted(name, port)]
        if name.endpoint and multicluster and piece.cluster != name.cluster:
            continue
        middle = f"{piece.cluster}.{base}" if multicluster else base
        for endpoint in piece.endpoints:
            if name.endpoint and endpoint.hostname != name.endpoint:
                continue
            if topology_zone and endpoint.zone.lower() != topology_zone:
                continue
            owner = f"{endpoint.hostname}.{middle}"
            found += [Hit(endpoint.address, port.port, owner) for port in ports]
    return found


def _external_hits(name: ClusterName, service: ServiceRecord) -> Hits:
    if name.endpoint or name.port or name.protocol or name.topology_zone or is_address(service.external_name):
        return None
    return [Hit(service.external_name, 0, f"{service.name}.{service.namespace}.svc.", is_name=True)]


def _pod_hits(cluster: ClusterZone, options: ZoneOptions, name: ClusterName) -> Hits:
    if options.pods == "disabled":
        return None
    if options.strict and (name.endpoint or name.port or name.protocol):
        return None
    text = pod_address(name.service)
    if not is_address(text):
        return None
    ip = str(ip_address(text))
    if options.pods == "verified" and not any(
        namespace == name.namespace for namespace, _ in cluster.pods_at(ip)
    ):
        return None
    return [Hit(ip, 0, f"{name.service}.{name.namespace}.pod.")]


def _wanted(name: ClusterName, port: ServicePort) -> bool:
    return (not name.port or name.port == port.name) and (not name.protocol or name.protocol == port.protocol)


def is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True
