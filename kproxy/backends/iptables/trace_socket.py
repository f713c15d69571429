"""`explain` for this backend: planned rules traced, and the kernel's as iptables-save prints them."""

from kproxy.backends.iptables import names as n
from kproxy.backends.iptables.explain import traced, traced_rules
from kproxy.backends.iptables.kernel_run import kernel_rules
from kproxy.backends.registry import BackendError
from kproxy.explain import RulesSay
from kproxy.forwarding import ForwardingTable
from kproxy.node import NodeRules
from kproxy.walk import Packet
from linux.iptables.run import IptablesFailed


class IptablesTracer:
    def planned(self, table: ForwardingTable, node: NodeRules, packet: Packet) -> RulesSay:
        return traced(table, node, packet).say("the planned iptables rules")

    def live(self, node: NodeRules, packet: Packet) -> RulesSay | None:
        try:
            rules = kernel_rules(node.family)
        except (IptablesFailed, OSError) as error:
            raise BackendError(f"the kernel's rules cannot be read ({error}): run as root") from error
        if n.SERVICES not in rules.nat:
            return None
        return traced_rules(rules.nat, rules.filters, node, packet).say(rules.named("the kernel's rules"))


TRACER = IptablesTracer()
