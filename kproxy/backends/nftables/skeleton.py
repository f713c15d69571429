"""The part of the table that depends on the node alone: base chains, their order, the sets. All else is elements.

Every rule is in a form that nft prints back (see linux.nft.phrases). Set elements carry the state, so that a
change costs elements, not rules.
"""

from kproxy.addresses import IPV6, pack
from kproxy.backends.nftables import names as n
from kproxy.node import LocalBridge, LocalCIDR, LocalDetector, LocalPrefix, NodeRules
from linux.nft import constants as k
from linux.nft import phrases as p
from linux.nft.expressions import DROP, Expression
from linux.nft.phrases import DESTINATION_PORT, L4_PROTOCOL, ORIGINAL_DESTINATION_PORT, Headers
from linux.nft.values import Chain, Element, Hook, Rule, Set, named_map, named_set, verdict_map

_PRE_DNAT = -110  # before NAT_DST
_NAT_DST, _FILTER, _NAT_SRC = -100, 0, 100
_LOOPBACK = {k.NFPROTO_IPV4: "127.0.0.0/8", k.NFPROTO_IPV6: "::1/128"}


def nf_family(family: int) -> int:
    return k.NFPROTO_IPV6 if family == IPV6 else k.NFPROTO_IPV4


def sets(node: NodeRules) -> tuple[Set, ...]:
    headers = p.headers(nf_family(node.family))
    by_ip = p.fields(headers.destination, L4_PROTOCOL, DESTINATION_PORT)
    by_port = p.fields(L4_PROTOCOL, DESTINATION_PORT)
    index = p.random_below(65536).field
    endpoint = p.fields(headers.destination, DESTINATION_PORT)
    hairpin = p.fields(headers.source, headers.destination, L4_PROTOCOL, DESTINATION_PORT)
    return (
        named_set(n.CLUSTER_IPS, p.fields(headers.destination)),
        named_set(n.NODE_PORT_IPS, p.fields(headers.destination)),
        named_set(n.HAIRPIN, hairpin),
        verdict_map(n.SERVICE_IPS, by_ip, counters=True),
        verdict_map(n.SERVICE_NODE_PORTS, by_port, counters=True),
        verdict_map(n.SHORT_CIRCUIT_IPS, by_ip),
        verdict_map(n.SHORT_CIRCUIT_NODE_PORTS, by_port),
        verdict_map(n.LOCAL_ONLY_IPS, by_ip),
        verdict_map(n.LOCAL_ONLY_NODE_PORTS, by_port),
        verdict_map(n.NO_ENDPOINT_IPS, by_ip, counters=True),
        verdict_map(n.NO_ENDPOINT_NODE_PORTS, by_port, counters=True),
        named_map(n.ENDPOINTS, (*by_ip, index), endpoint, counters=True),
        named_map(n.LOCAL_ENDPOINTS, (*by_ip, index), endpoint, counters=True),
        named_map(n.NODE_PORT_ENDPOINTS, (*by_port, index), endpoint, counters=True),
        named_map(n.LOCAL_NODE_PORT_ENDPOINTS, (*by_port, index), endpoint, counters=True),
        named_set(n.FIREWALL_IPS, by_ip),
        named_set(n.SOURCE_RANGES, (*by_ip, headers.source.field), ranges=True),
        verdict_map(n.AFFINITY_OF_IPS, by_ip),
        verdict_map(n.AFFINITY_OF_NODE_PORTS, by_port),
    )


def elements(node: NodeRules) -> tuple[tuple[str, Element], ...]:
    """Addresses that node ports answer on. With all of them the set only tells node ports from the rest."""
    addresses = node.local_addresses if node.node_port_addresses is None else node.node_port_addresses
    return tuple((n.NODE_PORT_IPS, Element(pack(ip))) for ip in sorted(set(addresses)))


def _rule(*words: tuple[Expression, ...], comment: str = "") -> Rule:
    return Rule(tuple(word for phrase in words for word in phrase), comment)


