"""The flow table: what must happen to a packet, whatever makes it happen.

Each row runs against walk(), against a tracer of each backend's typed rules, and against the kernel, in IPv4
and, mirrored, in IPv6. A row shows only what matters; the builders fill in the rest.
"""

import re
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from kproxy.intake import Intake
from kproxy.node import LocalBridge, LocalCIDR, LocalDetector, LocalPrefix, NodeRules
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


_NP = Port(node_port=3001)
_ALL_PORTS = (
    Port(80, 80, name="http"),
    Port(443, 8443, name="https"),
    Port(53, 53, protocol="UDP", name="dns"),
    Port(53, 5353, protocol="TCP", name="dns-tcp"),
    Port(53, 53, protocol="SCTP", name="dns-sctp"),
)

ONE_LOCAL = Setup((Svc(endpoints=(here(A),)),))
TWO = Setup((Svc(VIP2, (here(A), away(R)), _ALL_PORTS),))
EMPTY_LB = Setup((Svc(ports=(_NP,), type="LoadBalancer", lbs=(LB,), external_ips=(XIP,)),))
RANGED = Setup(
    (
        Svc(
            ports=(_NP,),
            type="LoadBalancer",
            lbs=(LB, LB2),
            ranges=("192.168.0.0/24", " 203.0.113.0/25"),
            endpoints=(here(A),),
        ),
    )
)
RANGED_EMPTY = Setup((RANGED.services[0]._replace(endpoints=()),))
RANGED_WITHOUT_NODE = Setup((RANGED.services[0]._replace(ranges=("203.0.113.0/25",)),))
NODE_PORT = Setup((Svc(ports=(_NP,), type="NodePort", endpoints=(away(R), here(B))),))
NODE_PORT_ANYWHERE = NODE_PORT._replace(node_ports=None)
EXTERNAL_LOCAL = Setup(
    (
        Svc(
            ports=(_NP,),
            type="LoadBalancer",
            lbs=(LB,),
            external_ips=(XIP,),
            external="Local",
            endpoints=(away(A), here(R)),
        ),
    )
)
EXTERNAL_LOCAL_NONE_HERE = Setup((EXTERNAL_LOCAL.services[0]._replace(endpoints=(away(A), away(R))),))
EXTERNAL_LOCAL_EMPTY = Setup((EXTERNAL_LOCAL.services[0]._replace(endpoints=()),))
INTERNAL_LOCAL = Setup((Svc(internal="Local", endpoints=(here(A), away(R))),))
INTERNAL_LOCAL_NONE_HERE = Setup((Svc(internal="Local", endpoints=(away(R), away(R2))),))
INTERNAL_LOCAL_EMPTY = Setup((Svc(internal="Local"),))
BOTH_LOCAL = Setup(
    (
        Svc(
            ports=(_NP,),
            type="LoadBalancer",
            lbs=(LB,),
            internal="Local",
            external="Local",
            endpoints=(here(A), away(R)),
        ),
    )
)
INTERNAL_LOCAL_EXTERNAL_CLUSTER = Setup((BOTH_LOCAL.services[0]._replace(external="Cluster"),))
_TERMINATING = (here(A), here(B), leaving(C, local=True), leaving(D, local=True, serving=False), away(E))
_LB80 = Svc(type="LoadBalancer", lbs=(LB,))
TERMINATING_CLUSTER = Setup((_LB80._replace(endpoints=_TERMINATING),))
TERMINATING_LOCAL = Setup((_LB80._replace(endpoints=_TERMINATING, external="Local"),))
_LAST_LOCAL = (leaving(A, local=True), leaving(B, local=True, serving=False), away(R))
ONLY_TERMINATING_HERE = Setup((_LB80._replace(endpoints=_LAST_LOCAL, external="Local"),))
ALL_TERMINATING = Setup((_LB80._replace(endpoints=(leaving(A, local=True), leaving(R))),))
NONE_SERVING = Setup((_LB80._replace(endpoints=(leaving(A, serving=False), away(R, ready=False))),))
MASQUERADE_ALL = ONE_LOCAL._replace(masquerade_all=True)
NO_DETECTOR = EXTERNAL_LOCAL._replace(detector=None)
BY_BRIDGE = EXTERNAL_LOCAL._replace(detector=LocalBridge("cni0"))
BY_PREFIX = EXTERNAL_LOCAL._replace(detector=LocalPrefix("veth"))
ZONES = Setup((Svc(endpoints=(away(A, zones=(ZONE,)), away(B, zones=("b",)), away(C, zones=(ZONE, "b")))),))
ZONES_ONE_UNHINTED = Setup((Svc(endpoints=(away(A, zones=(ZONE,)), away(B))),))
ZONES_ELSEWHERE = Setup((Svc(endpoints=(away(A, zones=("b",)), away(B, zones=("c",)))),))
NODES = Setup((Svc(endpoints=(away(A, nodes=(ME,)), away(B, nodes=("other",)))),))
NODES_AND_ZONES = Setup(
    (Svc(endpoints=(away(A, nodes=("other",), zones=(ZONE,)), away(B, nodes=("x",), zones=("b",)))),)
)
HINTED_UNREADY = Setup((Svc(endpoints=(away(A, zones=(ZONE,)), Ep(B, ready=False), leaving(C))),))
HINTS_AND_LOCAL = Setup(
    (
        Svc(
            ports=(_NP,),
            type="NodePort",
            external="Local",
            endpoints=(here(A, zones=("b",)), away(B, zones=(ZONE,))),
        ),
    )
)
PROXY_MODE_LB = Setup((_LB80._replace(endpoints=(here(A),), ip_mode="Proxy"),))
EXTERNAL_IPS_OFF = Setup((Svc(external_ips=(XIP,), endpoints=(here(A),)),), external_ips_allowed=False)
BRIDGED = Setup((Svc(endpoints=(here(A), here(B), away(R))),), bridged=("10.180.0.0/24",))
AFFINITY = Setup(
    (
        Svc(
            ports=(_NP,),
            type="LoadBalancer",
            lbs=(LB,),
            external_ips=(XIP,),
            affinity_s=60,
            endpoints=(here(A), away(R)),
        ),
    )
)
AFFINITY_LOCAL = Setup((AFFINITY.services[0]._replace(external="Local"),))
AFFINITY_INTERNAL_LOCAL = Setup((AFFINITY.services[0]._replace(internal="Local"),))
SAME_ADDRESS = Setup(
    (
        Svc(VIP, (here(A),), external_ips=(XIP,), name="a"),
        Svc(VIP2, (here(B),), external_ips=(XIP,), name="b"),
    )
)
SHARED_ENDPOINT = Setup((Svc(VIP, (here(A),), name="a"), Svc(VIP2, (here(A), away(R)), name="b")))
MANY = Setup((Svc(endpoints=tuple(away(f"10.180.3.{i}") for i in range(1, 9))),))
NODE_ADDRESS_AS_EXTERNAL = Setup(
    (
        Svc(VIP, (here(A),), external_ips=(NODE,), name="a"),
        Svc(VIP2, (here(B),), (_NP,), "NodePort", name="b"),
    )
)

