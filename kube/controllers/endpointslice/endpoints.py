"""The endpoints that a Service should have, by address family and set of ports (discovery/v1)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import msgspec

from kube.controllers.members import addresses, family_of, port_number
from kube.controllers.pods import is_ready, is_terminal
from kube.objects import (
    ZONE_LABEL,
    Endpoint,
    EndpointConditions,
    EndpointHints,
    EndpointPort,
    ForZone,
    Node,
    ObjectReference,
    Pod,
    Service,
)


class Group(NamedTuple):
    """Endpoints with the same address family and ports share slices."""

    family: str
    ports: tuple[EndpointPort, ...]


class GroupKey(NamedTuple):
    """Hashable: an EndpointPort is."""

    family: str
    ports: frozenset[tuple[str | None, str, int | None, str | None]]


def group_key(family: str, ports: Sequence[EndpointPort]) -> GroupKey:
    return GroupKey(
        family, frozenset((port.name, port.protocol, port.port, port.app_protocol) for port in ports)
    )


def desired(
    service: Service, pods: Sequence[Pod], nodes: Mapping[str, Node]
) -> dict[GroupKey, tuple[Group, list[Endpoint]]]:
    """Every pod that has an address and has not ended, terminating ones too (KEP-1672)."""
    groups: dict[GroupKey, tuple[Group, list[Endpoint]]] = {}
    for pod in pods:
        if is_terminal(pod):
            continue
        ports = _ports(service, pod)
        for family in service.spec.ip_families:
            own = tuple(address for address in addresses(pod) if family_of(address) == family)
            if own:
                key = group_key(family, ports)
                group = groups.setdefault(key, (Group(family, ports), []))
                group[1].append(_endpoint(service, pod, own[:1], nodes.get(pod.spec.node_name)))
    return groups


def _ports(service: Service, pod: Pod) -> tuple[EndpointPort, ...]:
    found = ((port, port_number(pod, port)) for port in service.spec.ports)
    return tuple(
        EndpointPort(name=port.name, protocol=port.protocol, port=number, app_protocol=port.app_protocol)
        for port, number in found
        if number is not None
    )


def _endpoint(service: Service, pod: Pod, own: tuple[str, ...], node: Node | None) -> Endpoint:
    serving = is_ready(pod)
    terminating = pod.metadata.deletion_timestamp is not None
    ready = service.spec.publish_not_ready_addresses or (serving and not terminating)
    named = pod.spec.hostname and pod.spec.subdomain == service.metadata.name
    endpoint = Endpoint(
        addresses=own,
        conditions=EndpointConditions(ready=ready, serving=serving, terminating=terminating),
        hostname=pod.spec.hostname if named else "",
        node_name=pod.spec.node_name or None,
        zone=node.metadata.labels.get(ZONE_LABEL) if node is not None else None,
        target_ref=ObjectReference(
            kind="Pod",
            namespace=pod.metadata.namespace,
            name=pod.metadata.name,
            uid=pod.metadata.uid,
        ),
    )
    return msgspec.structs.replace(endpoint, hints=hints(service.spec.traffic_distribution, endpoint))


def hints(distribution: str | None, endpoint: Endpoint) -> EndpointHints | None:
    """KEP-4444 and KEP-3015: each ready endpoint is for its own zone, or for its own node first."""
    if (
        distribution not in ("PreferClose", "PreferSameZone", "PreferSameNode")
        or not endpoint.conditions.ready
    ):
        return None
    zones = (ForZone(name=endpoint.zone),) if endpoint.zone else ()
    by_node = distribution == "PreferSameNode" and endpoint.node_name
    nodes = (ForZone(name=endpoint.node_name or ""),) if by_node else ()
    return EndpointHints(for_zones=zones, for_nodes=nodes) if zones or nodes else None


def identity(endpoint: Endpoint) -> tuple[str, tuple[str, ...]]:
    """The same endpoint in two versions: the pod and its address."""
    return endpoint.target_ref.uid if endpoint.target_ref else "", endpoint.addresses
