"""What iptables rules do to a packet. Pure."""

from collections.abc import Mapping

from kproxy.backends.iptables.pieces import FILTER, NAT
from kproxy.backends.iptables.plan import Plan
from kproxy.backends.traced import Traced
from kproxy.forwarding import ForwardingTable
from kproxy.node import NodeRules
from kproxy.walk import Packet
from linux.iptables.rules import Rule
from linux.iptables.trace import Probe, trace

Chains = Mapping[str, tuple[Rule, ...]]


def traced(table: ForwardingTable, node: NodeRules, packet: Packet) -> Traced:
    """Through the rules that a fresh start would write."""
    plan = Plan(node)
    plan.full(table, {})
    return traced_rules(plan.chains(NAT), plan.chains(FILTER), node, packet)


def traced_rules(nat: Chains, filters: Chains, node: NodeRules, packet: Packet) -> Traced:
    probe = Probe(
        packet.source,
        packet.destination,
        packet.protocol.lower(),
        packet.port,
        packet.in_interface,
        frozenset(node.local_addresses),
    )
    traces = trace(nat, filters, probe)
    first = traces[0]
    if first.verdict != "accept":
        return Traced("reject" if first.verdict == "reject" else "drop", {})
    forwarded = {t.destination: t.masqueraded for t in traces if t.translated and t.verdict == "accept"}
    return Traced("forward" if forwarded else "pass", dict(sorted(forwarded.items())))