_LOCAL_POLICY = Svc(external="Local", endpoints=(here(A), away(R)))
EXTERNAL_IP_LOCAL = Setup((_LOCAL_POLICY._replace(external_ips=(XIP,)),))
BALANCED_CLUSTER_IP = Setup((_LOCAL_POLICY._replace(ports=(_NP,), lbs=(LB,)),))
RANGES_OPEN = Setup((RANGED.services[0]._replace(ranges=("203.0.113.0/25", "0.0.0.0/0")),))
RANGES_OF_OTHERS = Setup((RANGED.services[0]._replace(ranges=("nonsense", "")),))
RANGED_LOCAL = Setup((RANGED.services[0]._replace(external="Local", endpoints=(here(A), away(R))),))
RANGED_LOCAL_NONE_HERE = Setup((RANGED.services[0]._replace(external="Local", endpoints=(away(R),)),))
UNKNOWN_READINESS = Setup((Svc(endpoints=(Ep(A, local=True, ready=None), away(R, ready=False))),))
TERMINATING_ELSEWHERE = Setup((Svc(endpoints=(leaving(A, zones=("b",)), leaving(B, zones=(ZONE,)))),))
NODES_ONE_UNHINTED = Setup(
    (Svc(endpoints=(away(A, nodes=(ME,), zones=(ZONE,)), away(B, zones=(ZONE,)), away(C, zones=("b",)))),)
)
TWO_SLICES = Setup((Svc(endpoints=(here(A),), more_slices=(((away(R), here(A)), 80),)),))
REUSED_ADDRESS = Setup((Svc(endpoints=(leaving(A, local=True),), more_slices=(((here(A),), 80),)),))
TWO_NUMBERS = Setup((Svc(endpoints=(here(A),), more_slices=(((away(R),), 8080), ((here(A),), 9090))),))
NAMELESS = Setup((Svc(endpoints=(here(A),), ports=(Port(name=""),)),))
WITHOUT_SLICES = Setup((Svc(ports=(Port(), Port(81, 81, name="q")), endpoints=()),))
HEADLESS = Setup((Svc("None", (here(A),)), Svc(VIP2, (here(B),), type="ExternalName", name="b")))
THREE_NODE_PORTS = Setup(
    (
        Svc(
            ports=(
                Port(80, 80, 3001, "TCP", "t"),
                Port(80, 81, 3001, "UDP", "u"),
                Port(80, 82, 3001, "SCTP", "s"),
            ),
            type="LoadBalancer",
            lbs=(LB,),
            external="Local",
            endpoints=(here(A), away(R)),
        ),
    )
)
EMPTY_DATAGRAMS = Setup(
    (Svc(ports=(Port(53, 53, 3001, "UDP", "u"), Port(53, 53, 3001, "SCTP", "s")), type="NodePort"),)
)
HAIRPIN_OUTSIDE = Setup(
    (Svc(ports=(_NP,), type="LoadBalancer", lbs=(LB,), external="Local", endpoints=(here(A),)),)
)
LEADING_ZEROS = Setup((Svc("172.030.000.041", (here(A),), external_ips=("192.168.099.011",)),))
NO_DETECTOR_MASQUERADE_ALL = NO_DETECTOR._replace(masquerade_all=True)
SAME_LB_AND_EXTERNAL = Setup(
    (Svc(type="LoadBalancer", lbs=(LB,), external_ips=(LB,), endpoints=(here(A), away(R))),)
)
TWO_SERVICES_TWO_PORTS = Setup(
    (
        Svc(VIP, (here(A),), type="LoadBalancer", lbs=(LB,), name="a"),
        Svc(VIP2, (here(B),), (Port(8080, 80),), "LoadBalancer", (LB,), name="b"),
    )
)
MASQUERADE_ALL_LOCAL = EXTERNAL_LOCAL._replace(masquerade_all=True)
NODE_PORT_ON_TWO = NODE_PORT._replace(node_ports=(NODE, ALT))
NODE_PORT_NOWHERE = NODE_PORT._replace(node_ports=())
TERMINATING_NODE_PORT = Setup(
    (
        Svc(
            ports=(_NP,),
            type="NodePort",
            internal="Local",
            external="Local",
            endpoints=(leaving(A, local=True), leaving(B, local=True, serving=False), away(R)),
        ),
    )
)

