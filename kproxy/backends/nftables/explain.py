"""What the table's rules do to a packet: a trace of their values, read in the words of `explain`. Pure."""

from kproxy.backends.traced import Traced
from kproxy.forwarding import PROTOCOL_NUMBERS
from kproxy.node import NodeRules
from kproxy.walk import Packet
from linux.nft.trace import Probe, Step, trace
from linux.nft.values import Content


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
        return Traced("reject" if first.verdict == "reject" else "drop", {}, _words(first.steps))
    forwarded = {
        _address(t.destination, t.port): t.masqueraded
        for t in traces
        if t.translated and t.verdict == "accept"
    }
    if not forwarded:
        return Traced("pass", {}, _words(first.steps))
    return Traced("forward", dict(sorted(forwarded.items())), _words(first.steps))


def _address(ip: str, port: int) -> str:
    return f"[{ip}]:{port}" if ":" in ip else f"{ip}:{port}"


def _words(steps: tuple[Step, ...]) -> tuple[str, ...]:
    return tuple(f"{step.chain} rule {step.place + 1}" for step in steps)
