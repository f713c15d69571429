"""`explain` for this backend: what is planned, traced; and the kernel's servers, sets and rules."""

from contextlib import closing

from kproxy.backends.iptables.kernel_run import kernel_rules
from kproxy.backends.ipvs import names as n
from kproxy.backends.ipvs.explain import traced, traced_state
from kproxy.backends.ipvs.servers_socket import Servers, ServersError
from kproxy.backends.ipvs.state_socket import read_state
from kproxy.backends.registry import BackendError
from kproxy.explain import RulesSay
from kproxy.forwarding import ForwardingTable
from kproxy.node import NodeRules
from kproxy.walk import Packet
from linux.ipset.run import IpsetFailed
from linux.iptables.run import IptablesFailed


class IpvsTracer:
    def planned(self, table: ForwardingTable, node: NodeRules, packet: Packet) -> RulesSay:
        return traced(table, node, packet).say("the planned IPVS servers and rules")

    def live(self, node: NodeRules, packet: Packet) -> RulesSay | None:
        try:
            rules = kernel_rules(node.family)
            if n.BALANCER not in rules.nat:
                return None
            with closing(Servers(node.family)) as servers:
                state = read_state(servers, node.family)
        except (IptablesFailed, ServersError, IpsetFailed, OSError) as error:
            raise BackendError(f"the kernel's servers cannot be read ({error}): run as root") from error
        seen = traced_state(state, rules.nat, rules.filters, node, packet)
        return seen.say(rules.named("the kernel's servers and rules"))


TRACER = IpvsTracer()
