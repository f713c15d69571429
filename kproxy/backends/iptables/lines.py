"""The planned tables as lines of iptables-save, to be compared. Pure."""

from kproxy.backends.iptables.pieces import FILTER, NAT
from kproxy.backends.iptables.plan import Plan
from kproxy.forwarding import ForwardingTable
from kproxy.node import NodeRules
from linux.iptables.rules import render


def lines(table: ForwardingTable, node: NodeRules) -> list[str]:
    plan = Plan(node)
    plan.full(table, {})
    return [
        f"{kind}: -A {chain} {render(rule)}"
        for kind in (NAT, FILTER)
        for chain, rules in plan.chains(kind).items()
        for rule in rules
    ]
