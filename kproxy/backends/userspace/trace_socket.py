"""`explain` for this backend; what listens is what is planned, there are no rules to read."""

from kproxy.backends.userspace.explain import traced
from kproxy.explain import RulesSay
from kproxy.forwarding import ForwardingTable
from kproxy.node import NodeRules
from kproxy.walk import Packet


class UserspaceTracer:
    def planned(self, table: ForwardingTable, node: NodeRules, packet: Packet) -> RulesSay:
        return traced(table, node, packet).say("the userspace proxy")

    def live(self, node: NodeRules, packet: Packet) -> RulesSay | None:
        return None


TRACER = UserspaceTracer()
