"""API objects as the proxy sees them: service ports and endpoints, of one IP family.

What may be ignored is ignored here, once; after this nobody reads API objects. targetPort is never read:
the slice has the resolved numbers.
"""

from collections.abc import Iterable, Mapping
from itertools import pairwise
from operator import itemgetter
from typing import NamedTuple

import msgspec

from kproxy.addresses import IPV4, IPV6, canonical_cidr, canonical_ip, family_of
from kproxy.forwarding import ServicePortName
from kube.objects import SERVICE_NAME_LABEL, EndpointSlice, NamespacedName, Service
from kube.objects import Endpoint as SliceEndpoint

_FAMILY_NAMES = {"IPv4": IPV4, "IPv6": IPV6}
_ANYWHERE = ("0.0.0.0/0", "::/0")
DEFAULT_AFFINITY_TIMEOUT_S = 10_800  # core/v1 ClientIPConfig


class ServicePort(msgspec.Struct, frozen=True, kw_only=True):
    """One port of a service, of one IP family, with canonical addresses."""

    name: ServicePortName
    cluster_ip: str
    port: int
    node_port: int = 0
    external_ips: tuple[str, ...] = ()
    load_balancer_vips: tuple[str, ...] = ()
    source_ranges: tuple[str, ...] = ()  # empty: everybody
    affinity_timeout_s: int | None = None
    internal_local: bool = False
    external_local: bool = False
    health_check_port: int = 0

    @property
    def externally_accessible(self) -> bool:
        return bool(self.node_port or self.load_balancer_vips or self.external_ips)


class EndpointState(msgspec.Struct, frozen=True, kw_only=True):
    """An endpoint as the slices describe it, with the defaults of absent conditions filled in.

    `zones` and `nodes` are the topology hints; empty: none.
    """

    ip: str
    port: int
    ready: bool = True
    serving: bool = True
    terminating: bool = False
    local: bool = False
    zones: tuple[str, ...] = ()
    nodes: tuple[str, ...] = ()


class PortKey(NamedTuple):
    """What ties a service's port to a slice's."""

    name: str
    protocol: str


EndpointsByPort = Mapping[PortKey, tuple[tuple[str, EndpointState], ...]]


def service_ports(service: Service, family: int) -> tuple[ServicePort, ...]:
    """Empty if the service is not to be proxied in this family. The type alone decides nothing else."""
    spec = service.spec
    if spec.type == "ExternalName" or spec.cluster_ip in ("", "None"):
        return ()
    cluster_ip = _cluster_ip(service, family)
    if cluster_ip is None:
        return ()
    external_ips = _addresses(spec.external_ips, family)
    vips = tuple(
        ip
        for ingress in service.status.load_balancer.ingress
        if ingress.ip_mode in (None, "VIP")
        for ip in _addresses((ingress.ip,), family)
    )
    ranges = _source_ranges(spec.load_balancer_source_ranges, family)
    external_local = spec.external_traffic_policy == "Local" and (
        spec.type in ("LoadBalancer", "NodePort") or (spec.type == "ClusterIP" and bool(spec.external_ips))
    )
    health_check_port = spec.health_check_node_port if spec.type == "LoadBalancer" and external_local else 0
    timeout_s = _affinity_timeout_s(service)
    namespace, name = service.metadata.namespace, service.metadata.name
    return tuple(
        ServicePort(
            name=ServicePortName(namespace, name, port.name, port.protocol),
            cluster_ip=cluster_ip,
            port=port.port,
            node_port=port.node_port,
            external_ips=external_ips,
            load_balancer_vips=vips,
            source_ranges=ranges,
            affinity_timeout_s=timeout_s,
            internal_local=spec.internal_traffic_policy == "Local",
            external_local=external_local,
            health_check_port=health_check_port,
        )
        for port in spec.ports
    )


def _cluster_ip(service: Service, family: int) -> str | None:
    spec = service.spec
    if not spec.ip_families:  # written by a server of before dual stack
        ip = canonical_ip(spec.cluster_ip)
        return ip if ip is not None and family_of(ip) == family else None
    for place, name in enumerate(spec.ip_families):
        if _FAMILY_NAMES.get(name) == family and place < len(spec.cluster_ips):
            return canonical_ip(spec.cluster_ips[place])
    return None


