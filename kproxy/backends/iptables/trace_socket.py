"""`explain` for this backend: planned rules traced, and the kernel's as iptables-save prints them."""

from kproxy.addresses import IPV6
from kproxy.backends.iptables import names as n
from kproxy.backends.iptables.explain import traced, traced_rules
from kproxy.backends.iptables.pieces import FILTER, NAT
from kproxy.backends.registry import BackendError
from kproxy.backends.traced import Traced
from kproxy.explain import RulesSay
from kproxy.forwarding import ForwardingTable
from kproxy.node import NodeRules
from kproxy.walk import Packet
from linux.iptables.parse import understood
from linux.iptables.run import IptablesFailed, of_host


def _say(seen: Traced, where: str) -> RulesSay:
    return RulesSay(verdict=seen.verdict, targets=seen.targets, masquerade=seen.masquerade, where=where)


class IptablesTracer:
    def planned(self, table: ForwardingTable, node: NodeRules, packet: Packet) -> RulesSay:
        return _say(traced(table, node, packet), "the planned iptables rules")

    def live(self, node: NodeRules, packet: Packet) -> RulesSay | None:
        try:
            tables = of_host(node.family == IPV6).save()
        except (IptablesFailed, OSError) as error:
            raise BackendError(f"the kernel's rules cannot be read ({error}): run as root") from error
        nat, left_out = understood(tables.get(NAT))
        if n.SERVICES not in nat:
            return None
        filters, more = understood(tables.get(FILTER))
        foreign = left_out + more
        where = "the kernel's rules" + (f" ({foreign} of others not read)" if foreign else "")
        return _say(traced_rules(nat, filters, node, packet), where)


TRACER = IptablesTracer()
