"""What the userspace proxy does with a connection. Pure."""

from kproxy.addresses import contains
from kproxy.backends.traced import Traced
from kproxy.backends.userspace.plan import PROTOCOLS, Key, Plan, choices
from kproxy.forwarding import ForwardingTable
from kproxy.node import NodeRules
from kproxy.walk import Frontends, Packet, accepts_node_ports, is_local_address


def traced(table: ForwardingTable, node: NodeRules, packet: Packet) -> Traced:
    """An address without a listener refuses; a client without endpoints is turned away, both as `reject`."""
    plan = Plan(node)
    plan.full(table)
    key = Key(packet.protocol, packet.destination, packet.port)
    route = plan.wanted().get(key)
    if route is None or packet.protocol not in PROTOCOLS:
        return Traced("reject" if _is_claimed(plan, node, packet, Frontends(table)) else "pass", {})
    offered = choices(route, node, packet.source, own_address=packet.source == packet.destination)
    if not offered:
        return Traced("reject", {})
    return Traced("forward", dict.fromkeys(sorted(map(str, offered)), True))


def _is_claimed(plan: Plan, node: NodeRules, packet: Packet, frontends: Frontends) -> bool:
    """A service that has no endpoints answers there, or the address is local only because we made it so."""
    if (
        accepts_node_ports(node, packet.destination)
        and (packet.protocol, packet.port) in frontends.by_node_port
    ):
        return True
    if is_local_address(node, packet.destination):
        return (packet.destination, packet.protocol, packet.port) in frontends.by_address
    return any(contains(cidr, packet.destination) for cidr in plan.local_ranges())
