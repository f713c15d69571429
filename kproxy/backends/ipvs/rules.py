"""The iptables rules: which of the sets' members are masqueraded, filtered, refused. Pure.

All are constant but those of KUBE-IPVS-OUT-FILTER, which only balancers have that leave this node out.
"""

from collections.abc import Collection, Iterator

from kproxy.addresses import IPV4
from kproxy.backends.iptables.pieces import FILTER, NAT, cluster_ip_marks
from kproxy.backends.iptables.plan import JUMPS as IPTABLES_JUMPS
from kproxy.backends.ipvs import names as n
from kproxy.backends.ipvs.pieces import Virtual
from kproxy.node import NodeRules
from linux.iptables.rules import ACCEPT, DROP, RETURN, Jump, MarkOr, MarkXor, Masquerade, Reject, Rule

_NEW = ("NEW",)
_TO = "dst,dst"
_SHARED = {
    (NAT, "PREROUTING", n.SERVICES),
    (NAT, "OUTPUT", n.SERVICES),
    (NAT, "POSTROUTING", n.POSTROUTING),
    (FILTER, "INPUT", n.PROXY_FIREWALL),
    (FILTER, "FORWARD", n.FORWARD),
}

# Inserted on top one after the other: the last of a chain comes first.
JUMPS: tuple[tuple[str, str, Rule], ...] = (
    (FILTER, "INPUT", Rule(Jump(n.FILTER), comment="kubernetes ipvs access filter")),
    (FILTER, "OUTPUT", Rule(Jump(n.OUT_FILTER), comment="kubernetes ipvs access filter")),
    (FILTER, "INPUT", Rule(Jump(n.NODE_PORT), comment="kubernetes health check rules")),
    *(
        (table, chain, rule)
        for table, chain, rule in IPTABLES_JUMPS
        if isinstance(rule.target, Jump) and (table, chain, rule.target.chain) in _SHARED
    ),
)


def chains(node: NodeRules, guarded: Collection[Virtual] = ()) -> dict[str, dict[str, tuple[Rule, ...]]]:
    """By table. `guarded` are virtual servers that are not for the node itself."""
    return {NAT: _nat(node), FILTER: {**_filter(node), n.OUT_FILTER: tuple(_guards(node, guarded))}}


def _guards(node: NodeRules, guarded: Collection[Virtual]) -> Iterator[Rule]:
    """What the node sends comes from the very address that it goes to, since that is one of the node's own."""
    bits = 32 if node.family == IPV4 else 128
    for virtual in sorted(guarded):
        at = (virtual.protocol.lower(), virtual.ip, virtual.port)
        yield Rule(DROP, source=f"{virtual.ip}/{bits}", balanced=at)


def _nat(node: NodeRules) -> dict[str, tuple[Rule, ...]]:
    mark = node.masquerade_mark
    named = _Names(node.family)
    return {
        n.MARK_MASQ: (Rule(MarkOr(mark)),),
        n.BALANCER: (
            Rule(RETURN, in_set=named(n.LB_LOCAL), in_set_by=_TO, comment="keeps the source address"),
            Rule(Jump(n.MARK_MASQ)),
        ),
        n.NODE_PORT: tuple(_node_ports(named)),
        n.SERVICES: tuple(_services(node, named)),
        n.POSTROUTING: (
            Rule(
                Masquerade(random_fully=False),
                in_set=named(n.LOOP_BACK),
                in_set_by="dst,dst,src",
                comment="an endpoint that reaches itself",
            ),
            *(
                Rule(Masquerade(), source=source, destination=destination, comment="pods behind one bridge")
                for source in node.bridged_pod_ranges
                for destination in node.bridged_pod_ranges
            ),
            Rule(RETURN, mark=mark, mark_not=True),
            Rule(MarkXor(mark)),
            Rule(Masquerade(), comment="kubernetes service traffic requiring SNAT"),
        ),
    }


def _services(node: NodeRules, named: "_Names") -> list[Rule]:
    loopback = "127.0.0.0/8" if node.family == IPV4 else "::1/128"
    cluster = Rule(Jump(n.MARK_MASQ), in_set=named(n.CLUSTER_IP), in_set_by=_TO, comment="cluster IPs")
    marks = cluster_ip_marks(node, cluster)
    if not marks:
        marks = (cluster._replace(in_set_by="src,dst"),)  # the node itself, which has the address
    external, external_local = named(n.EXTERNAL_IP), named(n.EXTERNAL_IP_LOCAL)
    return [
        Rule(RETURN, source=loopback),
        Rule(Jump(n.BALANCER), in_set=named(n.LB), in_set_by=_TO, comment="load balancer addresses"),
        *marks,
        Rule(Jump(n.MARK_MASQ), in_set=external, in_set_by=_TO, comment="external addresses"),
        *(
            Rule(ACCEPT, in_set=name, in_set_by=_TO)
            for name in (external, external_local, named(n.CLUSTER_IP), named(n.LB))
        ),
        Rule(Jump(n.NODE_PORT), local_destination=True, comment="node ports"),
    ]


def _node_ports(named: "_Names") -> list[Rule]:
    found: list[Rule] = []
    for protocol, (cluster, local) in n.NODE_SETS.items():
        by = "dst" if n.KINDS[cluster] == n.PORT else _TO
        for target, name in ((RETURN, local), (Jump(n.MARK_MASQ), cluster)):
            found.append(Rule(target, protocol=protocol.lower(), in_set=named(name), in_set_by=by))
    return found


def _filter(node: NodeRules) -> dict[str, tuple[Rule, ...]]:
    named = _Names(node.family)
    health = named(n.HEALTH_CHECK)
    invalid = (Rule(DROP, states=("INVALID",)),) if node.drops_invalid else ()
    return {
        n.SOURCE_RANGES: (
            Rule(RETURN, in_set=named(n.LB_SOURCE_CIDR), in_set_by="dst,dst,src"),
            Rule(RETURN, in_set=named(n.LB_SOURCE_IP), in_set_by="dst,dst,src"),
            Rule(DROP),
        ),
        n.PROXY_FIREWALL: (Rule(Jump(n.SOURCE_RANGES), in_set=named(n.LB_FW), in_set_by=_TO),),
        n.NODE_PORT: (Rule(ACCEPT, protocol="tcp", in_set=health, in_set_by="dst", comment="health checks"),),
        n.FORWARD: (
            *invalid,
            Rule(ACCEPT, mark=node.masquerade_mark, comment="kubernetes forwarding rules"),
            Rule(ACCEPT, states=("RELATED", "ESTABLISHED"), comment="kubernetes forwarding conntrack rule"),
        ),
        n.FILTER: (
            *(
                Rule(RETURN, in_set=named(name), in_set_by=_TO)
                for name in (n.LB, n.CLUSTER_IP, n.EXTERNAL_IP, n.EXTERNAL_IP_LOCAL)
            ),
            Rule(RETURN, protocol="tcp", in_set=health, in_set_by="dst"),
            *(  # by protocol, so that a ping is answered
                Rule(Reject(), protocol=protocol, states=_NEW, in_set=named(n.IPVS_IPS), in_set_by="dst")
                for protocol in ("tcp", "udp", "sctp")
            ),
        ),
    }


class _Names:
    def __init__(self, family: int) -> None:
        self._family = family

    def __call__(self, what: str) -> str:
        return n.set_name(what, self._family)
