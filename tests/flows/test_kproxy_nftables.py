"""The flow table against a trace of the nftables backend's typed rules."""

import pytest

from kproxy.backends.nftables.explain import probe_of, traced
from kproxy.backends.nftables.plan import Plan
from kproxy.walk import walk
from tests.flows.kproxy_rows import ROWS
from tests.flows.kproxy_values import Flow, intake_of, node_of, packet_of, targets_of


@pytest.mark.parametrize("family", [4, 6])
@pytest.mark.parametrize("flow", ROWS, ids=lambda flow: flow.text)
def test_flow_by_rules(flow: Flow, family: int) -> None:
    table, node, packet = (
        intake_of(flow.setup, family).tables[family],
        node_of(flow.setup, family),
        packet_of(flow, family),
    )
    plan = Plan(node)
    plan.full(table)
    seen = traced(plan.content(), probe_of(node, packet))
    if isinstance(flow.to, str):
        assert seen.verdict == flow.to
        return
    assert seen.verdict == "forward"
    assert set(seen.targets) == targets_of(flow, family)
    assert seen.masquerade == flow.masquerade
    oracle = walk(table, node, packet)
    assert seen.masqueraded == {str(t): t.masquerade for t in oracle.targets}