def local_traffic(detector: LocalDetector, headers: Headers, *, negated: bool) -> tuple[Expression, ...]:
    """The detector's question as a match."""
    match detector:
        case LocalCIDR(cidr):
            return p.outside(headers.source, cidr) if negated else p.within(headers.source, cidr)
        case LocalBridge(interface):
            ask = p.interface_is_not if negated else p.interface_is
            return ask(k.META_IIFNAME, interface)
        case LocalPrefix(prefix):
            ask_start = p.interface_begins_not if negated else p.interface_begins
            return ask_start(k.META_IIFNAME, prefix)


def _base_chains() -> tuple[Chain, ...]:
    new = p.ct_state(k.CT_STATE_NEW)

    def base(name: str, kind: str, hook: int, priority: int, *rules: Rule) -> Chain:
        return Chain(name, Hook(kind, hook, priority), rules)

    firewall, services = _rule(new, p.call(n.FIREWALL_CHECK)), _rule(p.call(n.SERVICES))
    node_ports = _rule(new, p.call(n.NODE_PORT_CHECK))
    checked = _rule(new, p.call(n.SERVICE_CHECK))
    cluster_ips = _rule(new, p.call(n.CLUSTER_IPS_CHECK))
    remember = _rule(new, p.ct_status(k.CT_STATUS_DNAT), p.call(n.REMEMBER))
    return (
        base(n.FILTER_PREROUTING, "filter", k.HOOK_PREROUTING, _PRE_DNAT, firewall),
        base(n.FILTER_OUTPUT_PRE_DNAT, "filter", k.HOOK_OUTPUT, _PRE_DNAT, firewall),
        base(n.FILTER_INPUT, "filter", k.HOOK_INPUT, _FILTER, node_ports, checked, remember),
        base(n.FILTER_FORWARD, "filter", k.HOOK_FORWARD, _FILTER, checked, cluster_ips, remember),
        base(n.FILTER_OUTPUT, "filter", k.HOOK_OUTPUT, _FILTER, checked, cluster_ips, remember),
        base(n.NAT_PREROUTING, "nat", k.HOOK_PREROUTING, _NAT_DST, services),
        base(n.NAT_OUTPUT, "nat", k.HOOK_OUTPUT, _NAT_DST, services),
        base(n.NAT_POSTROUTING, "nat", k.HOOK_POSTROUTING, _NAT_SRC, _rule(p.call(n.MASQUERADING))),
    )


def chains(node: NodeRules) -> tuple[Chain, ...]:
    """In an order in which each may be made after those before it; rules are added when all chains are there."""
    family = nf_family(node.family)
    headers = p.headers(family)
    by_ip = (headers.destination, L4_PROTOCOL, DESTINATION_PORT)
    by_port = (L4_PROTOCOL, DESTINATION_PORT)
    to_node = _to_node_port_address(node, headers)
    return (
        Chain(n.MARK, None, (_rule(p.mark_or(node.masquerade_mark)),)),
        Chain(n.REJECT, None, (_rule(p.reject(family)),)),
        Chain(n.SERVICES, None, _services(node, headers)),
        Chain(n.EXTERNAL_LOCAL, None, _external_local(node, n.SHORT_CIRCUIT_IPS, n.LOCAL_ONLY_IPS, by_ip)),
        Chain(
            n.NODE_PORT_EXTERNAL_LOCAL,
            None,
            _external_local(node, n.SHORT_CIRCUIT_NODE_PORTS, n.LOCAL_ONLY_NODE_PORTS, by_port),
        ),
        Chain(n.MASQUERADING, None, _masquerading(node, headers)),
        Chain(
            n.FIREWALL_CHECK,
            None,
            (
                _rule(
                    p.in_set(n.FIREWALL_IPS, *by_ip),
                    p.not_in_set(n.SOURCE_RANGES, *by_ip, headers.source),
                    (DROP,),
                    comment="outside loadBalancerSourceRanges",
                ),
            ),
        ),
        Chain(n.SERVICE_CHECK, None, (_rule(p.dispatch(n.NO_ENDPOINT_IPS, *by_ip)),)),
        Chain(n.NODE_PORT_CHECK, None, (_rule(to_node, p.dispatch(n.NO_ENDPOINT_NODE_PORTS, *by_port)),)),
        Chain(n.CLUSTER_IPS_CHECK, None, _cluster_ips_check(node, headers)),
        Chain(n.REMEMBER, None, _remember(headers)),
        *_base_chains(),
    )