def _addresses(texts: Iterable[str], family: int) -> tuple[str, ...]:
    found = (canonical_ip(text) for text in texts)
    return tuple(dict.fromkeys(ip for ip in found if ip is not None and family_of(ip) == family))


def _source_ranges(texts: Iterable[str], family: int) -> tuple[str, ...]:
    found = (canonical_cidr(text.strip()) for text in texts)
    ranges = tuple(r for r in found if r is not None and family_of(r) == family)
    return () if any(r in _ANYWHERE for r in ranges) else ranges


def _affinity_timeout_s(service: Service) -> int | None:
    if service.spec.session_affinity != "ClientIP":
        return None
    config = service.spec.session_affinity_config
    if config is None or config.client_ip is None:
        return DEFAULT_AFFINITY_TIMEOUT_S
    return config.client_ip.timeout_seconds


def slice_service(item: EndpointSlice) -> NamespacedName | None:
    """The service that a slice belongs to; None: to none, it is ignored."""
    name = item.metadata.labels.get(SERVICE_NAME_LABEL, "")
    return NamespacedName(item.metadata.namespace, name) if name else None


def slice_family(item: EndpointSlice) -> int | None:
    """None for FQDN slices."""
    return _FAMILY_NAMES.get(item.address_type)


def slice_endpoints(item: EndpointSlice, node_name: str) -> EndpointsByPort:
    """Endpoints by port, each with its text `ip:port`; a port without a name or a number is not for proxying."""
    described = [
        found for endpoint in item.endpoints if (found := _describe(endpoint, node_name)) is not None
    ]
    ports = [(PortKey(p.name, p.protocol), p.port) for p in item.ports if p.name is not None and p.port]
    return {
        key: tuple(
            (
                f"[{ip}]:{number}" if ":" in ip else f"{ip}:{number}",
                EndpointState(
                    ip=ip,
                    port=number,
                    ready=ready,
                    serving=serving,
                    terminating=terminating,
                    local=local,
                    zones=zones,
                    nodes=nodes,
                ),
            )
            for ip, ready, serving, terminating, local, zones, nodes in described
        )
        for key, number in ports
    }


def _describe(
    endpoint: SliceEndpoint, node_name: str
) -> tuple[str, bool, bool, bool, bool, tuple[str, ...], tuple[str, ...]] | None:
    """Only the first address counts (kube-proxy and the API's own documentation)."""
    ip = canonical_ip(endpoint.addresses[0]) if endpoint.addresses else None
    if ip is None:
        return None
    conditions, hints = endpoint.conditions, endpoint.hints
    zones: tuple[str, ...] = ()
    nodes: tuple[str, ...] = ()
    if hints is not None:
        zones = tuple(zone.name for zone in hints.for_zones)
        nodes = tuple(node.name for node in hints.for_nodes)
    return (
        ip,
        conditions.ready is not False,
        conditions.serving is not False,
        conditions.terminating is True,
        endpoint.node_name == node_name,
        zones,
        nodes,
    )


_TEXT = itemgetter(0)


def merge_endpoints(slices: Iterable[EndpointsByPort], key: PortKey) -> tuple[EndpointState, ...]:
    """The endpoints of one port over all slices of its service, sorted by the text `ip:port`.

    Of two with the same address one that is not terminating wins (a new pod may have got the address of one
    that is going); else the more useful one, so that the order of slices does not matter.
    """
    parts = [part for endpoints in slices if (part := endpoints.get(key))]
    if len(parts) == 1:
        ordered = sorted(parts[0], key=_TEXT)
        if all(a[0] != b[0] for a, b in pairwise(ordered)):
            return tuple(state for _, state in ordered)
    best: dict[str, EndpointState] = {}
    for part in parts:
        for text, state in part:
            rival = best.get(text)
            if rival is None or _usefulness(state) > _usefulness(rival):
                best[text] = state
    return tuple(state for _, state in sorted(best.items(), key=_TEXT))


def _usefulness(state: EndpointState) -> tuple[bool, bool, bool, bool, tuple[str, ...], tuple[str, ...]]:
    return (
        not state.terminating,
        state.ready,
        state.serving,
        state.local,
        state.zones,
        state.nodes,
    )
