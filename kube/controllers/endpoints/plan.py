"""The Endpoints object of a Service. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from kube.controllers.members import addresses, family_of, is_headless, port_number
from kube.controllers.pods import is_ready, is_terminal
from kube.objects import (
    HEADLESS_LABEL,
    EndpointAddress,
    Endpoints,
    EndpointSubset,
    EndpointSubsetPort,
    ObjectReference,
    Pod,
    Service,
)

CAPACITY = 1000
OVER_CAPACITY = "endpoints.kubernetes.io/over-capacity"
MANAGED_BY = "endpoints.kubernetes.io/managed-by"
CONTROLLER = "endpoint-controller"


class _Address(msgspec.Struct, frozen=True, kw_only=True):
    address: EndpointAddress
    ready: bool


def labels_for(service: Service) -> dict[str, str]:
    """kube-proxy and DNS leave headless ones alone by this label, as with slices."""
    headless = {HEADLESS_LABEL: ""} if is_headless(service) else {}
    own = {key: value for key, value in service.metadata.labels.items() if key != HEADLESS_LABEL}
    return {**own, **headless, MANAGED_BY: CONTROLLER}


def subsets(service: Service, pods: Sequence[Pod]) -> tuple[EndpointSubset, ...]:
    """Addresses with equal ports together; a terminating pod is out at once, unless not-ready ones are wanted."""
    family = service.spec.ip_families[0] if service.spec.ip_families else "IPv4"
    groups: dict[tuple[EndpointSubsetPort, ...], list[_Address]] = {}
    unready_wanted = service.spec.publish_not_ready_addresses
    for pod in pods:
        leaving = pod.metadata.deletion_timestamp is not None and not unready_wanted
        if is_terminal(pod) or leaving:
            continue
        for address in (one for one in addresses(pod) if family_of(one) == family):
            entry = _Address(address=_address(service, pod, address), ready=unready_wanted or is_ready(pod))
            groups.setdefault(_ports(service, pod), []).append(entry)
            break
    return tuple(_subset(ports, listed) for ports, listed in sorted(groups.items(), key=_group_order))


def _ports(service: Service, pod: Pod) -> tuple[EndpointSubsetPort, ...]:
    found = ((port, port_number(pod, port)) for port in service.spec.ports)
    ports = (
        EndpointSubsetPort(
            port=number, name=port.name, protocol=port.protocol, app_protocol=port.app_protocol
        )
        for port, number in found
        if number is not None
    )
    return tuple(sorted(ports, key=lambda port: (port.name, port.protocol, port.port)))


def _group_order(item: tuple[tuple[EndpointSubsetPort, ...], Any]) -> list[tuple[str, int]]:
    return [(port.name, port.port) for port in item[0]]


def _address(service: Service, pod: Pod, address: str) -> EndpointAddress:
    named = pod.spec.hostname and pod.spec.subdomain == service.metadata.name
    return EndpointAddress(
        ip=address,
        hostname=pod.spec.hostname if named else "",
        node_name=pod.spec.node_name or None,
        target_ref=ObjectReference(
            kind="Pod",
            namespace=pod.metadata.namespace,
            name=pod.metadata.name,
            uid=pod.metadata.uid,
        ),
    )


def _subset(ports: tuple[EndpointSubsetPort, ...], listed: list[_Address]) -> EndpointSubset:
    ordered = sorted(listed, key=lambda entry: (entry.address.ip, _uid(entry.address)))
    return EndpointSubset(
        addresses=tuple(entry.address for entry in ordered if entry.ready),
        not_ready_addresses=tuple(entry.address for entry in ordered if not entry.ready),
        ports=ports,
    )


def _uid(address: EndpointAddress) -> str:
    return address.target_ref.uid if address.target_ref else ""


def truncated(whole: tuple[EndpointSubset, ...]) -> tuple[tuple[EndpointSubset, ...], bool]:
    """At most CAPACITY addresses, ready ones first; whether any were left out."""
    count = sum(len(one.addresses) + len(one.not_ready_addresses) for one in whole)
    if count <= CAPACITY:
        return whole, False
    room = CAPACITY
    kept: list[EndpointSubset] = []
    for one in whole:
        ready = one.addresses[:room]
        room -= len(ready)
        kept.append(msgspec.structs.replace(one, addresses=ready))
    for index, one in enumerate(whole):
        unready = one.not_ready_addresses[:room]
        room -= len(unready)
        kept[index] = msgspec.structs.replace(kept[index], not_ready_addresses=unready)
    return tuple(one for one in kept if one.addresses or one.not_ready_addresses), True


def body(
    service: Service, existing: Endpoints | None, wanted: tuple[EndpointSubset, ...]
) -> dict[str, Any] | None:
    """What to write, whole; None when it is there already."""
    shown, over = truncated(wanted)
    before = existing.metadata.annotations if existing is not None else {}
    annotations = {key: value for key, value in before.items() if key != OVER_CAPACITY}
    if over:
        annotations[OVER_CAPACITY] = "truncated"
    labels = labels_for(service)
    if (
        existing is not None
        and existing.subsets == shown
        and existing.metadata.labels == labels
        and before == annotations
    ):
        return None
    return {
        "metadata": {
            "name": service.metadata.name,
            "namespace": service.metadata.namespace,
            "labels": labels,
            "annotations": annotations,
        },
        "subsets": msgspec.to_builtins(shown),
    }
