"""One service port in iptables' terms: chains of its own, and its rules in the shared ones.

A chain a service port with the translations in it, where kube-proxy has one more for each endpoint.
"""

from collections.abc import Iterator, Mapping
from functools import lru_cache
from ipaddress import ip_address, summarize_address_range
from typing import NamedTuple, cast

from kproxy.addresses import IPV6, Network, network
from kproxy.backends.iptables import names as n
from kproxy.forwarding import Drop, Forward, Frontend, FrontendKind, ServiceForwarding, Verdict
from kproxy.node import LocalBridge, LocalCIDR, LocalDetector, LocalPrefix, NodeRules
from kproxy.policy import reachable
from linux.iptables.rules import DROP, Dnat, Jump, Reject, Rule, Target

NAT, FILTER = "nat", "filter"
Where = tuple[str, str]
"""Table and chain."""


class Pieces(NamedTuple):
    """`own` are whole chains of the nat table, `shared` rules for chains of all; `local_ips` of endpoints here."""

    own: Mapping[str, tuple[Rule, ...]]
    shared: Mapping[Where, tuple[Rule, ...]]
    local_ips: tuple[str, ...]


NOTHING = Pieces({}, {}, ())


def local_traffic(detector: LocalDetector, rule: Rule, *, negated: bool) -> Rule:
    """The rule for traffic of this node's pods only, or of all others."""
    match detector:
        case LocalCIDR(cidr):
            return rule._replace(source=cidr, source_not=negated)
        case LocalBridge(interface):
            return rule._replace(in_interface=interface, in_interface_not=negated)
        case LocalPrefix(prefix):
            return rule._replace(in_interface=f"{prefix}+", in_interface_not=negated)


def pieces(service: ServiceForwarding, node: NodeRules) -> Pieces:
    """All that the tables hold for this service port. Pure."""
    return _Builder(service, node).build()


