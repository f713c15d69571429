"""What the table's rules do to a packet: a trace of their values, read in the words of `explain`. Pure."""

from typing import NamedTuple

from kproxy.forwarding import PROTOCOL_NUMBERS
from kproxy.node import NodeRules
from kproxy.walk import Packet, VerdictName
from linux.nft.trace import Probe, Step, trace
from linux.nft.values import Content


class Traced(NamedTuple):
    """`masqueraded` by target; `steps` of one of the ways."""

    verdict: VerdictName
    masqueraded: dict[str, bool]
    steps: tuple[Step, ...]

    @property
    def targets(self) -> tuple[str, ...]:
        return tuple(self.masqueraded)

    @property
    def masquerade(self) -> bool:
        return any(self.masqueraded.values())


def probe_of(node: NodeRules, packet: Packet) -> Probe:
    """The packet as the kernel would see it; where pods sit behind a bridge, both ends do."""
    kind = "bridge" if node.bridged_pod_ranges else ""
    return Probe(
        packet.source,
        packet.destination,
        PROTOCOL_NUMBERS[packet.protocol],
        packet.port,
        packet.in_interface,
        frozenset(node.local_addresses),
        kind,
        kind,
    )


def traced(content: Content, probe: Probe) -> Traced:
    """All that the rules may do to it, one verdict: they agree on it whatever number is drawn."""
    traces = trace(content, probe)
    first = traces[0]
    if first.verdict != "accept":
        return Traced("reject" if first.verdict == "reject" else "drop", {}, first.steps)
    forwarded = {
        _address(t.destination, t.port): t.masqueraded
        for t in traces
        if t.translated and t.verdict == "accept"
    }
    if not forwarded:
        return Traced("pass", {}, first.steps)
    return Traced("forward", dict(sorted(forwarded.items())), first.steps)


def _address(ip: str, port: int) -> str:
    return f"[{ip}]:{port}" if ":" in ip else f"{ip}:{port}"
