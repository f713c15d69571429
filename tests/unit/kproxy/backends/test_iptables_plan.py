"""What a change costs in iptables, and what is taken over."""

import re
from bisect import bisect_left

from hypothesis import given, settings
from hypothesis import strategies as st

from kproxy.backends.iptables import names as n
from kproxy.backends.iptables.pieces import FILTER, NAT
from kproxy.backends.iptables.plan import Plan, Work
from kproxy.forwarding import ServicePortName
from kproxy.node import LocalCIDR, NodeRules
from linux.iptables.restore import Edit, Saved, document
from linux.iptables.rules import DROP, Jump, Rule
from tests.flows.kproxy_rows import ROWS
from tests.flows.kproxy_setups import AFFINITY, EXTERNAL_LOCAL, RANGED
from tests.flows.kproxy_values import A, R, Setup, Svc, away, here, intake_of

_NAME = ServicePortName("ns", "svc", "p", "TCP")
_NODE = NodeRules(family=4, detector=LocalCIDR("10.0.0.0/8"), local_addresses=("192.168.0.2",))
_SETUPS = list(dict.fromkeys(flow.setup for flow in ROWS if len(flow.setup.services) == 1))


def _setup(*ips: str) -> Setup:
    return Setup((Svc(endpoints=tuple(away(ip) for ip in ips)),))


def _planned(setup: Setup) -> Plan:
    plan = Plan(_NODE)
    plan.full(intake_of(setup, 4).tables[4], {})
    return plan


def _partial(plan: Plan, setup: Setup) -> Work:
    return plan.partial(intake_of(setup, 4).tables[4], {_NAME})


def _written(work: Work) -> dict[str, list[str]]:
    return {edit.table: sorted(edit.write) for edit in work.edits}


def test_chain_names_are_kube_proxys() -> None:
    name = ServicePortName("ns1", "svc1", "p80", "TCP")
    assert n.own(n.CLUSTER, name) == "KUBE-SVC-XPGD46QRK7WJZT7O"
    assert n.own(n.ENDPOINT, name, "10.180.0.1:80") == "KUBE-SEP-SXIVWICOYRO3J4NJ"


def test_a_changed_endpoint_is_one_chain() -> None:
    plan = _planned(_setup("10.180.0.1", "10.180.0.2"))
    assert _written(_partial(plan, _setup("10.180.0.1", "10.180.0.3"))) == {NAT: [n.own(n.CLUSTER, _NAME)]}


def test_no_change_is_no_restore() -> None:
    plan = _planned(AFFINITY)
    assert _partial(plan, AFFINITY) == Work()
    assert document(_partial(plan, AFFINITY).edits) == ""


def test_what_is_written_first_stays_at_the_head_of_a_sorted_list() -> None:
    """iptables-nft-restore looks names up in one: ten times the services would take it a hundred times as long."""
    services = tuple(
        Svc(ip=f"172.30.{i // 200}.{i % 200}", endpoints=(away(A), away(R)), name=f"s{i}") for i in range(400)
    )
    edits = Plan(_NODE).full(intake_of(Setup(services), 4).tables[4], {}).edits
    met: list[str] = []
    steps = 0
    for line in document([edit for edit in edits if edit.table == NAT]).splitlines():
        for name in re.findall(r"(?:^:|-A |-j )(KUBE-[A-Z0-9-]+)", line):
            place = bisect_left(met, name)
            steps += place
            if met[place : place + 1] != [name]:
                met.insert(place, name)
    assert steps < 10 * len(document(edits).splitlines())


def test_losing_the_last_endpoint_moves_the_service_to_the_rejects() -> None:
    plan = _planned(_setup("10.180.0.1"))
    work = _partial(plan, _setup())
    assert _written(work) == {FILTER: [n.SERVICES], NAT: [n.SERVICES]}
    assert next(e for e in work.edits if e.table == NAT).remove == (n.own(n.CLUSTER, _NAME),)


def test_a_local_endpoint_changes_the_hairpins() -> None:
    plan = _planned(_setup("10.180.0.1"))
    work = _partial(plan, Setup((Svc(endpoints=(here("10.180.0.1"),)),)))
    assert n.HAIRPIN in _written(work)[NAT]