class _Builder:
    def __init__(self, service: ServiceForwarding, node: NodeRules) -> None:
        self._service = service
        self._node = node
        self._protocol = service.name.protocol.lower()
        self._own: dict[str, tuple[Rule, ...]] = {}
        self._shared: dict[Where, list[Rule]] = {}
        suffix = n.suffix(service.name)
        self._cluster, self._local = n.CLUSTER + suffix, n.LOCAL + suffix
        self._external, self._sources = n.EXTERNAL + suffix, n.SOURCES + suffix

    def build(self) -> Pieces:
        service = self._service
        outside = [f for f in service.frontends if f.kind is not FrontendKind.CLUSTER_IP]
        everywhere = service.short_circuit or service.external
        if isinstance(everywhere, Forward):
            self._own[self._cluster] = self._balance(everywhere)
        local = self._local_set(everywhere)
        if local is not None:
            self._own[self._local] = self._balance(local)
        if outside and (isinstance(everywhere, Forward) or isinstance(service.external, Forward)):
            self._own[self._external] = tuple(self._external_rules())
        for frontend in service.frontends:
            self._frontend(frontend)
        if service.health_check_port:
            accept = Rule(
                Jump("ACCEPT"),
                protocol="tcp",
                port=service.health_check_port,
                comment=self._say("health check"),
            )
            self._add(FILTER, n.NODE_PORTS, accept)
        local_ips = tuple(sorted({e.ip for e in reachable(service) if e.local}))
        return Pieces(self._own, {where: tuple(rules) for where, rules in self._shared.items()}, local_ips)

    def _local_set(self, everywhere: Verdict) -> Forward | None:
        for verdict in (self._service.internal, self._service.external):
            if isinstance(verdict, Forward) and verdict != everywhere:
                return verdict
        if self._service.short_circuit is not None and isinstance(self._service.external, Forward):
            return self._service.external
        return None

    def _say(self, what: str) -> str:
        return f"{self._service.name} {what}"

    def _add(self, table: str, chain: str, rule: Rule) -> None:
        self._shared.setdefault((table, chain), []).append(rule)

    def _to(self, target: Target, frontend: Frontend, what: str) -> Rule:
        return Rule(
            target,
            destination=_host(frontend.ip),
            protocol=self._protocol,
            port=frontend.port,
            comment=self._say(what),
        )

    def _frontend(self, frontend: Frontend) -> None:
        kind = frontend.kind
        if kind is FrontendKind.CLUSTER_IP:
            self._cluster_ip(frontend)
            return
        verdict = self._service.external
        if self._external in self._own:
            self._translated(frontend)
        if isinstance(verdict, Forward):
            return
        refusal: Target = DROP if isinstance(verdict, Drop) else Reject()
        if kind is FrontendKind.NODE_PORT:
            rule = Rule(refusal, protocol=self._protocol, port=frontend.port, comment=self._say("node port"))
            self._add(FILTER, n.EXTERNAL_SERVICES, rule._replace(local_destination=True))
        else:
            self._add(FILTER, n.EXTERNAL_SERVICES, self._to(refusal, frontend, kind.value))

    def _translated(self, frontend: Frontend) -> None:
        if frontend.kind is FrontendKind.NODE_PORT:
            rule = Rule(
                Jump(self._external),
                protocol=self._protocol,
                port=frontend.port,
                comment=self._say("node port"),
            )
            self._add(NAT, n.NODE_PORTS, rule)
            return
        chain = self._external
        if frontend.allowed_sources is not None:
            chain = self._sources
            self._own[chain] = tuple(
                Rule(Jump(self._external), source=cidr) for cidr in _cidrs(frontend.allowed_sources)
            )
            self._add(FILTER, n.PROXY_FIREWALL, self._to(DROP, frontend, "outside the source ranges"))
        self._add(NAT, n.SERVICES, self._to(Jump(chain), frontend, frontend.kind.value))

    def _cluster_ip(self, frontend: Frontend) -> None:
        verdict = self._service.internal
        if not isinstance(verdict, Forward):
            refusal: Target = DROP if isinstance(verdict, Drop) else Reject()
            self._add(FILTER, n.SERVICES, self._to(refusal, frontend, "cluster IP"))
            return
        everywhere = self._service.short_circuit or self._service.external
        chain = self._cluster if verdict == everywhere else self._local
        if not _in_range(frontend.ip, self._node.service_cidrs):
            marks = cluster_ip_marks(self._node, self._to(Jump(n.MARK_MASQ), frontend, "cluster IP"))
            self._own[chain] = (*marks, *self._own[chain])
        self._add(NAT, n.SERVICES, self._to(Jump(chain), frontend, "cluster IP"))

    def _external_rules(self) -> Iterator[Rule]:
        service, cluster = self._service, Jump(self._cluster)
        if self._node.localhost_node_ports and any(
            f.kind is FrontendKind.NODE_PORT for f in service.frontends
        ):
            yield Rule(Jump(n.LOCALHOST_NODE_PORTS), destination="127.0.0.0/8")
        if service.short_circuit is None:
            yield Rule(Jump(n.MARK_MASQ), comment=self._say("external traffic"))
            yield Rule(cluster)
            return
        if isinstance(service.short_circuit, Forward):
            if self._node.detector is not None:
                yield local_traffic(
                    self._node.detector, Rule(cluster, comment=self._say("from pods")), negated=False
                )
            yield Rule(Jump(n.MARK_MASQ), local_source=True, comment=self._say("from the node"))
            yield Rule(cluster, local_source=True)
        if isinstance(service.external, Forward):
            yield Rule(Jump(self._local))

    def _balance(self, forward: Forward) -> tuple[Rule, ...]:
        """Equal chances: the first of n with 1/n, the next of the rest with 1/(n-1), the last always."""
        rules: list[Rule] = []
        random: list[Rule] = []
        timeout_s = self._service.affinity_timeout_s
        count = len(forward.endpoints)
        for place, endpoint in enumerate(forward.endpoints):
            rule = Rule(Dnat(str(endpoint)), protocol=self._protocol)
            if timeout_s is not None:
                clients = n.own(n.ENDPOINT, self._service.name, str(endpoint))
                rule = rule._replace(recent_set=clients)
                rules.append(rule._replace(recent_seen=(clients, timeout_s)))
            random.append(rule if place == count - 1 else rule._replace(chance=1 / (count - place)))
        return (*rules, *random)


def cluster_ip_marks(node: NodeRules, rule: Rule) -> tuple[Rule, ...]:
    """The rule for traffic to cluster addresses that is to be masqueraded, if any is."""
    if node.masquerade_all:
        return (rule,)
    if node.detector is None:
        return ()
    return (local_traffic(node.detector, rule, negated=True),)


@lru_cache(maxsize=64)
def _network(cidr: str) -> Network:
    return network(cidr)


def _in_range(ip: str, cidrs: tuple[str, ...]) -> bool:
    """Whether the rule for whole service ranges has marked it already: one rule in place of one a service."""
    if not cidrs:
        return False
    address = ip_address(ip)
    return any(address in _network(cidr) for cidr in cidrs)


def at_node_ports(node: NodeRules, rule: Rule) -> Iterator[Rule]:
    """The rule for every address that node ports answer on."""
    if node.node_port_addresses is not None:
        for ip in node.node_port_addresses:
            yield rule._replace(destination=_host(ip))
        return
    rule = rule._replace(local_destination=True)
    if node.localhost_node_ports:
        yield rule
    else:
        loopback = "::1/128" if node.family == IPV6 else "127.0.0.0/8"
        yield rule._replace(destination=loopback, destination_not=True)


def _host(ip: str) -> str:
    return f"{ip}/128" if ":" in ip else f"{ip}/32"


def _cidrs(ranges: tuple[tuple[str, str], ...]) -> Iterator[str]:
    for first, last in ranges:
        summarized = summarize_address_range(ip_address(first), ip_address(last))
        yield from (str(network) for network in cast("Iterator[object]", summarized))
