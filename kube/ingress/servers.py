"""The addresses behind a Service's port, read from its EndpointSlices: requests go to pods, not through kproxy. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from kube.ingress.routes import BackendRef
from kube.objects import EndpointSlice, Service, ServicePort

# What Service.spec.ports[].appProtocol may say (KEP-3726); anything else is HTTP/1.1, WebSockets included.
_PROTOCOLS = {"kubernetes.io/h2c": "h2c", "https": "https", "kubernetes.io/wss": "https"}


class Servers(NamedTuple):
    addresses: tuple[str, ...] = ()  # host:port, IPv6 in brackets, in order
    protocol: str = "http"  # http, https (not verified: pods have no names), h2c
    sticky: bool = False  # by client address
    problem: str = ""  # why there can be none


def plan_servers(backend: BackendRef, service: Service | None, slices: Iterable[EndpointSlice]) -> Servers:
    if service is None:
        return Servers(problem=f"Service {backend.namespace}/{backend.service} does not exist")
    if service.spec.type == "ExternalName":
        return Servers(
            problem=f"Service {backend.namespace}/{backend.service} is an ExternalName: not served"
        )
    port = _port(backend.port, service.spec.ports)
    if port is None:
        return Servers(
            problem=f"Service {backend.namespace}/{backend.service} has no TCP port {backend.port}"
        )
    # One family: a pod with two addresses is one server.
    family = service.spec.ip_families[0] if service.spec.ip_families else "IPv4"
    chosen = [one for one in slices if one.address_type == family]
    return Servers(
        addresses=tuple(sorted(_addresses(port.name, chosen))),
        protocol=_PROTOCOLS.get(port.app_protocol or "", "http"),
        sticky=service.spec.session_affinity == "ClientIP",
    )


def _port(wanted: str, ports: Sequence[ServicePort]) -> ServicePort | None:
    for port in ports:
        if port.protocol == "TCP" and wanted in (port.name, str(port.port)):
            return port
    return None


def _addresses(port_name: str, slices: Sequence[EndpointSlice]) -> set[str]:
    """The ready ones; where there are none, those that still serve while they terminate (KEP-1669)."""
    ready, serving = set(), set()
    for one in slices:
        for port in one.ports:
            if (port.name or "") != port_name or port.port is None:
                continue
            for endpoint in one.endpoints:
                if not endpoint.addresses:
                    continue
                address = endpoint.addresses[0]
                place = f"[{address}]:{port.port}" if ":" in address else f"{address}:{port.port}"
                conditions = endpoint.conditions
                if conditions.ready is not False:
                    ready.add(place)
                elif conditions.serving and conditions.terminating:
                    serving.add(place)
    return ready or serving
