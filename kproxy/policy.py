"""Which endpoints serve which traffic: the rules of kube-proxy's topology and traffic policies, decided once.

Terminating endpoints: KEP-1669. Topology hints: KEP-2433, KEP-3015. Internal policy: KEP-2086.
"""

from collections.abc import Iterable
from ipaddress import IPv4Network, collapse_addresses
from typing import cast

import msgspec

from kproxy.addresses import contains, network
from kproxy.forwarding import (
    Drop,
    Endpoint,
    Forward,
    Frontend,
    FrontendKind,
    Reject,
    ServiceForwarding,
    Verdict,
)
from kproxy.services import EndpointState, ServicePort

_NO_LOCAL = "the {} traffic policy is Local and no endpoint is on this node"


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """Where this proxy runs. `node_ips` are the node's own addresses, at most one a family."""

    node_name: str
    zone: str = ""
    node_ips: tuple[str, ...] = ()
    external_ips_allowed: bool = True  # feature gate AllowServiceExternalIPs


class Categories(msgspec.Struct, frozen=True):
    """Endpoints for each policy; `any_usable`: somewhere in the cluster there is one."""

    cluster: tuple[EndpointState, ...]
    local: tuple[EndpointState, ...]
    any_usable: bool
    topology: str = ""


def topology_mode(endpoints: Iterable[EndpointState], place: Place) -> str:
    """`node`, `zone` or "": hints count only if every ready endpoint has them and one is for here."""
    all_nodes = all_zones = True
    any_node = any_zone = False
    for endpoint in endpoints:
        if not endpoint.ready:
            continue
        if not endpoint.nodes:
            all_nodes = False
        elif place.node_name in endpoint.nodes:
            any_node = True
        if not endpoint.zones:
            all_zones = False
        elif place.zone in endpoint.zones:
            any_zone = True
        if not (all_nodes or all_zones):
            return ""
    if all_nodes and any_node:
        return "node"
    return "zone" if all_zones and any_zone and place.zone else ""


def _suits(endpoint: EndpointState, topology: str, place: Place) -> bool:
    if topology == "node":
        return place.node_name in endpoint.nodes
    return topology != "zone" or place.zone in endpoint.zones


def uses_cluster(port: ServicePort) -> bool:
    return not port.internal_local or port.externally_accessible


def uses_local(port: ServicePort) -> bool:
    return port.internal_local or (port.external_local and port.externally_accessible)


def categorize(port: ServicePort, endpoints: tuple[EndpointState, ...], place: Place) -> Categories:
    """The cluster set and the local set; ready ones, else those still serving while they terminate."""
    cluster: tuple[EndpointState, ...] = ()
    local: tuple[EndpointState, ...] = ()
    topology = ""
    any_usable = False
    if uses_cluster(port):
        topology = topology_mode(endpoints, place)
        cluster = tuple(e for e in endpoints if e.ready and (not topology or _suits(e, topology, place)))
        if not cluster:
            cluster = tuple(e for e in endpoints if e.serving and e.terminating)
        any_usable = bool(cluster)
    if uses_local(port):
        any_usable = any_usable or any(e.ready or (e.serving and e.terminating) for e in endpoints)
        here = tuple(e for e in endpoints if e.local)
        local = tuple(e for e in here if e.ready) or tuple(e for e in here if e.serving and e.terminating)
    return Categories(cluster, local, any_usable, topology)


def _verdict(endpoints: tuple[EndpointState, ...], any_usable: bool, policy: str) -> Verdict:
    if endpoints:
        return Forward(tuple(Endpoint(ip=e.ip, port=e.port, local=e.local) for e in endpoints))
    return Drop(_NO_LOCAL.format(policy)) if any_usable else Reject()


def forwarding(port: ServicePort, endpoints: tuple[EndpointState, ...], place: Place) -> ServiceForwarding:
    """What this node does with traffic to one service port."""
    groups = categorize(port, endpoints, place)
    cluster = _verdict(groups.cluster, groups.any_usable, "") if uses_cluster(port) else None
    local = None
    if uses_local(port):
        local = _verdict(groups.local, groups.any_usable, "internal" if port.internal_local else "external")
    internal = local if port.internal_local else cluster
    external: Verdict | None = cluster
    short_circuit: Verdict | None = None
    if port.external_local and port.externally_accessible:
        external, short_circuit = local, cluster
        if isinstance(local, Drop):
            external = Drop(_NO_LOCAL.format("external"))
    assert internal is not None
    return ServiceForwarding(
        name=port.name,
        frontends=_frontends(port, place),
        internal=internal,
        # A pure ClusterIP with a local policy has no external side: nothing will ask.
        external=internal if external is None else external,
        short_circuit=short_circuit,
        affinity_timeout_s=port.affinity_timeout_s,
        health_check_port=port.health_check_port,
    )


def _frontends(port: ServicePort, place: Place) -> tuple[Frontend, ...]:
    found = [Frontend(kind=FrontendKind.CLUSTER_IP, ip=port.cluster_ip, port=port.port)]
    if not port.externally_accessible:
        return tuple(found)
    if place.external_ips_allowed:
        found += [Frontend(kind=FrontendKind.EXTERNAL_IP, ip=ip, port=port.port) for ip in port.external_ips]
    allowed = _allowed_sources(port, place)
    found += [
        Frontend(kind=FrontendKind.LOAD_BALANCER, ip=ip, port=port.port, allowed_sources=allowed)
        for ip in port.load_balancer_vips
    ]
    if port.node_port:
        found.append(Frontend(kind=FrontendKind.NODE_PORT, port=port.node_port))
    return tuple(found)


def _allowed_sources(port: ServicePort, place: Place) -> tuple[tuple[str, str], ...] | None:
    """Where the node may come in, its load balancer addresses may: such a packet loops back with that source."""
    if not port.source_ranges or not port.load_balancer_vips:
        return None
    ranges = [network(cidr) for cidr in port.source_ranges]
    if any(contains(cidr, ip) for cidr in port.source_ranges for ip in place.node_ips):
        ranges += [network(ip) for ip in port.load_balancer_vips]
    merged = collapse_addresses(cast("list[IPv4Network]", ranges))
    return tuple((str(net.network_address), str(net.broadcast_address)) for net in merged)


def reachable(service: ServiceForwarding) -> frozenset[Endpoint]:
    """Every endpoint that some traffic of this node may be sent to."""
    verdicts = (service.internal, service.external, service.short_circuit)
    return frozenset(e for verdict in verdicts if isinstance(verdict, Forward) for e in verdict.endpoints)
