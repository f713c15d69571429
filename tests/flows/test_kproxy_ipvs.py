"""The flow table against a trace of what the IPVS backend plans, where it behaves as the others or is told apart."""

import msgspec
import pytest

from kproxy.backends.ipvs.explain import traced
from kproxy.node import NodeRules
from kproxy.policy import reachable
from kproxy.walk import walk
from tests.flows.kproxy_rows import ROWS
from tests.flows.kproxy_values import Flow, intake_of, node_of, packet_of, targets_of


def _node(flow: Flow, family: int) -> NodeRules:
    return msgspec.structs.replace(node_of(flow.setup, family), checks_cluster_ips=False, drops_invalid=True)


def _same(flow: Flow) -> bool:
    """A Local policy is decided for all clients alike, and what has no endpoints is refused, not dropped."""
    return all(s.external == "Cluster" and s.internal == "Cluster" for s in flow.setup.services)


@pytest.mark.parametrize("family", [4, 6])
@pytest.mark.parametrize("flow", [flow for flow in ROWS if _same(flow)], ids=lambda flow: flow.text)
def test_flow_by_plan(flow: Flow, family: int) -> None:
    table = intake_of(flow.setup, family).tables[family]
    seen = traced(table, _node(flow, family), packet_of(flow, family))
    oracle = walk(table, _node(flow, family), packet_of(flow, family))
    served = {f.ip for service in table.values() for f in service.frontends}
    if oracle.verdict == "pass" and packet_of(flow, family).destination in served:
        assert seen.verdict == "reject"  # a service's address is this host's own, and has no such port
    elif oracle.verdict == "drop" and packet_of(flow, family).source in _node(flow, family).local_addresses:
        assert seen.verdict == "forward"  # source ranges are asked of what comes in, not of the node itself
    else:
        assert seen.verdict == oracle.verdict, oracle.because
        assert seen.masqueraded == {str(t): t.masquerade for t in oracle.targets}
        if oracle.verdict == "forward":
            assert set(seen.targets) == targets_of(flow, family)


@pytest.mark.parametrize("family", [4, 6])
@pytest.mark.parametrize("flow", [flow for flow in ROWS if not _same(flow)], ids=lambda flow: flow.text)
def test_a_local_policy_never_sends_elsewhere_than_kube_proxy(flow: Flow, family: int) -> None:
    """To endpoints here if there are some, else to those of the whole cluster."""
    table, node = intake_of(flow.setup, family).tables[family], _node(flow, family)
    seen = traced(table, node, packet_of(flow, family))
    allowed = {str(e) for service in table.values() for e in reachable(service)}
    assert set(seen.targets) <= allowed
    if walk(table, node, packet_of(flow, family)).verdict == "forward":
        assert seen.verdict in ("forward", "reject")
