"""What IPVS does to a packet: the typed rules traced, once for every real server. Pure."""

from collections.abc import Mapping

from kproxy.backends.iptables.pieces import FILTER, NAT
from kproxy.backends.ipvs import names as n
from kproxy.backends.ipvs.plan import EMPTY, Plan, State
from kproxy.backends.ipvs.rules import JUMPS, chains
from kproxy.backends.traced import Traced
from kproxy.forwarding import ForwardingTable
from kproxy.node import NodeRules
from kproxy.walk import Packet
from linux.iptables.rules import Rule
from linux.iptables.trace import Ipvs, Probe, trace

Chains = Mapping[str, tuple[Rule, ...]]


def traced(table: ForwardingTable, node: NodeRules, packet: Packet) -> Traced:
    """Through what a fresh start would write."""
    plan = Plan(node)
    plan.full(table, EMPTY)
    rules = {table: _with_jumps(table, found) for table, found in chains(node, plan.guarded).items()}
    return traced_state(plan.wanted(), rules[NAT], rules[FILTER], node, packet)


def traced_state(state: State, nat: Chains, filters: Chains, node: NodeRules, packet: Packet) -> Traced:
    """A real server of weight 0 is given no new connection."""
    sets: dict[str, set[str]] = {}
    for entry in state.entries:
        sets.setdefault(n.set_name(entry.of, node.family), set()).add(entry.text)
    protocol = packet.protocol.lower()
    probe = Probe(
        packet.source,
        packet.destination,
        protocol,
        packet.port,
        packet.in_interface,
        frozenset((*node.local_addresses, *state.addresses)),
    )
    members = {name: frozenset(texts) for name, texts in sets.items()}
    virtual = (packet.protocol, packet.destination, packet.port)
    server = next((s for v, s in state.servers.items() if tuple(v) == virtual), None)
    reals = [
        str(real) for real, weight in (server.reals.items() if server is not None else ()) if weight
    ] or [""]
    forwarded: dict[str, bool] = {}
    verdict = "pass"
    for real in reals:
        served = {} if server is None else {(protocol, packet.destination, packet.port): real}
        seen = trace(nat, filters, probe, Ipvs(members, served))[0]
        verdict = seen.verdict
        if seen.verdict == "accept" and seen.translated:
            forwarded[seen.destination] = seen.masqueraded
    if verdict != "accept":
        return Traced("reject" if verdict == "reject" else "drop", {})
    return Traced("forward" if forwarded else "pass", dict(sorted(forwarded.items())))


def _with_jumps(table: str, written: Chains) -> Chains:
    found = dict(written)
    for place, chain, rule in JUMPS:
        if place == table:
            found[chain] = (rule, *found.get(chain, ()))
    return found
