"""`explain` for this backend: planned rules, traced. The kernel's are not read: virtual servers have no rules."""

from kproxy.backends.ipvs.explain import traced
from kproxy.explain import RulesSay
from kproxy.forwarding import ForwardingTable
from kproxy.node import NodeRules
from kproxy.walk import Packet


class IpvsTracer:
    def planned(self, table: ForwardingTable, node: NodeRules, packet: Packet) -> RulesSay:
        seen = traced(table, node, packet)
        return RulesSay(
            verdict=seen.verdict,
            targets=seen.targets,
            masquerade=seen.masquerade,
            where="the planned IPVS servers and rules",
        )

    def live(self, node: NodeRules, packet: Packet) -> RulesSay | None:
        return None


TRACER = IpvsTracer()
