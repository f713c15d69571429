"""What a row of the flow table is made of: the addresses of its world, a service, a setup, a packet, and builders."""

import re
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from kproxy.intake import Intake
from kproxy.node import LocalCIDR, LocalDetector, NodeRules
from kproxy.policy import Place
from kproxy.walk import Packet
from kube.objects import (
    SERVICE_NAME_LABEL,
    ClientIPConfig,
    Endpoint,
    EndpointConditions,
    EndpointHints,
    EndpointPort,
    EndpointSlice,
    ForZone,
    LoadBalancerIngress,
    LoadBalancerStatus,
    ObjectMeta,
    Service,
    ServicePort,
    ServiceSpec,
    ServiceStatus,
    SessionAffinityConfig,
    key_of,
)

POD = "10.0.0.2"  # in the cluster's pod range
EXT = "203.0.113.2"  # a client outside
BLOCKED = "203.0.113.130"  # outside of every source range
NODE = "192.168.0.2"  # this node
ALT = "192.168.1.2"  # another address of this node
LB, LB2 = "1.2.3.4", "5.6.7.8"
XIP = "192.168.99.11"
VIP, VIP2, VIP3 = "172.30.0.41", "172.30.0.42", "172.30.0.43"
A, B, C, D, E = "10.180.0.1", "10.180.0.2", "10.180.0.3", "10.180.0.4", "10.180.0.5"
R, R2 = "10.180.2.1", "10.180.2.2"  # on other nodes
ME, ZONE = "test-node", "zone-a"

_CIDRS = {"8": "32", "16": "48", "24": "64", "25": "120", "32": "128", "0": "0"}
_IPV4 = re.compile(r"(?<![\d.])(\d+)\.(\d+)\.(\d+)\.(\d+)(?:/(\d+))?")


def six(text: str) -> str:
    """Every IPv4 address in a text as the IPv6 address that stands for it in the mirrored rows."""

    def swap(found: re.Match[str]) -> str:
        a, b, c, d, length = found.groups()
        if (a, b, c, d) == ("0", "0", "0", "0"):
            address = "::"
        elif a == "127":
            address = "::1"
        else:
            tail = "" if d == "0" else d
            head = f"fd00:{a}:{b}:{c}"
            address = f"{head}::{tail}"
        if length is None:
            return _compressed(address)
        return f"{_compressed(address)}/{_CIDRS[length]}"

    return _IPV4.sub(swap, text)


def _compressed(address: str) -> str:
    from ipaddress import ip_address

    return str(ip_address(address))


class Ep(NamedTuple):
    """An endpoint: local or not, and its conditions."""

    ip: str
    local: bool = False
    ready: bool | None = True
    serving: bool | None = None
    terminating: bool | None = None
    zones: tuple[str, ...] = ()
    nodes: tuple[str, ...] = ()

    @property
    def hints(self) -> EndpointHints | None:
        if not self.zones and not self.nodes:
            return None
        return EndpointHints(
            for_zones=tuple(ForZone(name=z) for z in self.zones),
            for_nodes=tuple(ForZone(name=n) for n in self.nodes),
        )


def here(ip: str, **more: Any) -> Ep:
    return Ep(ip, local=True, **more)


def away(ip: str, **more: Any) -> Ep:
    return Ep(ip, **more)


def leaving(ip: str, *, local: bool = False, serving: bool = True, **more: Any) -> Ep:
    """Terminating; still serving unless told otherwise."""
    return Ep(ip, local=local, ready=False, serving=serving, terminating=True, **more)


class Port(NamedTuple):
    """Service port → endpoint port."""

    port: int = 80
    target: int = 80
    node_port: int = 0
    protocol: str = "TCP"
    name: str = "p"


class Svc(NamedTuple):
    """A service with its endpoints, written in IPv4."""

    ip: str = VIP
    endpoints: tuple[Ep, ...] = ()
    ports: tuple[Port, ...] = (Port(),)
    type: str = "ClusterIP"
    lbs: tuple[str, ...] = ()
    external_ips: tuple[str, ...] = ()
    ranges: tuple[str, ...] = ()
    internal: str = "Cluster"
    external: str = "Cluster"
    affinity_s: int | None = None
    ip_mode: str | None = None
    name: str = "svc"
    more_slices: tuple[tuple[tuple[Ep, ...], int], ...] = ()
    """Slices beside the first: endpoints, and the number that the first port has on them."""


class Setup(NamedTuple):
    """The node and its services, written in IPv4. `node_ports` None: every local address."""

    services: tuple[Svc, ...]
    detector: LocalDetector | None = LocalCIDR("10.0.0.0/8")
    masquerade_all: bool = False
    node_ports: tuple[str, ...] | None = (NODE,)
    service_cidrs: tuple[str, ...] = ("172.30.0.0/16",)
    bridged: tuple[str, ...] = ()
    zone: str = ZONE
    external_ips_allowed: bool = True


class Flow(NamedTuple):
    """From `source` to `destination` (`ip:port`); `to` the endpoints, or the verdict's name."""

    text: str
    setup: Setup
    source: str
    destination: str
    to: tuple[str, ...] | str
    masquerade: bool = False
    protocol: str = "TCP"
    interface: str = "eth0"


