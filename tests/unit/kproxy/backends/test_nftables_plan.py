"""What a change costs in operations, and in which order they come."""

from kproxy.backends.nftables import names as n
from kproxy.backends.nftables.plan import Forget, Plan, Work
from kproxy.forwarding import ServicePortName
from kproxy.intake import Intake
from kproxy.node import NodeRules
from linux.nft import constants as k
from linux.nft.batch import (
    AddChain,
    AddElements,
    AddSet,
    AddTable,
    DeleteChain,
    DeleteElements,
    DeleteSet,
    DeleteTable,
    FlushChain,
)
from linux.nft.values import Chain, Content, Hook
from tests.flows.kproxy_setups import AFFINITY, ONE_LOCAL
from tests.flows.kproxy_values import Setup, Svc, away, here, intake_of, node_of

_NAME = ServicePortName("ns", "svc", "p", "TCP")
_NODE = node_of(ONE_LOCAL, 4)


def _planned(setup: Setup, node: NodeRules = _NODE) -> Plan:
    plan = Plan(node)
    plan.full(intake_of(setup, 4).tables[4])
    return plan


def _partial(plan: Plan, setup: Setup) -> Work:
    return plan.partial(intake_of(setup, 4).tables[4], {_NAME})


def _elements(work: Work, kind: type) -> dict[str, int]:
    return {op.set: len(op.elements) for op in work.operations if isinstance(op, kind)}


def _setup(*ips: str) -> Setup:
    return Setup((Svc(endpoints=tuple(away(ip) for ip in ips)),))


def test_the_table_comes_first_and_entrances_last() -> None:
    work = Plan(_NODE).full(intake_of(ONE_LOCAL, 4).tables[4])
    assert isinstance(work.transactions[0][0], AddTable)
    kinds = [type(op) for op in work.transactions[0]]
    assert kinds.index(AddSet) < kinds.index(AddChain)
    filled = [op.set for op in work.operations if isinstance(op, AddElements)]
    assert filled[-1] == n.SERVICE_IPS


def test_a_replaced_endpoint_costs_one_element_out_and_one_in() -> None:
    plan = _planned(_setup("10.180.0.1", "10.180.0.2"))
    work = _partial(plan, _setup("10.180.0.1", "10.180.0.3"))
    assert _elements(work, DeleteElements) == {n.ENDPOINTS: 1}
    assert _elements(work, AddElements) == {n.ENDPOINTS: 1}
    assert len(work.transactions) == 1


def test_a_change_of_nothing_is_no_transaction() -> None:
    plan = _planned(_setup("10.180.0.1"))
    assert _partial(plan, _setup("10.180.0.1")) == Work()
    assert not plan.has_leftovers


def test_growing_brings_the_chain_before_its_verdict() -> None:
    plan = _planned(_setup("10.180.0.1"))
    work = _partial(plan, _setup("10.180.0.1", "10.180.0.2"))
    kinds = [type(op) for op in work.operations]
    assert kinds[0] is AddChain
    assert kinds.index(DeleteElements) < kinds.index(AddElements)
    assert _elements(work, AddElements) == {n.SERVICE_IPS: 1, n.ENDPOINTS: 1}
    assert plan.has_leftovers  # lb-1 has no user any more
    assert [op.name for op in plan.settle().operations if isinstance(op, DeleteChain)] == ["lb-1"]
    assert not plan.has_leftovers


def test_shrinking_repoints_the_last_index_and_removes_it_later() -> None:
    plan = _planned(_setup("10.180.0.1", "10.180.0.2"))
    work = _partial(plan, _setup("10.180.0.1"))
    added = [op for op in work.operations if isinstance(op, AddElements) and op.set == n.ENDPOINTS]
    (lingering,) = added[0].elements
    assert isinstance(lingering.data, bytes)
    assert lingering.data[:4] == bytes((10, 180, 0, 1))
    assert _elements(plan.settle(), DeleteElements) == {n.ENDPOINTS: 1}


def test_growing_again_before_settling_keeps_the_index() -> None:
    plan = _planned(_setup("10.180.0.1", "10.180.0.2"))
    _partial(plan, _setup("10.180.0.1"))
    _partial(plan, _setup("10.180.0.1", "10.180.0.2"))
    assert _elements(plan.settle(), DeleteElements) == {}