def _services(node: NodeRules, headers: Headers) -> tuple[Rule, ...]:
    by_ip = (headers.destination, L4_PROTOCOL, DESTINATION_PORT)
    found = []
    to_cluster_ip = p.in_set(n.CLUSTER_IPS, headers.destination)
    if node.masquerade_all:
        found.append(_rule(to_cluster_ip, p.call(n.MARK), comment="masqueradeAll"))
    elif node.detector is not None:
        from_elsewhere = local_traffic(node.detector, headers, negated=True)
        found.append(
            _rule(to_cluster_ip, from_elsewhere, p.call(n.MARK), comment="not from pods of this node")
        )
    found.append(_rule(p.dispatch(n.SERVICE_IPS, *by_ip)))
    to_node = _to_node_port_address(node, headers)
    found.append(_rule(to_node, p.dispatch(n.SERVICE_NODE_PORTS, L4_PROTOCOL, DESTINATION_PORT)))
    return tuple(found)


def _to_node_port_address(node: NodeRules, headers: Headers) -> tuple[Expression, ...]:
    if node.node_port_addresses is not None:
        return p.in_set(n.NODE_PORT_IPS, headers.destination)
    loopback = _LOOPBACK[headers.family]
    return (*p.is_local(k.FIB_DADDR), *p.outside(headers.destination, loopback))


def _external_local(
    node: NodeRules, short_circuit: str, local_only: str, key: tuple[p.Part, ...]
) -> tuple[Rule, ...]:
    """Pods of this node and the node itself reach all endpoints, others the local ones (externalTrafficPolicy)."""
    headers = p.headers(nf_family(node.family))
    found = []
    if node.detector is not None:
        from_pod = local_traffic(node.detector, headers, negated=False)
        found.append(_rule(from_pod, p.dispatch(short_circuit, *key), comment="from pods of this node"))
    from_node = p.is_local(k.FIB_SADDR)
    found.append(_rule(from_node, p.call(n.MARK), comment="from the node itself"))
    found.append(_rule(from_node, p.dispatch(short_circuit, *key)))
    found.append(_rule(p.dispatch(local_only, *key)))
    return tuple(found)


def _masquerading(node: NodeRules, headers: Headers) -> tuple[Rule, ...]:
    translated = p.ct_status(k.CT_STATUS_DNAT)
    hairpin = (headers.source, headers.destination, L4_PROTOCOL, DESTINATION_PORT)
    mark = node.masquerade_mark
    found = [
        _rule(p.mark_has(mark), p.mark_xor(mark), p.masquerade()),
        _rule(translated, p.in_set(n.HAIRPIN, *hairpin), p.masquerade(), comment="a pod reaching itself"),
    ]
    found += [
        _rule(
            translated,
            p.interface_is(k.META_IIFKIND, "bridge"),
            p.interface_is(k.META_OIFKIND, "bridge"),
            p.within(headers.source, source),
            p.within(headers.destination, destination),
            p.masquerade(),
            comment="pods behind one bridge, net.bridge.bridge-nf-call is off",
        )
        for source in node.bridged_pod_ranges
        for destination in node.bridged_pod_ranges
    ]
    return tuple(found)


def _cluster_ips_check(node: NodeRules, headers: Headers) -> tuple[Rule, ...]:
    return (
        _rule(
            p.in_set(n.CLUSTER_IPS, headers.destination),
            p.reject(headers.family),
            comment="no such port of this clusterIP",
        ),
        *(
            _rule(p.within(headers.destination, cidr), (DROP,), comment="clusterIP of no service")
            for cidr in node.service_cidrs
        ),
    )


def _remember(headers: Headers) -> tuple[Rule, ...]:
    """Which endpoint a new connection of a service with session affinity went to."""
    to_node = p.in_set(n.NODE_PORT_IPS, headers.original_destination)
    by_ip = (headers.original_destination, L4_PROTOCOL, ORIGINAL_DESTINATION_PORT)
    by_port = (L4_PROTOCOL, ORIGINAL_DESTINATION_PORT)
    protocols = p.transport_protocols()
    return (
        _rule(protocols, p.dispatch(n.AFFINITY_OF_IPS, *by_ip)),
        _rule(protocols, to_node, p.dispatch(n.AFFINITY_OF_NODE_PORTS, *by_port)),
    )
