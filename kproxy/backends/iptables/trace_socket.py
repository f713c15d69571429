"""`explain` for this backend: planned rules, traced. The kernel's are not read: iptables-save's text is no rule."""

from kproxy.backends.iptables.explain import traced
from kproxy.explain import RulesSay
from kproxy.forwarding import ForwardingTable
from kproxy.node import NodeRules
from kproxy.walk import Packet


class IptablesTracer:
    def planned(self, table: ForwardingTable, node: NodeRules, packet: Packet) -> RulesSay:
        seen = traced(table, node, packet)
        return RulesSay(
            verdict=seen.verdict,
            targets=seen.targets,
            masquerade=seen.masquerade,
            where="the planned iptables rules",
        )

    def live(self, node: NodeRules, packet: Packet) -> RulesSay | None:
        return None


TRACER = IptablesTracer()
