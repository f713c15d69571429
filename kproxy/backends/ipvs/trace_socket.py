"""`explain` for this backend: what is planned, traced; and the kernel's servers, sets and rules."""

from kproxy.addresses import IPV6
from kproxy.backends.iptables.pieces import FILTER, NAT
from kproxy.backends.ipvs import names as n
from kproxy.backends.ipvs.explain import traced, traced_state
from kproxy.backends.ipvs.servers_socket import Servers, ServersError
from kproxy.backends.ipvs.state_socket import read_state
from kproxy.backends.registry import BackendError
from kproxy.backends.traced import Traced
from kproxy.explain import RulesSay
from kproxy.forwarding import ForwardingTable
from kproxy.node import NodeRules
from kproxy.walk import Packet
from linux.ipset.run import IpsetFailed
from linux.iptables.parse import understood
from linux.iptables.run import IptablesFailed, of_host


def _say(seen: Traced, where: str) -> RulesSay:
    return RulesSay(verdict=seen.verdict, targets=seen.targets, masquerade=seen.masquerade, where=where)


class IpvsTracer:
    def planned(self, table: ForwardingTable, node: NodeRules, packet: Packet) -> RulesSay:
        return _say(traced(table, node, packet), "the planned IPVS servers and rules")

    def live(self, node: NodeRules, packet: Packet) -> RulesSay | None:
        try:
            tables = of_host(node.family == IPV6).save()
            nat, left_out = understood(tables.get(NAT))
            if n.BALANCER not in nat:
                return None
            servers = Servers(node.family)
            try:
                state = read_state(servers, node.family)
            finally:
                servers.close()
        except (IptablesFailed, ServersError, IpsetFailed, OSError) as error:
            raise BackendError(f"the kernel's servers cannot be read ({error}): run as root") from error
        filters, more = understood(tables.get(FILTER))
        foreign = left_out + more
        where = "the kernel's servers and rules" + (f" ({foreign} of others not read)" if foreign else "")
        return _say(traced_state(state, nat, filters, node, packet), where)


TRACER = IpvsTracer()