def test_what_kube_proxy_left_is_removed_and_jumps_are_not_doubled() -> None:
    saved = {
        NAT: Saved(
            {"OUTPUT": ("-j KUBE-SERVICES",), "KUBE-SEP-OLD": (), "KUBE-SVC-OLD": (), "KUBE-SERVICES": ()}
        ),
        FILTER: Saved({}),
    }
    work = Plan(_NODE).full(intake_of(_setup("10.180.0.1"), 4).tables[4], saved)
    nat = next(e for e in work.edits if e.table == NAT)
    assert nat.remove == ("KUBE-SEP-OLD", "KUBE-SVC-OLD")
    assert sorted(chain for chain, _ in nat.insert) == ["POSTROUTING", "PREROUTING"]


def test_a_changed_node_writes_what_it_changes() -> None:
    plan = _planned(EXTERNAL_LOCAL)
    table = intake_of(EXTERNAL_LOCAL, 4).tables[4]
    node = NodeRules(family=4, detector=LocalCIDR("10.0.0.0/9"), local_addresses=("192.168.0.2",))
    written = _written(plan.partial(table, (), node))[NAT]
    assert n.own(n.EXTERNAL, _NAME) in written
    assert n.POSTROUTING not in written
    assert plan.partial(table, (), node) == Work()


def test_localhost_node_ports_are_kept_from_strangers() -> None:
    node = NodeRules(family=4, localhost_node_ports=True)
    plan = Plan(node)
    plan.full({}, {})
    assert plan.chains(FILTER)[n.FIREWALL] != ()
    assert _planned(RANGED).chains(FILTER)[n.FIREWALL] == ()


def test_connections_to_node_ports_on_localhost_are_counted_where_they_answer() -> None:
    """Only on the way of a service with a node port, and by the kernel's own counter where it has one."""
    node = NodeRules(family=4, localhost_node_ports=True)
    count = Jump(n.LOCALHOST_NODE_PORTS)
    setups = {"node port": EXTERNAL_LOCAL, "none": Setup((Svc(endpoints=(away(A),)),))}
    for expected, (case, setup) in zip((True, False), setups.items(), strict=True):
        plan = Plan(node, accounted=True)
        plan.full(intake_of(setup, 4).tables[4], {})
        chains = plan.chains(NAT)
        jumping = {chain for chain, rules in chains.items() if any(r.target == count for r in rules)}
        assert jumping == ({n.own(n.EXTERNAL, _NAME)} if expected else set()), case
        assert [r.counter for r in chains[n.LOCALHOST_NODE_PORTS]] == ["localhost_nps_accepted_pkts"]


def test_without_the_kernels_counters_rules_count_by_themselves() -> None:
    node = NodeRules(family=4, localhost_node_ports=True, drops_invalid=True)
    plan = Plan(node)
    plan.full(intake_of(EXTERNAL_LOCAL, 4).tables[4], {})
    rules = [rule for kind in (NAT, FILTER) for chain in plan.chains(kind).values() for rule in chain]
    assert {rule.counter for rule in rules} == {""}
    assert Rule(DROP, states=("INVALID",)) in plan.chains(FILTER)[n.FORWARD]


class _Kernel:
    """Takes edits as iptables-restore does."""

    def __init__(self) -> None:
        self.tables: dict[str, dict[str, tuple[Rule, ...]]] = {NAT: {}, FILTER: {}}

    def restore(self, edits: tuple[Edit, ...]) -> None:
        for edit in edits:
            chains = self.tables[edit.table]
            chains.update(edit.write)
            for chain in edit.remove:
                del chains[chain]
            known = {*chains, "ACCEPT", "PREROUTING", "INPUT", "FORWARD", "OUTPUT", "POSTROUTING"}
            for rules in chains.values():
                for rule in rules:
                    assert getattr(rule.target, "chain", "ACCEPT") in known, "the kernel says: no such chain"


@settings(max_examples=80, deadline=None)
@given(st.lists(st.sampled_from(_SETUPS), max_size=8))
def test_any_walk_through_changes_ends_as_a_fresh_start_does(setups: list[Setup]) -> None:
    plan, kernel = Plan(_NODE), _Kernel()
    kernel.restore(plan.full({}, {}).edits)
    names: set[ServicePortName] = set()
    table = {}
    for setup in setups:
        table = intake_of(setup, 4).tables[4]
        kernel.restore(plan.partial(table, names | set(table)).edits)
        names |= set(table)
    fresh = Plan(_NODE)
    fresh.full(table, {})
    assert kernel.tables == {kind: fresh.written(kind) for kind in (NAT, FILTER)}
