"""The flow table against the userspace proxy's plan: the same endpoints, always masked, refused instead of dropped."""

import msgspec
import pytest

from kproxy.backends.userspace.explain import traced
from kproxy.node import LocalCIDR, NodeRules
from tests.flows.kproxy_rows import ROWS
from tests.flows.kproxy_values import Flow, intake_of, node_of, packet_of, targets_of

_SAYS = {"drop": "reject", "reject": "reject", "pass": "pass"}


def _node(flow: Flow, family: int) -> NodeRules:
    return msgspec.structs.replace(
        node_of(flow.setup, family), localhost_node_ports=flow.setup.node_ports is None
    )


def _same(flow: Flow) -> bool:
    """Detectors by interface cannot be asked of a socket, SCTP is not spoken, loopback is listened on."""
    setup = flow.setup
    by_interface = setup.detector is not None and not isinstance(setup.detector, LocalCIDR)
    nowhere_else = flow.text in (
        "but loopback never",
        "the balancer's address as source is let in with the node",
    )
    return not (by_interface or flow.protocol == "SCTP" or nowhere_else)


@pytest.mark.parametrize("family", [4, 6])
@pytest.mark.parametrize("flow", [flow for flow in ROWS if _same(flow)], ids=lambda flow: flow.text)
def test_flow_by_plan(flow: Flow, family: int) -> None:
    table = intake_of(flow.setup, family).tables[family]
    seen = traced(table, _node(flow, family), packet_of(flow, family))
    if not isinstance(flow.to, str):
        assert seen.verdict == "forward"
        assert set(seen.targets) == targets_of(flow, family)
        assert seen.masquerade
    elif flow.destination.startswith("1.2.3.4:81"):
        assert seen.verdict == "reject"  # the address is this host's as a whole
    else:
        assert seen.verdict == _SAYS[flow.to]


def test_loopback_and_the_balancers_own_address() -> None:
    loopback = next(flow for flow in ROWS if flow.text == "but loopback never")
    own = next(
        flow for flow in ROWS if flow.text == "the balancer's address as source is let in with the node"
    )
    for flow in (loopback, own):
        table = intake_of(flow.setup, 4).tables[4]
        assert traced(table, _node(flow, 4), packet_of(flow, 4)).verdict == "forward"
