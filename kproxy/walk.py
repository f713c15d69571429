"""What happens to a packet, read off a ForwardingTable: the oracle of every backend and the engine of `explain`.

It follows the order of the netfilter hooks: source ranges before translation, cluster,
external and balancer addresses before node ports, then rejects and drops of what was not translated.
"""

from collections.abc import Iterable
from typing import Literal, TypeAlias

import msgspec

from kproxy.addresses import contains, is_loopback, pack
from kproxy.forwarding import (
    Drop,
    Endpoint,
    Forward,
    ForwardingTable,
    Frontend,
    FrontendKind,
    Reject,
    ServiceForwarding,
    ServicePortName,
    Verdict,
)
from kproxy.node import LocalBridge, LocalCIDR, LocalPrefix, NodeRules

VerdictName: TypeAlias = Literal["forward", "reject", "drop", "pass"]


class Packet(msgspec.Struct, frozen=True, kw_only=True):
    """The first packet of a connection. `in_interface` "" : sent by the node itself."""

    source: str
    destination: str
    port: int
    protocol: str = "TCP"
    in_interface: str = "eth0"


class Target(msgspec.Struct, frozen=True):
    """Where the packet may go; `masquerade`: the endpoint sees an address of this node as its source."""

    endpoint: Endpoint
    masquerade: bool

    def __str__(self) -> str:
        return str(self.endpoint)


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """`pass`: the packet is none of ours. `because` tells the way, one step a line."""

    verdict: VerdictName
    service: ServicePortName | None = None
    targets: tuple[Target, ...] = ()
    because: tuple[str, ...] = ()

    @property
    def masquerade(self) -> bool:
        return any(target.masquerade for target in self.targets)


class Frontends:
    """Which service port answers where; of several claims the first by name holds, in every backend."""

    def __init__(self, table: ForwardingTable) -> None:
        self.by_address: dict[tuple[str, str, int], tuple[ServiceForwarding, Frontend]] = {}
        self.by_node_port: dict[tuple[str, int], tuple[ServiceForwarding, Frontend]] = {}
        self.cluster_ips: set[str] = set()
        for name in sorted(table):
            service = table[name]
            for frontend in service.frontends:
                claim = (service, frontend)
                if frontend.kind is FrontendKind.NODE_PORT:
                    self.by_node_port.setdefault((name.protocol, frontend.port), claim)
                else:
                    self.by_address.setdefault((frontend.ip, name.protocol, frontend.port), claim)
                if frontend.kind is FrontendKind.CLUSTER_IP:
                    self.cluster_ips.add(frontend.ip)


def walk(
    table: ForwardingTable, node: NodeRules, packet: Packet, frontends: Frontends | None = None
) -> Outcome:
    """What this node does with the packet. `frontends`, made once of the same table, saves the indexing."""
    return _Walk(frontends or Frontends(table), node, packet).run()


