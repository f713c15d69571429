"""The flow table against a trace of the iptables backend's rules, where its behaviour is the same or told apart."""

import msgspec
import pytest

from kproxy.backends.iptables.explain import traced
from kproxy.node import NodeRules
from kproxy.walk import walk
from tests.flows.kproxy_rows import ROWS
from tests.flows.kproxy_values import Flow, intake_of, node_of, packet_of, targets_of


def _node(flow: Flow, family: int) -> NodeRules:
    return msgspec.structs.replace(
        node_of(flow.setup, family),
        checks_cluster_ips=False,
        filters_first=False,
        localhost_node_ports=family == 4 and flow.setup.node_ports is None,
        drops_invalid=True,
    )


@pytest.mark.parametrize("family", [4, 6])
@pytest.mark.parametrize("flow", ROWS, ids=lambda flow: flow.text)
def test_flow_by_rules(flow: Flow, family: int) -> None:
    table, node, packet = (
        intake_of(flow.setup, family).tables[family],
        _node(flow, family),
        packet_of(flow, family),
    )
    oracle = walk(table, node, packet)
    seen = traced(table, node, packet)
    assert seen.verdict == oracle.verdict, oracle.because
    assert seen.masqueraded == {str(t): t.masquerade for t in oracle.targets}
    usual = walk(table, node_of(flow.setup, family), packet)
    if usual.verdict == "forward":
        assert oracle.verdict == "forward"
        assert set(seen.targets) == targets_of(flow, family)


@pytest.mark.parametrize(
    ("text", "verdict"),
    [
        ("a port that the service does not have is rejected", "pass"),
        ("an address of the service range that nobody has is dropped", "pass"),
        ("a blocked source is dropped before it could be rejected", "reject"),
        ("but loopback never", "forward"),
        ("other ports of loopback are the node's own", "drop"),
        ("an address without node ports leaves the port alone", "reject"),
    ],
)
def test_where_iptables_differs(text: str, verdict: str) -> None:
    flow = next(flow for flow in ROWS if flow.text == text)
    table, packet = intake_of(flow.setup, 4).tables[4], packet_of(flow, 4)
    assert traced(table, _node(flow, 4), packet).verdict == verdict