ROWS: tuple[Flow, ...] = (
    *flows(
        ONE_LOCAL,
        ("a pod reaches the endpoint with its own address", A[:-1] + "2", f"{VIP}:80", at(A), False),
        ("a pod that reaches itself through the service is masqueraded", A, f"{VIP}:80", at(A), True),
        ("the node itself is masqueraded", NODE, f"{VIP}:80", at(A), True),
        ("a stranger at the cluster address is masqueraded", EXT, f"{VIP}:80", at(A), True),
        ("a port that the service does not have is rejected", POD, f"{VIP}:443", "reject", False),
        ("so it is for the node", NODE, f"{VIP}:443", "reject", False),
        ("another protocol of the same port is rejected", POD, f"{VIP}:80", "reject", False, "UDP"),
        ("an address of the service range that nobody has is dropped", POD, "172.30.0.99:80", "drop", False),
        ("so it is for the node itself", NODE, "172.30.0.99:80", "drop", False),
        ("other traffic is left alone", POD, "198.51.100.7:80", "pass", False),
        ("traffic straight to a pod is left alone", EXT, f"{A}:80", "pass", False),
        ("traffic to the node is left alone", EXT, f"{NODE}:80", "pass", False),
    ),
    *flows(
        TWO,
        ("each endpoint gets its share", A[:-1] + "2", f"{VIP2}:80", at(A, R), False),
        ("the endpoint's port is the slice's", POD, f"{VIP2}:443", at(A, R, port=8443), False),
        ("TCP on a shared number", POD, f"{VIP2}:53", at(A, R, port=5353), False),
        ("UDP on a shared number", POD, f"{VIP2}:53", at(A, R, port=53), False, "UDP"),
        ("SCTP on a shared number", POD, f"{VIP2}:53", at(A, R, port=53), False, "SCTP"),
        ("a remote pod that is an endpoint is no hairpin of this node", R, f"{VIP2}:80", at(R, A), False),
        ("UDP of a port that only TCP has is rejected", POD, f"{VIP2}:80", "reject", False, "UDP"),
    ),
    *flows(
        EMPTY_LB,
        ("without endpoints the cluster address rejects", POD, f"{VIP}:80", "reject", False),
        ("the external address rejects", EXT, f"{XIP}:80", "reject", False),
        ("the node port rejects a pod", POD, f"{NODE}:3001", "reject", False),
        ("the node port rejects a stranger", EXT, f"{NODE}:3001", "reject", False),
        ("the balancer's address rejects a pod", POD, f"{LB}:80", "reject", False),
        ("the balancer's address rejects a stranger", EXT, f"{LB}:80", "reject", False),
        ("the node itself is rejected at the node port", NODE, f"{NODE}:3001", "reject", False),
        ("the node itself is rejected at the cluster address", NODE, f"{VIP}:80", "reject", False),
        ("an address without node ports leaves the port alone", EXT, f"{ALT}:3001", "pass", False),
    ),
    *flows(
        RANGED,
        ("source ranges do not count for the cluster address", POD, f"{VIP}:80", at(A), False),
        ("nor for node ports", EXT, f"{NODE}:3001", at(A), True),
        ("a source within the ranges passes", EXT, f"{LB}:80", at(A), True),
        ("at the second address, too", EXT, f"{LB2}:80", at(A), True),
        ("a source outside is dropped", BLOCKED, f"{LB}:80", "drop", False),
        ("at the second address, too: dropped", BLOCKED, f"{LB2}:80", "drop", False),
        ("pods are not exempt", POD, f"{LB}:80", "drop", False),
        ("the node is in the ranges", NODE, f"{LB}:80", at(A), True),
        ("the node at the second address", NODE, f"{LB2}:80", at(A), True),
        ("the balancer's address as source is let in with the node", LB, f"{LB}:80", at(A), True),
        ("another address of the node is outside the ranges", ALT, f"{LB}:80", "drop", False),
        ("another port of the balancer's address is not ours", BLOCKED, f"{LB}:81", "pass", False),
        ("a blocked source may use the node port", BLOCKED, f"{NODE}:3001", at(A), True),
    ),
    *flows(
        RANGED_EMPTY,
        ("a blocked source is dropped before it could be rejected", BLOCKED, f"{LB}:80", "drop", False),
        ("an allowed source is rejected", EXT, f"{LB}:80", "reject", False),
    ),
    *flows(
        RANGED_WITHOUT_NODE,
        ("a node outside the ranges is dropped", NODE, f"{LB}:80", "drop", False),
        ("and so is the balancer's own address", LB2, f"{LB}:80", "drop", False),
    ),
    *flows(
        NODE_PORT,
        ("a pod at the cluster address", POD, f"{VIP}:80", at(R, B), False),
        ("a stranger at the node port is masqueraded", EXT, f"{NODE}:3001", at(R, B), True),
        ("a pod at the node port is masqueraded", POD, f"{NODE}:3001", at(R, B), True),
        ("the node at its own node port", NODE, f"{NODE}:3001", at(R, B), True),
        ("not on another address of the node", EXT, f"{ALT}:3001", "pass", False),
        ("not on loopback", NODE, "127.0.0.1:3001", "pass", False),
        ("another protocol is left alone", EXT, f"{NODE}:3001", "pass", False, "UDP"),
        ("the service port is not open on the node", EXT, f"{NODE}:80", "pass", False),
        ("the node port is not open on the cluster address", EXT, f"{VIP}:3001", "reject", False),
    ),
    *flows(
        NODE_PORT_ANYWHERE,
        ("any address of the node answers", EXT, f"{ALT}:3001", at(R, B), True),
        ("the first, too", EXT, f"{NODE}:3001", at(R, B), True),
        ("but loopback never", NODE, "127.0.0.1:3001", "pass", False),
        ("other ports of loopback are the node's own", NODE, "127.0.0.1:3002", "pass", False),
        ("nor addresses of others", EXT, "198.51.100.7:3001", "pass", False),
    ),
    *flows(
        EXTERNAL_LOCAL,
        ("the cluster address uses all endpoints", POD, f"{VIP}:80", at(A, R), False),
        ("a pod at the external address is short-circuited", POD, f"{XIP}:80", at(A, R), False),
        ("a pod at the balancer's address", POD, f"{LB}:80", at(A, R), False),
        ("a pod at the node port", POD, f"{NODE}:3001", at(A, R), False),
        (
            "a stranger gets the local endpoint, unmasked, at the external address",
            EXT,
            f"{XIP}:80",
            at(R),
            False,
        ),
        ("at the balancer's address", EXT, f"{LB}:80", at(R), False),
        ("at the node port", EXT, f"{NODE}:3001", at(R), False),
        ("the node at the external address", NODE, f"{XIP}:80", at(A, R), True),
        ("the node at the balancer's address", NODE, f"{LB}:80", at(A, R), True),
        ("the node at its node port", NODE, f"{NODE}:3001", at(A, R), True),
        ("another address of the node is the node", ALT, f"{LB}:80", at(A, R), True),
    ),
    *flows(
        EXTERNAL_LOCAL_NONE_HERE,
        (
            "without a local endpoint strangers are dropped at the balancer's address",
            EXT,
            f"{LB}:80",
            "drop",
            False,
        ),
        ("at the external address", EXT, f"{XIP}:80", "drop", False),
        ("at the node port", EXT, f"{NODE}:3001", "drop", False),
        ("pods still reach remote endpoints", POD, f"{LB}:80", at(A, R), False),
        ("by the node port, too", POD, f"{NODE}:3001", at(A, R), False),
        ("and so does the node", NODE, f"{LB}:80", at(A, R), True),
        ("the cluster address works", POD, f"{VIP}:80", at(A, R), False),
    ),
    *flows(
        EXTERNAL_LOCAL_EMPTY,
        ("with no endpoint at all strangers are rejected", EXT, f"{LB}:80", "reject", False),
        ("at the node port, too", EXT, f"{NODE}:3001", "reject", False),
        ("pods are rejected", POD, f"{LB}:80", "reject", False),
        ("the node is rejected", NODE, f"{LB}:80", "reject", False),
    ),
    *flows(
        INTERNAL_LOCAL,
        ("an internal policy Local uses the local endpoint", POD, f"{VIP}:80", at(A), False),
        ("for the node, too", NODE, f"{VIP}:80", at(A), True),
    ),
    *flows(
        INTERNAL_LOCAL_NONE_HERE,
        ("without a local one it drops", POD, f"{VIP}:80", "drop", False),
        ("the node, too", NODE, f"{VIP}:80", "drop", False),
        ("another port is still rejected", POD, f"{VIP}:81", "reject", False),
    ),
    *flows(
        INTERNAL_LOCAL_EMPTY,
        ("with no endpoint anywhere it rejects", POD, f"{VIP}:80", "reject", False),
    ),
    *flows(
        BOTH_LOCAL,
        ("both policies Local: the cluster address is local", POD, f"{VIP}:80", at(A), False),
        ("pods at the balancer's address are not", POD, f"{LB}:80", at(A, R), False),
        ("strangers are", EXT, f"{LB}:80", at(A), False),
        ("strangers at the node port are", EXT, f"{NODE}:3001", at(A), False),
        ("the node at the balancer's address is not", NODE, f"{LB}:80", at(A, R), True),
    ),
    *flows(
        INTERNAL_LOCAL_EXTERNAL_CLUSTER,
        ("internal Local beside external Cluster", POD, f"{VIP}:80", at(A), False),
        ("strangers get all", EXT, f"{LB}:80", at(A, R), True),
        ("pods at the node port get all", POD, f"{NODE}:3001", at(A, R), True),
    ),
    *flows(
        TERMINATING_CLUSTER,
        ("terminating endpoints rest while there are others", POD, f"{VIP}:80", at(A, B, E), False),
        ("from outside, too", EXT, f"{LB}:80", at(A, B, E), True),
    ),
    *flows(
        TERMINATING_LOCAL,
        ("the cluster set of a Local service", POD, f"{VIP}:80", at(A, B, E), False),
        ("the local set without terminating ones", EXT, f"{LB}:80", at(A, B), False),
    ),
    *flows(
        ONLY_TERMINATING_HERE,
        ("the last local endpoint serves while it terminates", EXT, f"{LB}:80", at(A), False),
        ("pods use the ready one", POD, f"{LB}:80", at(R), False),
        ("the cluster address, too", POD, f"{VIP}:80", at(R), False),
    ),
    *flows(
        ALL_TERMINATING,
        ("when all terminate, those still serving are used", POD, f"{VIP}:80", at(A, R), False),
        ("from outside, too: all", EXT, f"{LB}:80", at(A, R), True),
    ),
    *flows(
        NONE_SERVING,
        ("neither ready nor serving: rejected", POD, f"{VIP}:80", "reject", False),
        ("from outside: rejected", EXT, f"{LB}:80", "reject", False),
    ),
    *flows(
        MASQUERADE_ALL,
        ("masqueradeAll masks pods", POD, f"{VIP}:80", at(A), True),
        ("and the node", NODE, f"{VIP}:80", at(A), True),
    ),
    *flows(
        NO_DETECTOR,
        ("without a detector nobody is masked at the cluster address", EXT, f"{VIP}:80", at(A, R), False),
        ("pods are strangers at the balancer's address", POD, f"{LB}:80", at(R), False),
        ("the node is still the node", NODE, f"{LB}:80", at(A, R), True),
    ),
    *flows(
        BY_BRIDGE,
        ("a packet by the pods' bridge is a pod's", POD, f"{LB}:80", at(A, R), False, "TCP", "cni0"),
        ("a packet by another interface is not", POD, f"{LB}:80", at(R), False, "TCP", "eth0"),
        ("at the cluster address a stranger is masked", POD, f"{VIP}:80", at(A, R), True, "TCP", "eth0"),
        ("a pod is not", POD, f"{VIP}:80", at(A, R), False, "TCP", "cni0"),
        ("the node has no interface", NODE, f"{VIP}:80", at(A, R), True),
    ),
    *flows(
        BY_PREFIX,
        ("a name that begins so is a pod's", POD, f"{LB}:80", at(A, R), False, "TCP", "veth12ab"),
        ("another is not", POD, f"{LB}:80", at(R), False, "TCP", "eth0"),
        ("masked by its name", POD, f"{VIP}:80", at(A, R), True, "TCP", "eth0"),
        ("not masked by its name", POD, f"{VIP}:80", at(A, R), False, "TCP", "vethx"),
    ),
    *flows(ZONES, ("zone hints keep traffic in the zone", POD, f"{VIP}:80", at(A, C), False)),
    *flows(
        ZONES._replace(zone=""),
        ("a node without a zone ignores them", POD, f"{VIP}:80", at(A, B, C), False),
    ),
    *flows(
        ZONES_ONE_UNHINTED, ("one endpoint without a hint: none count", POD, f"{VIP}:80", at(A, B), False)
    ),
    *flows(ZONES_ELSEWHERE, ("no endpoint for this zone: none count", POD, f"{VIP}:80", at(A, B), False)),
    *flows(NODES, ("node hints keep traffic on the node", POD, f"{VIP}:80", at(A), False)),
    *flows(NODES_AND_ZONES, ("node hints for others fall back to zones", POD, f"{VIP}:80", at(A), False)),
    *flows(HINTED_UNREADY, ("only ready endpoints need hints", POD, f"{VIP}:80", at(A), False)),
    *flows(
        HINTS_AND_LOCAL,
        ("the local set knows no hints", EXT, f"{NODE}:3001", at(A), False),
        ("the short-circuit does", POD, f"{NODE}:3001", at(B), False),
        ("and the cluster address", POD, f"{VIP}:80", at(B), False),
    ),
    *flows(
        PROXY_MODE_LB,
        ("an address of mode Proxy is left to the balancer", EXT, f"{LB}:80", "pass", False),
        ("for pods, too", POD, f"{LB}:80", "pass", False),
    ),
    *flows(
        EXTERNAL_IPS_OFF,
        ("external addresses can be forbidden", EXT, f"{XIP}:80", "pass", False),
        ("the cluster address stays", POD, f"{VIP}:80", at(A), False),
    ),
    *flows(
        BRIDGED,
        ("behind an unfiltered bridge pods are masked for each other", C, f"{VIP}:80", at(A, B, R), True),
        ("but not for strangers' pods", POD, f"{VIP}:80", at(A, B, R), False),
    ),
    *flows(
        AFFINITY,
        ("affinity: the first packet may go anywhere", POD, f"{VIP}:80", at(A, R), False),
        ("affinity at the node port", EXT, f"{NODE}:3001", at(A, R), True),
        ("affinity at the balancer's address", EXT, f"{LB}:80", at(A, R), True),
        ("affinity at the external address", POD, f"{XIP}:80", at(A, R), True),
    ),
    *flows(
        AFFINITY_LOCAL,
        ("affinity, policy Local, a stranger", EXT, f"{LB}:80", at(A), False),
        ("affinity, policy Local, a stranger at the node port", EXT, f"{NODE}:3001", at(A), False),
        ("affinity, policy Local, a pod", POD, f"{LB}:80", at(A, R), False),
        ("affinity, policy Local, the node", NODE, f"{NODE}:3001", at(A, R), True),
        ("affinity, policy Local, the cluster address", POD, f"{VIP}:80", at(A, R), False),
    ),
    *flows(
        AFFINITY_INTERNAL_LOCAL,
        ("affinity, internal policy Local", POD, f"{VIP}:80", at(A), False),
        ("affinity, internal policy Local, from outside", EXT, f"{LB}:80", at(A, R), True),
    ),
    *flows(
        SAME_ADDRESS,
        ("of two services with one external address the first by name has it", EXT, f"{XIP}:80", at(A), True),
        ("the other keeps its cluster address", POD, f"{VIP2}:80", at(B), False),
    ),
    *flows(
        SHARED_ENDPOINT,
        ("an endpoint of two services is a hairpin of both: first", A, f"{VIP}:80", at(A), True),
        ("a service of one address does not touch another's", POD, f"{VIP2}:80", at(A, R), False),
    ),
    *flows(
        MANY,
        (
            "eight endpoints",
            POD,
            f"{VIP}:80",
            at(*(f"10.180.3.{i}" for i in range(1, 9))),
            False,
        ),
    ),
    *flows(
        NODE_ADDRESS_AS_EXTERNAL,
        ("the node's address as an external one", EXT, f"{NODE}:80", at(A), True),
        ("beside node ports", EXT, f"{NODE}:3001", at(B), True),
    ),
    *flows(
        EXTERNAL_IP_LOCAL,
        (
            "policy Local counts for an external address of a ClusterIP service",
            EXT,
            f"{XIP}:80",
            at(A),
            False,
        ),
        ("a pod there is short-circuited", POD, f"{XIP}:80", at(A, R), False),
        ("the node there, too", NODE, f"{XIP}:80", at(A, R), True),
    ),
    *flows(
        BALANCED_CLUSTER_IP,
        ("the type says nothing of balancers' addresses", EXT, f"{LB}:80", at(A, R), True),
        ("nor of node ports", EXT, f"{NODE}:3001", at(A, R), True),
        (
            "policy Local of a ClusterIP service without external addresses is none",
            POD,
            f"{LB}:80",
            at(A, R),
            True,
        ),
    ),
    *flows(
        RANGES_OPEN,
        ("a range of everything is no restriction", BLOCKED, f"{LB}:80", at(A), True),
        ("pods pass it, too", POD, f"{LB}:80", at(A), True),
    ),
    *flows(
        RANGES_OF_OTHERS,
        ("ranges that are none are no restriction", BLOCKED, f"{LB}:80", at(A), True),
    ),
    *flows(
        RANGED_LOCAL,
        ("ranges and policy Local: within", EXT, f"{LB}:80", at(A), False),
        ("ranges and policy Local: outside", BLOCKED, f"{LB}:80", "drop", False),
        ("ranges and policy Local: a pod", POD, f"{LB}:80", "drop", False),
        ("ranges and policy Local: the node", NODE, f"{LB}:80", at(A, R), True),
        ("ranges and policy Local: a node port", BLOCKED, f"{NODE}:3001", at(A), False),
    ),
    *flows(
        RANGED_LOCAL_NONE_HERE,
        ("ranges, policy Local, none here: dropped", EXT, f"{LB}:80", "drop", False),
        ("ranges, policy Local, none here: the node reaches others", NODE, f"{LB}:80", at(R), True),
    ),
    *flows(UNKNOWN_READINESS, ("readiness that nobody told is ready", POD, f"{VIP}:80", at(A), False)),
    *flows(
        TERMINATING_ELSEWHERE,
        ("hints do not count for the last that terminate", POD, f"{VIP}:80", at(A, B), False),
    ),
    *flows(
        NODES_ONE_UNHINTED,
        ("one endpoint without node hints: zones count", POD, f"{VIP}:80", at(A, B), False),
    ),
    *flows(TWO_SLICES, ("an endpoint of two slices is one", POD, f"{VIP}:80", at(A, R), False)),
    *flows(
        REUSED_ADDRESS,
        ("a running pod has the address of one that goes", POD, f"{VIP}:80", at(A), False),
    ),
    *flows(
        TWO_NUMBERS,
        (
            "a named port has the number of its slice, one address several",
            POD,
            f"{VIP}:80",
            (f"{A}:80", f"{R}:8080", f"{A}:9090"),
            False,
        ),
        ("a hairpin by any of its numbers", A, f"{VIP}:80", (f"{A}:80", f"{R}:8080", f"{A}:9090"), True),
    ),
    *flows(NAMELESS, ("a port without a name", POD, f"{VIP}:80", at(A), False)),
    *flows(
        WITHOUT_SLICES,
        ("each port of a service without endpoints rejects", POD, f"{VIP}:81", "reject", False),
        ("and what is no port of it", POD, f"{VIP}:82", "reject", False),
    ),
    *flows(
        HEADLESS,
        ("a name elsewhere is not proxied, its address nobody's", POD, f"{VIP2}:80", "drop", False),
        ("endpoints of headless services are left alone", POD, f"{A}:80", "pass", False),
    ),
    *flows(
        THREE_NODE_PORTS,
        ("TCP of three protocols on one node port", EXT, f"{NODE}:3001", at(A), False),
        ("UDP of three", EXT, f"{NODE}:3001", at(A, port=81), False, "UDP"),
        ("SCTP of three", EXT, f"{NODE}:3001", at(A, port=82), False, "SCTP"),
        ("UDP at the balancer's address, a pod", POD, f"{LB}:80", at(A, R, port=81), False, "UDP"),
        ("SCTP at the balancer's address, a stranger", EXT, f"{LB}:80", at(A, port=82), False, "SCTP"),
        ("SCTP at the cluster address", POD, f"{VIP}:80", at(A, R, port=82), False, "SCTP"),
        ("UDP, the node itself", NODE, f"{LB}:80", at(A, R, port=81), True, "UDP"),
    ),
    *flows(
        EMPTY_DATAGRAMS,
        ("UDP without endpoints is rejected", POD, f"{VIP}:53", "reject", False, "UDP"),
        ("UDP without endpoints at the node port", EXT, f"{NODE}:3001", "reject", False, "UDP"),
        ("SCTP without endpoints is rejected", POD, f"{VIP}:53", "reject", False, "SCTP"),
        ("SCTP without endpoints at the node port", EXT, f"{NODE}:3001", "reject", False, "SCTP"),
    ),
    *flows(
        HAIRPIN_OUTSIDE,
        ("a pod reaching itself by the balancer's address", A, f"{LB}:80", at(A), True),
        ("a pod reaching itself by the node port", A, f"{NODE}:3001", at(A), True),
    ),
    *flows(
        LEADING_ZEROS,
        ("an address with leading zeros is read as decimal", POD, f"{VIP}:80", at(A), False),
        ("an external one, too", EXT, f"{XIP}:80", at(A), True),
    ),
    *flows(
        NO_DETECTOR_MASQUERADE_ALL,
        ("masqueradeAll needs no detector", EXT, f"{VIP}:80", at(A, R), True),
        ("policy Local is not masked by it", EXT, f"{LB}:80", at(R), False),
    ),
    *flows(
        MASQUERADE_ALL_LOCAL,
        ("masqueradeAll masks pods at the cluster address", POD, f"{VIP}:80", at(A, R), True),
        ("but not where they are short-circuited", POD, f"{LB}:80", at(A, R), False),
    ),
    *flows(
        SAME_LB_AND_EXTERNAL,
        ("an address that is both external and the balancer's", EXT, f"{LB}:80", at(A, R), True),
    ),
    *flows(
        TWO_SERVICES_TWO_PORTS,
        ("two services share a balancer's address by port: first", EXT, f"{LB}:80", at(A), True),
        ("two services share a balancer's address by port: second", EXT, f"{LB}:8080", at(B), True),
        ("and nobody has a third", EXT, f"{LB}:81", "pass", False),
    ),
    *flows(
        NODE_PORT_ON_TWO,
        ("node ports on the addresses named: first", EXT, f"{NODE}:3001", at(R, B), True),
        ("node ports on the addresses named: second", EXT, f"{ALT}:3001", at(R, B), True),
    ),
    *flows(
        NODE_PORT_NOWHERE,
        ("node ports where no address is within the ranges", EXT, f"{NODE}:3001", "pass", False),
    ),
    *flows(
        TERMINATING_NODE_PORT,
        ("both policies Local: the last here serves while it terminates", POD, f"{VIP}:80", at(A), False),
        ("both policies Local: strangers at the node port", EXT, f"{NODE}:3001", at(A), False),
        ("both policies Local: pods at the node port use the ready one", POD, f"{NODE}:3001", at(R), False),
    ),
)
