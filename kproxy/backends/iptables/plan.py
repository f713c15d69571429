"""What to change in the nat and filter tables so that they say what a ForwardingTable says. Decides, does nothing."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from kproxy.addresses import IPV4
from kproxy.backends.iptables import names as n
from kproxy.backends.iptables.pieces import (
    FILTER,
    NAT,
    NOTHING,
    Pieces,
    at_node_ports,
    cluster_ip_marks,
    pieces,
)
from kproxy.backends.registry import RuleCount
from kproxy.forwarding import ForwardingTable, ServicePortName
from kproxy.node import NodeRules
from linux.iptables.restore import Edit, Saved
from linux.iptables.rules import ACCEPT, DROP, RETURN, Jump, MarkOr, MarkXor, Masquerade, Rule

Chains = dict[str, tuple[Rule, ...]]
_NEW = ("NEW",)
_PORTALS = "kubernetes service portals"

# Inserted on top one after the other: the last of a chain comes first. The firewall goes before the rejections.
JUMPS: tuple[tuple[str, str, Rule], ...] = (
    (NAT, "PREROUTING", Rule(Jump(n.SERVICES), comment=_PORTALS)),
    (NAT, "OUTPUT", Rule(Jump(n.SERVICES), comment=_PORTALS)),
    (NAT, "POSTROUTING", Rule(Jump(n.POSTROUTING), comment="kubernetes postrouting rules")),
    (FILTER, "INPUT", Rule(Jump(n.NODE_PORTS), comment="kubernetes health check service ports")),
    (
        FILTER,
        "INPUT",
        Rule(Jump(n.EXTERNAL_SERVICES), states=_NEW, comment="kubernetes externally-visible service portals"),
    ),
    (FILTER, "INPUT", Rule(Jump(n.PROXY_FIREWALL), states=_NEW, comment="kubernetes load balancer firewall")),
    (FILTER, "INPUT", Rule(Jump(n.FIREWALL))),
    (FILTER, "FORWARD", Rule(Jump(n.FORWARD), comment="kubernetes forwarding rules")),
    (FILTER, "FORWARD", Rule(Jump(n.SERVICES), states=_NEW, comment=_PORTALS)),
    (
        FILTER,
        "FORWARD",
        Rule(Jump(n.EXTERNAL_SERVICES), states=_NEW, comment="kubernetes externally-visible service portals"),
    ),
    (
        FILTER,
        "FORWARD",
        Rule(Jump(n.PROXY_FIREWALL), states=_NEW, comment="kubernetes load balancer firewall"),
    ),
    (FILTER, "OUTPUT", Rule(Jump(n.SERVICES), states=_NEW, comment=_PORTALS)),
    (
        FILTER,
        "OUTPUT",
        Rule(Jump(n.PROXY_FIREWALL), states=_NEW, comment="kubernetes load balancer firewall"),
    ),
    (FILTER, "OUTPUT", Rule(Jump(n.FIREWALL))),
)
SHARED: dict[str, tuple[str, ...]] = {
    NAT: (n.SERVICES, n.NODE_PORTS, n.POSTROUTING, n.MARK_MASQ, n.HAIRPIN, n.LOCALHOST_NODE_PORTS, n.CANARY),
    FILTER: (
        n.SERVICES,
        n.EXTERNAL_SERVICES,
        n.NODE_PORTS,
        n.PROXY_FIREWALL,
        n.FORWARD,
        n.FIREWALL,
        n.CANARY,
    ),
}


class Work(NamedTuple):
    """One run of iptables-restore."""

    edits: tuple[Edit, ...] = ()

    @property
    def chain_count(self) -> int:
        return sum(len(edit.write) + len(edit.remove) for edit in self.edits)


class Plan:
    """For one IP family: chains as they should be, and as they were written last.

    `accounted`: the kernel has the counters n.COUNTERS; else the rules' own packets count, until they are rewritten.
    """

    def __init__(self, node: NodeRules, *, accounted: bool = False) -> None:
        self._node = node
        self._accounted = accounted
        self._pieces: dict[ServicePortName, Pieces] = {}
        self._written: dict[str, Chains] = {NAT: {}, FILTER: {}}

    @property
    def node(self) -> NodeRules:
        return self._node

    def full(self, table: ForwardingTable, saved: Mapping[str, Saved]) -> Work:
        """Everything written anew; what others left of kube-proxy's chains is removed, jumps are put back."""
        self._pieces = {name: pieces(service, self._node) for name, service in table.items()}
        self._written = {NAT: {}, FILTER: {}}
        edits = []
        for kind in (FILTER, NAT):
            wanted = self._wanted(kind)
            self._written[kind] = wanted
            known = saved.get(kind, Saved({}))
            stale = tuple(
                chain for chain in known.chains if chain.startswith(n.OWN_PREFIXES) and chain not in wanted
            )
            jumps = tuple(
                (chain, rule)
                for place, chain, rule in JUMPS
                if place == kind
                and isinstance(rule.target, Jump)
                and not known.jumps(chain, rule.target.chain)
            )
            edits.append(Edit(kind, wanted, stale, jumps))
        return Work(tuple(edits))

    def partial(
        self, table: ForwardingTable, names: Iterable[ServicePortName], node: NodeRules | None = None
    ) -> Work:
        """These services only; chains of all are written when a rule in them changed."""
        if node is not None and node != self._node:
            self._node = node
            self._pieces = {name: pieces(service, node) for name, service in table.items()}
            return self._difference({kind: self._wanted(kind) for kind in (FILTER, NAT)}, whole=True)
        changed: dict[str, Chains] = {FILTER: {}, NAT: {}}
        gone: dict[str, list[str]] = {FILTER: [], NAT: []}
        shared: set[tuple[str, str]] = set()
        for name in names:
            service = table.get(name)
            old = self._pieces.pop(name, NOTHING)
            new = pieces(service, self._node) if service is not None else NOTHING
            if service is not None:
                self._pieces[name] = new
            changed[NAT] |= {c: rules for c, rules in new.own.items() if old.own.get(c) != rules}
            gone[NAT] += [c for c in old.own if c not in new.own]
            shared |= {w for w in {*old.shared, *new.shared} if old.shared.get(w) != new.shared.get(w)}
            if old.local_ips != new.local_ips:
                shared.add((NAT, n.HAIRPIN))
        for kind, chain in sorted(shared):
            changed[kind][chain] = self._shared_chain(kind, chain)
        return self._difference(changed, gone=gone)

    def chains(self, kind: str) -> Chains:
        """The table as a fresh start would write it, with the built-in chains' jumps."""
        jumps: Chains = {}
        for place, chain, rule in JUMPS:
            if place == kind:
                jumps[chain] = (rule, *jumps.get(chain, ()))
        return {**self._wanted(kind), **jumps}

    def written(self, kind: str) -> Chains:
        return self._written[kind]

    def rule_counts(self, work: Work) -> dict[str, RuleCount]:
        """By table: those that are there when the work is done, and those that it writes."""
        wrote = {edit.table: sum(map(len, edit.write.values())) for edit in work.edits}
        return {
            kind: RuleCount(sum(map(len, chains.values())), wrote.get(kind, 0))
            for kind, chains in self._written.items()
        }

    def _difference(
        self,
        wanted: Mapping[str, Chains],
        *,
        gone: Mapping[str, list[str]] | None = None,
        whole: bool = False,
    ) -> Work:
        edits = []
        for kind, chains in wanted.items():
            written = self._written[kind]
            write = {chain: rules for chain, rules in chains.items() if written.get(chain) != rules}
            remove = (gone or {}).get(kind, [])
            if whole:
                remove = [chain for chain in written if chain not in chains]
            for chain in remove:
                written.pop(chain, None)
            written.update(write)
            edits.append(Edit(kind, write, tuple(sorted(remove))))
        return Work(tuple(edit for edit in edits if not edit.is_empty))

    def _wanted(self, kind: str) -> Chains:
        """All chains of a table, in the order that loads fastest: see linux.iptables.restore.document."""
        own: Chains = {}
        if kind == NAT:
            for piece in self._pieces.values():
                own.update(piece.own)
        shared = {chain: self._shared_chain(kind, chain) for chain in SHARED[kind]}
        return {**shared, **{chain: own[chain] for chain in sorted(own, reverse=True)}}

    def _shared_chain(self, kind: str, chain: str) -> tuple[Rule, ...]:
        where = (kind, chain)
        rules = [rule for name in sorted(self._pieces) for rule in self._pieces[name].shared.get(where, ())]
        if where in ((NAT, n.SERVICES), (NAT, n.NODE_PORTS)):
            rules = _by_target(rules)
        first = self._range_marks() if where == (NAT, n.SERVICES) else ()
        return (*first, *rules, *self._fixed_rules(kind, chain))

    def _range_marks(self) -> tuple[Rule, ...]:
        return tuple(
            mark
            for cidr in self._node.service_cidrs
            for mark in cluster_ip_marks(
                self._node, Rule(Jump(n.MARK_MASQ), destination=cidr, comment="cluster IPs")
            )
        )

    def _fixed_rules(self, kind: str, chain: str) -> tuple[Rule, ...]:
        node, mark = self._node, self._node.masquerade_mark
        match kind, chain:
            case "nat", n.SERVICES:
                to_node_ports = Rule(
                    Jump(n.NODE_PORTS),
                    comment="kubernetes service nodeports; NOTE: this must be the last rule in this chain",
                )
                return tuple(at_node_ports(node, to_node_ports))
            case "nat", n.MARK_MASQ:
                return (Rule(MarkOr(mark)),)
            case "nat", n.HAIRPIN:
                return tuple(self._hairpins())
            case "nat", n.LOCALHOST_NODE_PORTS:
                count = Rule(RETURN, counter=self._counter(n.LOCALHOST_ACCEPTED))
                return (count,) if node.localhost_node_ports else ()
            case "nat", n.POSTROUTING:
                return (
                    Rule(Jump(n.HAIRPIN), states=("DNAT",), mark=mark, mark_not=True),
                    Rule(RETURN, mark=mark, mark_not=True),
                    Rule(MarkXor(mark)),
                    Rule(Masquerade(), comment="kubernetes service traffic requiring SNAT"),
                )
            case "filter", n.SERVICES:
                # For what the node itself sends: a jump from OUTPUT would be one that kube-proxy does not know to remove.
                return (
                    Rule(Jump(n.EXTERNAL_SERVICES), comment="kubernetes externally-visible service portals"),
                )
            case "filter", n.FORWARD:
                return self._forward_rules(mark)
            case "filter", n.FIREWALL if node.family == IPV4 and node.localhost_node_ports:
                # route_localnet lets strangers on the link reach what listens on loopback (CVE-2020-8558).
                return (
                    Rule(
                        DROP,
                        source="127.0.0.0/8",
                        source_not=True,
                        destination="127.0.0.0/8",
                        states=("RELATED", "ESTABLISHED", "DNAT"),
                        states_not=True,
                        comment="block incoming localnet connections",
                    ),
                )
        return ()

    def _hairpins(self) -> Iterable[Rule]:
        bits = 128 if self._node.family != IPV4 else 32
        for ip in sorted({ip for piece in self._pieces.values() for ip in piece.local_ips}):
            yield Rule(Masquerade(), source=f"{ip}/{bits}", destination=f"{ip}/{bits}")
        for source in self._node.bridged_pod_ranges:
            for destination in self._node.bridged_pod_ranges:
                yield Rule(
                    Masquerade(), source=source, destination=destination, comment="pods behind one bridge"
                )

    def _counter(self, name: str) -> str:
        return name if self._accounted else ""

    def _forward_rules(self, mark: int) -> tuple[Rule, ...]:
        """Packets that conntrack calls invalid would reach the sender untranslated, who answers with a reset."""
        drop = Rule(DROP, states=("INVALID",), counter=self._counter(n.INVALID_DROPPED))
        invalid = (drop,) if self._node.drops_invalid else ()
        return (
            *invalid,
            Rule(ACCEPT, mark=mark, comment="kubernetes forwarding rules"),
            Rule(ACCEPT, states=("RELATED", "ESTABLISHED"), comment="kubernetes forwarding conntrack rule"),
        )


def _by_target(rules: Iterable[Rule]) -> list[Rule]:
    """In the order of the chains that they go to, descending as those are written; of rules for the same packets,
    given in the order of names, the first alone.
    """
    first: dict[Rule, Rule] = {}
    for rule in rules:
        first.setdefault(rule._replace(target=ACCEPT, comment=""), rule)
    return sorted(first.values(), key=_target, reverse=True)


def _target(rule: Rule) -> str:
    return rule.target.chain if isinstance(rule.target, Jump) else ""