def test_the_last_endpoint_leaves_nothing_behind() -> None:
    plan = _planned(_setup("10.180.0.1"))
    work = _partial(plan, _setup())
    assert _elements(work, DeleteElements) == {n.SERVICE_IPS: 1, n.ENDPOINTS: 1}
    assert _elements(work, AddElements) == {n.NO_ENDPOINT_IPS: 1}


def test_what_the_kernel_has_already_is_not_written() -> None:
    plan = _planned(AFFINITY)
    again = Plan(_NODE)
    again.adopt(plan.content())
    work = again.full(intake_of(AFFINITY, 4).tables[4])
    assert [type(op) for op in work.operations] == [AddTable]


def test_foreign_things_in_the_table_are_removed() -> None:
    plan = _planned(ONE_LOCAL)
    content = plan.content()
    chains = {**content.chains, "intruder": Chain("intruder")}
    again = Plan(_NODE)
    again.adopt(content._replace(chains=chains))
    again.full(intake_of(ONE_LOCAL, 4).tables[4])
    assert again.settle().operations == (
        FlushChain(again.table, "intruder"),
        DeleteChain(again.table, "intruder"),
    )


def test_a_table_of_another_shape_is_made_anew_in_one_transaction() -> None:
    content = _planned(ONE_LOCAL).content()
    chains = dict(content.chains)
    chains[n.NAT_OUTPUT] = chains[n.NAT_OUTPUT]._replace(hook=Hook("nat", k.HOOK_OUTPUT, -50))
    again = Plan(_NODE)
    again.adopt(content._replace(chains=chains))
    work = again.full(intake_of(ONE_LOCAL, 4).tables[4])
    assert len(work.transactions) == 1
    assert isinstance(work.operations[0], DeleteTable)
    assert len(work.operations) > 50


def test_an_endpoint_that_goes_is_forgotten_by_affinity() -> None:
    plan = _planned(AFFINITY)
    smaller = Setup((AFFINITY.services[0]._replace(endpoints=AFFINITY.services[0].endpoints[:1]),))
    work = _partial(plan, smaller)
    (forget,) = work.forget
    assert forget == Forget(n.own(_NAME, "affinity"), frozenset({bytes((10, 180, 2, 1)) + b"\0\x50\0\0"}))


def test_affinity_that_ends_takes_its_map_along() -> None:
    plan = _planned(AFFINITY)
    without = Setup((AFFINITY.services[0]._replace(affinity_s=None),))
    _partial(plan, without)
    dropped = [op.name for op in plan.settle().operations if isinstance(op, DeleteSet)]
    assert dropped == [n.own(_NAME, "affinity")]


def test_adopted_memory_of_endpoints_that_went_is_forgotten() -> None:
    plan = _planned(AFFINITY)
    content = plan.content()
    name = n.own(_NAME, "affinity")
    from linux.nft.values import Element

    gone = bytes((10, 180, 9, 9)) + b"\0\x50\0\0"
    elements = {**content.elements, name: {b"\1\2\3\4": Element(b"\1\2\3\4", gone)}}
    again = Plan(_NODE)
    again.adopt(Content(content.table, content.chains, content.sets, elements))
    assert again.full(intake_of(AFFINITY, 4).tables[4]).forget == (Forget(name, frozenset({gone})),)


def test_a_changed_node_costs_its_rules_only() -> None:
    plan = _planned(ONE_LOCAL)
    elsewhere = NodeRules(family=4, node_port_addresses=("192.168.0.3",), local_addresses=("192.168.0.3",))
    work = plan.partial({}, (), elsewhere)
    assert _elements(work, AddElements) == {n.NODE_PORT_IPS: 1}
    assert _elements(work, DeleteElements) == {n.NODE_PORT_IPS: 1}
    assert plan.node == elsewhere


def test_names_are_stable_and_fit() -> None:
    assert n.own(ServicePortName("ns1", "svc1", "p80", "TCP"), "service").startswith(
        "service-ULMVA6XW-ns1/svc1/tcp/p80"
    )
    assert len(n.own(ServicePortName("n" * 63, "s" * 63, "p" * 200, "TCP"), "affinity")) == 240


def test_a_local_endpoint_is_a_hairpin() -> None:
    intake: Intake = intake_of(Setup((Svc(endpoints=(here("10.180.0.1"), away("10.180.0.2"))),)), 4)
    plan = Plan(_NODE)
    plan.full(intake.tables[4])
    assert len(plan.content().elements[n.HAIRPIN]) == 1
