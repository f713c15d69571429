"""Rows of the flow table through the IPVS backend in the kernel, one change after the other, as a cluster makes them."""

import os
from collections.abc import Iterator

import msgspec
import pytest

from kproxy.backends.ipvs.apply import IpvsBackend, clean
from kproxy.backends.ipvs.explain import traced
from kproxy.backends.ipvs.trace_socket import TRACER
from kproxy.forwarding import ForwardingTable
from kproxy.node import NodeRules
from kproxy.walk import is_local_address
from linux import netns
from tests.flows.kproxy_rows import ROWS
from tests.flows.kproxy_values import Flow, Setup, intake_of, node_of, packet_of
from tests.lab.flow_check import check_verdict, flow_ground
from tests.lab.packet_range import PacketRange, Seen, listening

pytestmark = [
    pytest.mark.lab,
    pytest.mark.skipif(
        "PODNET_GUEST" not in os.environ, reason="needs a kernel with ip_vs: run `make guest`"
    ),
]
_EVERY = int(
    os.environ.get("PODNET_GUEST_ROWS_STEP", "4")
)  # emulated, a row takes a second; 1 tries them all
_TRIES = 20


class Balanced:
    """The node of the rows with one family's backend, which is told what changes from row to row."""

    def __init__(self, ground: PacketRange, family: int) -> None:
        self.ground, self.family = ground, family
        self.backend: IpvsBackend | None = None
        self.table: ForwardingTable = {}

    def show(self, setup: Setup) -> NodeRules:
        node = _node(setup, self.family)
        table = intake_of(setup, self.family).tables[self.family]
        if self.backend is None:
            self.backend = IpvsBackend(node)
        backend, changed = self.backend, {*self.table, *table}
        backend.set_node(node)
        netns.run_in(self.ground.node, lambda: backend.sync(table, changed))
        self.table = table
        return node

    def close(self) -> None:
        if self.backend is not None:
            self.backend.close()


def _node(setup: Setup, family: int) -> NodeRules:
    return msgspec.structs.replace(node_of(setup, family), checks_cluster_ips=False, drops_invalid=True)


@pytest.fixture(scope="module")
def balanced() -> Iterator[dict[int, Balanced]]:
    with flow_ground() as ground:
        ground.filter_bridged(on=True)
        made = {family: Balanced(ground, family) for family in (4, 6)}
        yield made
        for each in made.values():
            each.close()
        netns.run_in(ground.node, clean)


def _rows() -> list[tuple[Flow, int]]:
    """In turn of this family and that; those of a setup together, so that few changes are made."""
    rows = [flow for flow in ROWS if not flow.setup.bridged]
    return [(flow, 4 if place % 2 else 6) for place, flow in enumerate(rows[::_EVERY])]


@pytest.mark.parametrize(("flow", "family"), _rows(), ids=lambda each: getattr(each, "text", None))
def test_flow_through_ipvs(flow: Flow, family: int, balanced: dict[int, Balanced]) -> None:
    """What is planned is proved against the oracle elsewhere, without a kernel; here, that the kernel does it."""
    there = balanced[family]
    node, packet = there.show(flow.setup), packet_of(flow, family)
    planned = traced(there.table, node, packet)
    live = netns.run_in(there.ground.node, lambda: TRACER.live(node, packet))
    assert live is not None
    assert (live.verdict, live.targets, live.masquerade) == (
        planned.verdict,
        planned.targets,
        planned.masquerade,
    )
    ends = (packet.source, packet.destination, packet.protocol, packet.port)

    def once() -> list[Seen]:
        if packet.in_interface:
            return there.ground.send(packet.in_interface, *ends)
        return there.ground.send_from_node(*ends)

    if planned.verdict != "forward":
        if planned.verdict == "pass" and is_local_address(node, packet.destination):
            with listening(there.ground.node, flow.protocol, packet.destination, packet.port):
                check_verdict("pass", once(), packet.destination, packet.port, flow.protocol)
            return
        check_verdict(planned.verdict, once(), packet.destination, packet.port, flow.protocol)
        return
    expected = planned.masqueraded
    seen: dict[str, bool] = {}
    for _ in range(_TRIES):
        frames = once()
        assert [frame.kind for frame in frames] == ["forward"]
        ip, port = frames[0].destination, frames[0].port
        target = f"[{ip}]:{port}" if ":" in ip else f"{ip}:{port}"
        changed = frames[0].source != packet.source
        seen[target] = changed or (not packet.in_interface and expected.get(target, False))
        if seen.keys() >= expected.keys() or any(svc.affinity_s for svc in flow.setup.services):
            break
    if any(svc.affinity_s for svc in flow.setup.services):
        assert seen.items() <= expected.items()
    else:
        assert seen == expected
