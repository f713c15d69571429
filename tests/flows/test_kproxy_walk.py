"""The flow table against walk(), the oracle."""

import pytest

from kproxy.walk import walk
from tests.flows.kproxy_rows import ROWS
from tests.flows.kproxy_values import Flow, intake_of, node_of, packet_of, targets_of


@pytest.mark.parametrize("family", [4, 6])
@pytest.mark.parametrize("flow", ROWS, ids=lambda flow: flow.text)
def test_flow_by_walk(flow: Flow, family: int) -> None:
    outcome = walk(
        intake_of(flow.setup, family).tables[family], node_of(flow.setup, family), packet_of(flow, family)
    )
    if isinstance(flow.to, str):
        assert outcome.verdict == flow.to, outcome.because
        return
    assert outcome.verdict == "forward", outcome.because
    assert {str(target) for target in outcome.targets} == targets_of(flow, family)
    assert outcome.masquerade == flow.masquerade, outcome.because
    assert outcome.because


def test_no_two_rows_have_the_same_name_and_packet() -> None:
    seen = [(flow.text, flow.setup, flow.source, flow.destination) for flow in ROWS]
    assert len(set(seen)) == len(seen)