def services_of(setup: Setup, family: int) -> Iterator[Service]:
    at = six if family == 6 else str
    for svc in setup.services:
        yield Service(
            metadata=ObjectMeta(namespace="ns", name=svc.name),
            spec=ServiceSpec(
                type=svc.type,
                cluster_ip=at(svc.ip),
                cluster_ips=(at(svc.ip),),
                ip_families=(f"IPv{family}",),
                external_ips=tuple(map(at, svc.external_ips)),
                load_balancer_source_ranges=tuple(map(at, svc.ranges)),
                internal_traffic_policy=svc.internal,
                external_traffic_policy=svc.external,
                session_affinity="None" if svc.affinity_s is None else "ClientIP",
                session_affinity_config=None
                if svc.affinity_s is None
                else SessionAffinityConfig(client_ip=ClientIPConfig(timeout_seconds=svc.affinity_s)),
                ports=tuple(
                    ServicePort(name=p.name, port=p.port, node_port=p.node_port, protocol=p.protocol)
                    for p in svc.ports
                ),
            ),
            status=ServiceStatus(
                load_balancer=LoadBalancerStatus(
                    ingress=tuple(LoadBalancerIngress(ip=at(lb), ip_mode=svc.ip_mode) for lb in svc.lbs)
                )
            ),
        )


def slices_of(setup: Setup, family: int) -> Iterator[EndpointSlice]:
    for svc in setup.services:
        ports = tuple(EndpointPort(name=p.name, port=p.target, protocol=p.protocol) for p in svc.ports)
        yield _slice(svc, "x", svc.endpoints, ports, family)
        for place, (endpoints, number) in enumerate(svc.more_slices):
            first = EndpointPort(name=svc.ports[0].name, port=number, protocol=svc.ports[0].protocol)
            yield _slice(svc, f"y{place}", endpoints, (first,), family)


def _slice(
    svc: Svc, suffix: str, endpoints: tuple[Ep, ...], ports: tuple[EndpointPort, ...], family: int
) -> EndpointSlice:
    at = six if family == 6 else str
    return EndpointSlice(
        metadata=ObjectMeta(
            namespace="ns", name=f"{svc.name}-{suffix}", labels={SERVICE_NAME_LABEL: svc.name}
        ),
        address_type=f"IPv{family}",
        ports=ports,
        endpoints=tuple(
            Endpoint(
                addresses=(at(e.ip),),
                node_name=ME if e.local else "other-node",
                conditions=EndpointConditions(ready=e.ready, serving=e.serving, terminating=e.terminating),
                hints=e.hints,
            )
            for e in endpoints
        ),
    )


def node_of(setup: Setup, family: int) -> NodeRules:
    at = six if family == 6 else str
    detector = setup.detector
    if isinstance(detector, LocalCIDR):
        detector = LocalCIDR(at(detector.cidr))
    return NodeRules(
        family=family,
        detector=detector,
        masquerade_all=setup.masquerade_all,
        node_port_addresses=None if setup.node_ports is None else tuple(map(at, setup.node_ports)),
        service_cidrs=tuple(map(at, setup.service_cidrs)),
        bridged_pod_ranges=tuple(map(at, setup.bridged)),
        local_addresses=(at(NODE), at(ALT)),
    )


def intake_of(setup: Setup, family: int) -> Intake:
    """What the proxy knows of a setup."""
    at = six if family == 6 else str
    place = Place(
        node_name=ME,
        zone=setup.zone,
        node_ips=(at(NODE),),
        external_ips_allowed=setup.external_ips_allowed,
    )
    intake = Intake((family,), place)
    for service in services_of(setup, family):
        intake.set_service(key_of(service), service)
    for item in slices_of(setup, family):
        intake.set_slice(key_of(item), item)
    intake.refresh()
    return intake


def packet_of(flow: Flow, family: int) -> Packet:
    at = six if family == 6 else str
    ip, _, port = flow.destination.rpartition(":")
    return Packet(
        source=at(flow.source),
        destination=at(ip),
        port=int(port),
        protocol=flow.protocol,
        in_interface="" if flow.source in (NODE, ALT) else flow.interface,
    )


def targets_of(flow: Flow, family: int) -> set[str]:
    """`ip:port` of the endpoints it may reach."""
    assert not isinstance(flow.to, str)
    if family == 4:
        return set(flow.to)
    found = (target.rpartition(":") for target in flow.to)
    return {f"[{six(ip)}]:{port}" for ip, _, port in found}


def flows(
    setup: Setup, *rows: tuple[str, str, str, tuple[str, ...] | str, bool] | tuple[Any, ...]
) -> Iterable[Flow]:
    """Rows of one setup: text, source, destination, endpoints or verdict, masqueraded[, protocol[, interface]]."""
    return [Flow(row[0], setup, *row[1:]) for row in rows]


def at(*ips: str, port: int = 80) -> tuple[str, ...]:
    return tuple(f"{ip}:{port}" for ip in ips)