class _Walk:
    def __init__(self, frontends: Frontends, node: NodeRules, packet: Packet) -> None:
        self._node = node
        self._packet = packet
        self._cluster_ips = frontends.cluster_ips
        self._because: list[str] = []
        self._marked = False
        address = (packet.destination, packet.protocol, packet.port)
        self._claim = frontends.by_address.get(address)
        at_port = frontends.by_node_port.get((packet.protocol, packet.port))
        answers = accepts_node_ports(node, packet.destination)
        refuses = answers or (node.refuses_everywhere and is_local_address(node, packet.destination))
        self._node_port_claim = at_port if answers else None
        self._refused_node_port = at_port if refuses else None

    def run(self) -> Outcome:
        if self._claim is not None and self._is_filtered(*self._claim):
            return self._end("drop", self._claim[0])
        self._mark_for_cluster_ip()
        for claim in (self._claim, self._node_port_claim):
            if claim is not None and not self._untranslated(*claim):
                outcome = self._translate(*claim)
                return outcome or self._filter()
        return self._filter()

    def _say(self, text: str) -> None:
        self._because.append(text)

    def _end(
        self, verdict: VerdictName, service: ServiceForwarding | None = None, targets: Iterable[Target] = ()
    ) -> Outcome:
        return Outcome(
            verdict=verdict,
            service=None if service is None else service.name,
            targets=tuple(targets),
            because=tuple(self._because),
        )

    def _is_filtered(self, service: ServiceForwarding, frontend: Frontend) -> bool:
        if frontend.allowed_sources is None:
            return False
        if not self._node.filters_first and self._untranslated(service, frontend):
            return False
        source = pack(self._packet.source)
        if any(pack(first) <= source <= pack(last) for first, last in frontend.allowed_sources):
            self._say(f"source {self._packet.source} is within loadBalancerSourceRanges")
            return False
        self._say(
            f"source {self._packet.source} is outside loadBalancerSourceRanges of {service.name}: dropped"
        )
        return True

    def _mark_for_cluster_ip(self) -> None:
        if self._packet.destination not in self._cluster_ips:
            return
        if self._node.masquerade_all:
            self._marked = True
            self._say("masqueraded: masqueradeAll is set")
        elif self._node.detector is not None and not from_local_pod(self._node, self._packet):
            self._marked = True
            self._say("masqueraded: traffic to a clusterIP that is not from this node's pods")

    @staticmethod
    def _untranslated(service: ServiceForwarding, frontend: Frontend) -> bool:
        """Nothing in the translation stage: only the filter stage knows it."""
        if frontend.kind is FrontendKind.CLUSTER_IP:
            return not isinstance(service.internal, Forward)
        return not isinstance(service.external, Forward) and not isinstance(service.short_circuit, Forward)

    def _translate(self, service: ServiceForwarding, frontend: Frontend) -> Outcome | None:
        """None: the packet stays as it is, and the filter stage decides."""
        where = f"{frontend.ip}:{frontend.port}" if frontend.ip else f"node port {frontend.port}"
        self._say(f"{where}/{service.name.protocol} is the {frontend.kind.value} of {service.name}")
        verdict = self._choose(service, frontend)
        if not isinstance(verdict, Forward):
            return None
        targets = [Target(e, self._masqueraded(e)) for e in verdict.endpoints]
        self._say(f"one of {len(targets)} endpoints, each with the same chance")
        return self._end("forward", service, targets)

    def _choose(self, service: ServiceForwarding, frontend: Frontend) -> Verdict:
        if frontend.kind is FrontendKind.CLUSTER_IP:
            return service.internal
        if service.short_circuit is None:
            self._marked = True
            self._say("masqueraded: external traffic, externalTrafficPolicy Cluster")
            return service.external
        if from_local_pod(self._node, self._packet):
            self._say("from a pod of this node: externalTrafficPolicy Local does not apply")
            return service.short_circuit
        if is_local_address(self._node, self._packet.source):
            self._marked = True
            self._say("from the node itself: externalTrafficPolicy Local does not apply; masqueraded")
            return service.short_circuit
        self._say("externalTrafficPolicy Local: only endpoints on this node, source address kept")
        return service.external

    def _masqueraded(self, endpoint: Endpoint) -> bool:
        if self._marked:
            return True
        if endpoint.ip == self._packet.source and endpoint.local:
            self._say(f"{endpoint} reaches itself: masqueraded")
            return True
        if bridged(self._node, self._packet, endpoint):
            self._say(f"{endpoint} is behind the same bridge as {self._packet.source}: masqueraded")
            return True
        return False

    def _filter(self) -> Outcome:
        packet = self._packet
        if self._node.guards_loopback and is_loopback(packet.destination) and not is_loopback(packet.source):
            self._say(f"{packet.destination} is for this node alone: dropped")
            return self._end("drop")
        refused = self._refused(self._refused_node_port, "node port") or self._refused(self._claim, "address")
        if refused is not None:
            return refused
        if is_local_address(self._node, packet.destination) or not self._node.checks_cluster_ips:
            return self._pass()
        if packet.destination in self._cluster_ips:
            self._say(
                f"{packet.destination} is a clusterIP without port {packet.port}/{packet.protocol}: rejected"
            )
            return self._end("reject")
        if any(contains(cidr, packet.destination) for cidr in self._node.service_cidrs):
            self._say(f"{packet.destination} is in the service range and nobody's: dropped")
            return self._end("drop")
        return self._pass()

    def _pass(self) -> Outcome:
        self._say("no service answers there: left alone")
        return self._end("pass")

    def _refused(self, claim: tuple[ServiceForwarding, Frontend] | None, kind: str) -> Outcome | None:
        if claim is None:
            return None
        service, frontend = claim
        match service.verdict_for(frontend):
            case Forward():
                return None
            case Reject(because):
                self._say(f"{kind} of {service.name}: {because}: rejected")
                return self._end("reject", service)
            case Drop(because):
                self._say(f"{kind} of {service.name}: {because}: dropped")
                return self._end("drop", service)


def is_local_address(node: NodeRules, ip: str) -> bool:
    return ip in node.local_addresses or is_loopback(ip)


def accepts_node_ports(node: NodeRules, destination: str) -> bool:
    if node.node_port_addresses is not None:
        return destination in node.node_port_addresses
    if is_loopback(destination):
        return node.localhost_node_ports
    return destination in node.local_addresses


def from_local_pod(node: NodeRules, packet: Packet) -> bool:
    match node.detector:
        case LocalCIDR(cidr):
            return contains(cidr, packet.source)
        case LocalBridge(interface):
            return packet.in_interface == interface
        case LocalPrefix(prefix):
            return packet.in_interface.startswith(prefix)
        case None:
            return False


def bridged(node: NodeRules, packet: Packet, endpoint: Endpoint) -> bool:
    """Both in this node's pod ranges, where its bridge keeps replies from the translation."""
    ranges = node.bridged_pod_ranges
    return any(contains(cidr, packet.source) for cidr in ranges) and any(
        contains(cidr, endpoint.ip) for cidr in ranges
    )
