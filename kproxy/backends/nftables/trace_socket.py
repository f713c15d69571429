"""`explain` for this backend: planned rules traced, and the kernel's."""

from kproxy.backends.nftables import names as n
from kproxy.backends.nftables.explain import probe_of, traced
from kproxy.backends.nftables.plan import Plan
from kproxy.backends.nftables.skeleton import nf_family
from kproxy.backends.registry import BackendError
from kproxy.explain import RulesSay
from kproxy.forwarding import ForwardingTable
from kproxy.node import NodeRules
from kproxy.walk import Packet
from linux.nft.socket import NftSocket
from linux.nft.values import Content, Table


def _say(content: Content, node: NodeRules, packet: Packet, where: str) -> RulesSay:
    return traced(content, probe_of(node, packet)).say(where)


class NftablesTracer:
    def planned(self, table: ForwardingTable, node: NodeRules, packet: Packet) -> RulesSay:
        plan = Plan(node)
        plan.full(table)
        return _say(plan.content(), node, packet, "the planned nftables rules")

    def live(self, node: NodeRules, packet: Packet) -> RulesSay | None:
        try:
            with NftSocket() as socket:
                content = socket.content(Table(nf_family(node.family), n.TABLE))
        except OSError as error:
            raise BackendError(f"the kernel's rules cannot be read ({error}): run as root") from error
        return _say(content, node, packet, "the kernel's rules") if content is not None else None


TRACER = NftablesTracer()
