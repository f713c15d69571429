"""A row of the flow table against a backend's rules in the kernel."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from kproxy.backends.registry import Backend
from kproxy.node import NodeRules
from kproxy.walk import is_local_address, walk
from linux import netns
from tests.flows.kproxy_values import ALT, NODE, Flow, intake_of, packet_of, six, targets_of
from tests.lab.packet_range import PacketRange, Seen, listening, packet_range

_TRIES = 80


@contextmanager
def flow_ground() -> Iterator[PacketRange]:
    """The node of the rows, and the pods' neighbours."""
    addresses = (NODE, ALT, six(NODE), six(ALT))
    with packet_range(addresses, ("10.180.0.0/24", six("10.180.0.0/24"))) as made:
        made.know({at(f"10.180.0.{i}") for i in range(1, 6) for at in (str, six)})
        yield made


def check_flow(flow: Flow, family: int, ground: PacketRange, node: NodeRules, backend: Backend) -> None:
    table, packet = intake_of(flow.setup, family).tables[family], packet_of(flow, family)
    ground.filter_bridged(on=not flow.setup.bridged)
    interface = "cni0" if flow.setup.bridged else packet.in_interface
    with ExitStack() as stack:
        stack.callback(lambda: netns.run_in(ground.node, backend.cleanup))
        netns.run_in(ground.node, lambda: backend.sync(table))

        outcome = walk(table, node, packet)
        # A datagram that passes may be taken by the node, and is heard of no more.
        wanted = outcome.verdict in ("forward", "reject") or (
            outcome.verdict == "pass" and packet.protocol == "TCP"
        )

        def once() -> list[Seen]:
            ends = (packet.source, packet.destination, packet.protocol, packet.port)
            if interface:
                return ground.send(interface, *ends, wanted=wanted)
            return ground.send_from_node(*ends, wanted=wanted)

        if outcome.verdict != "forward":
            if outcome.verdict == "pass" and is_local_address(node, packet.destination):
                stack.enter_context(listening(ground.node, flow.protocol, packet.destination, packet.port))
            check_verdict(outcome.verdict, once(), packet.destination, packet.port, flow.protocol)
            return
        oracle = {str(t): t.masquerade for t in outcome.targets}
        assert oracle.keys() == targets_of(flow, family)
        seen: dict[str, bool] = {}
        for _ in range(_TRIES):
            frames = once()
            assert [frame.kind for frame in frames] == ["forward"]
            ip, port, source = frames[0].destination, frames[0].port, frames[0].source
            target = f"[{ip}]:{port}" if ":" in ip else f"{ip}:{port}"
            if any(svc.affinity_s for svc in flow.setup.services):
                again = once()[0]
                assert (again.destination, again.port) == (ip, port), "affinity holds"
                netns.run_in(ground.node, backend.cleanup)
                netns.run_in(ground.node, lambda: backend.sync(table))
            seen[target] = source != packet.source or (not interface and oracle.get(target, False))
            if seen.keys() >= oracle.keys():
                break
        assert seen == oracle


def check_verdict(verdict: str, frames: list[Seen], destination: str, port: int, protocol: str) -> None:
    kinds = [frame.kind for frame in frames]
    match verdict:
        case "reject":
            assert kinds == ["reject"]
        case "drop":
            assert kinds == []
        case "pass":
            if kinds != ["answer"]:  # not ours: went on unchanged, or a datagram was taken by the node
                went_on = [(f.kind, f.destination, f.port) for f in frames]
                assert went_on in ([("forward", destination, port)], []) or protocol == "TCP"
                assert frames or protocol == "UDP"
