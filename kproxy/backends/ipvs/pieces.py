"""One service port in IPVS' terms: virtual servers, entries of sets, addresses of the device. Pure."""

from collections.abc import Iterator, Mapping
from ipaddress import ip_address, ip_network, summarize_address_range
from typing import NamedTuple, cast

from kproxy.addresses import contains
from kproxy.backends.ipvs import names as n
from kproxy.forwarding import Endpoint, Forward, Frontend, FrontendKind, ServiceForwarding
from kproxy.node import NodeRules
from kproxy.policy import reachable

SOURCE_HASHING_PORTS = "mh"


class Virtual(NamedTuple):
    """Where one server is reached."""

    protocol: str
    ip: str
    port: int


class Real(NamedTuple):
    ip: str
    port: int

    def __str__(self) -> str:
        return f"[{self.ip}]:{self.port}" if ":" in self.ip else f"{self.ip}:{self.port}"


class Server(NamedTuple):
    """`persistent_s`: how long a client stays with its real server, 0 is not at all. Weights: 0 takes no more."""

    scheduler: str
    persistent_s: int
    reals: Mapping[Real, int]


class Entry(NamedTuple):
    """Of a set, as `ipset` writes it; `of` is the name without the prefix."""

    of: str
    text: str


class Pieces(NamedTuple):
    """`guarded`: servers whose source ranges leave this node out."""

    servers: Mapping[Virtual, Server]
    entries: frozenset[Entry]
    addresses: frozenset[str]
    guarded: frozenset[Virtual] = frozenset()


NOTHING = Pieces({}, frozenset(), frozenset())


def pieces(service: ServiceForwarding, node: NodeRules) -> Pieces:
    """All that the kernel holds for this service port."""
    protocol = service.name.protocol
    servers: dict[Virtual, Server] = {}
    entries: set[Entry] = set()
    addresses: set[str] = set()
    for frontend in service.frontends:
        server = Server(
            node.ipvs.scheduler,
            service.affinity_timeout_s or 0,
            {Real(e.ip, e.port): 1 for e in chosen(service, frontend)},
        )
        for ip in _addresses(frontend, node):
            servers[Virtual(protocol, ip, frontend.port)] = server
        if frontend.ip and frontend.ip not in node.local_addresses:
            addresses.add(frontend.ip)
            entries.add(Entry(n.IPVS_IPS, frontend.ip))
        entries.update(_entries(service, frontend, node))
    for endpoint in reachable(service):
        if endpoint.local:
            text = f"{endpoint.ip},{protocol.lower()}:{endpoint.port},{endpoint.ip}"
            entries.add(Entry(n.LOOP_BACK, text))
    if service.health_check_port:
        entries.add(Entry(n.HEALTH_CHECK, str(service.health_check_port)))
    return Pieces(servers, frozenset(entries), frozenset(addresses), frozenset(_guarded(service)))


def _guarded(service: ServiceForwarding) -> Iterator[Virtual]:
    """The balancer's own address is among the allowed sources where a range holds this node's."""
    for frontend in service.frontends:
        allowed = frontend.allowed_sources
        if allowed is not None and not _holds(allowed, frontend.ip):
            yield Virtual(service.name.protocol, frontend.ip, frontend.port)


def _holds(ranges: tuple[tuple[str, str], ...], ip: str) -> bool:
    address = int(ip_address(ip))
    return any(int(ip_address(first)) <= address <= int(ip_address(last)) for first, last in ranges)


def chosen(service: ServiceForwarding, frontend: Frontend) -> tuple[Endpoint, ...]:
    """A server cannot tell clients apart: without an endpoint here a Local policy takes all, as in kube-proxy."""
    verdict = service.verdict_for(frontend)
    if isinstance(verdict, Forward):
        return verdict.endpoints
    is_reached_from_outside = len(service.frontends) > 1
    if is_reached_from_outside:
        for other in (service.short_circuit, service.external):
            if isinstance(other, Forward):
                return other.endpoints
    return ()


def _addresses(frontend: Frontend, node: NodeRules) -> tuple[str, ...]:
    if frontend.ip:
        return (frontend.ip,)
    return node.local_addresses if node.node_port_addresses is None else node.node_port_addresses


def _entries(service: ServiceForwarding, frontend: Frontend, node: NodeRules) -> Iterator[Entry]:
    protocol = service.name.protocol
    at = f"{frontend.ip},{protocol.lower()}:{frontend.port}"
    keeps_source = service.short_circuit is not None
    match frontend.kind:
        case FrontendKind.CLUSTER_IP:
            yield Entry(n.CLUSTER_IP, at)
        case FrontendKind.EXTERNAL_IP:
            yield Entry(n.EXTERNAL_IP_LOCAL if keeps_source else n.EXTERNAL_IP, at)
        case FrontendKind.LOAD_BALANCER:
            yield Entry(n.LB, at)
            if keeps_source:
                yield Entry(n.LB_LOCAL, at)
            yield from _source_ranges(frontend, at)
        case FrontendKind.NODE_PORT:
            kinds = n.NODE_SETS[protocol][: 2 if keeps_source else 1]
            for kind in kinds:
                if n.KINDS[kind] == n.PORT:
                    yield Entry(kind, str(frontend.port))
                else:
                    for ip in _addresses(frontend, node):
                        yield Entry(kind, f"{ip},{protocol.lower()}:{frontend.port}")


def _source_ranges(frontend: Frontend, at: str) -> Iterator[Entry]:
    if frontend.allowed_sources is None:
        return
    yield Entry(n.LB_FW, at)
    for first, last in frontend.allowed_sources:
        ranges = summarize_address_range(ip_address(first), ip_address(last))
        for text in map(str, cast("Iterator[object]", ranges)):
            net = ip_network(text)
            if net.num_addresses == 1:
                yield Entry(n.LB_SOURCE_IP, f"{at},{net.network_address}")
            else:
                yield Entry(n.LB_SOURCE_CIDR, f"{at},{net}")


def is_excluded(ip: str, excluded: tuple[str, ...]) -> bool:
    """Whether a virtual server at this address belongs to somebody else (excludeCIDRs)."""
    return any((":" in cidr) == (":" in ip) and contains(cidr, ip) for cidr in excluded)
