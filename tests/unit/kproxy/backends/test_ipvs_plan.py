"""What a change costs in IPVS, who keeps a virtual server, and how real servers leave."""

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kproxy.backends.ipvs import names as n
from kproxy.backends.ipvs.explain import traced
from kproxy.backends.ipvs.pieces import Entry, Real, Server, Virtual
from kproxy.backends.ipvs.plan import EMPTY, Plan, State, Work
from kproxy.backends.ipvs.rules import chains
from kproxy.backends.ipvs.settings import release, wanted
from kproxy.forwarding import ServicePortName
from kproxy.node import IpvsRules, LocalCIDR, NodeRules
from kproxy.walk import Packet
from linux.iptables.rules import render
from tests.flows.kproxy_rows import ROWS
from tests.flows.kproxy_setups import AFFINITY, EXTERNAL_LOCAL, RANGED, RANGED_WITHOUT_NODE
from tests.flows.kproxy_values import LB, LB2, VIP, Port, Setup, Svc, away, intake_of

_NAME = ServicePortName("ns", "svc", "p", "TCP")
_UDP = ServicePortName("ns", "svc", "p", "UDP")
_NODE = NodeRules(family=4, detector=LocalCIDR("10.0.0.0/8"), local_addresses=("192.168.0.2",))
_SETUPS = list(dict.fromkeys(flow.setup for flow in ROWS if len(flow.setup.services) == 1))
_AT = Virtual("TCP", VIP, 80)


def _setup(*ips: str, protocol: str = "TCP") -> Setup:
    return Setup((Svc(endpoints=tuple(away(ip) for ip in ips), ports=(Port(protocol=protocol),)),))


def _planned(setup: Setup, node: NodeRules = _NODE) -> Plan:
    plan = Plan(node)
    plan.full(intake_of(setup, 4).tables[4], EMPTY)
    return plan


def test_a_cluster_address_is_a_server_a_set_member_and_an_address() -> None:
    state = _planned(_setup("10.1.0.1", "10.1.0.2")).wanted()
    reals = {Real("10.1.0.1", 80): 1, Real("10.1.0.2", 80): 1}
    assert state.servers == {_AT: Server("rr", 0, reals)}
    assert state.addresses == {VIP}
    assert state.entries == {Entry(n.CLUSTER_IP, f"{VIP},tcp:80"), Entry(n.IPVS_IPS, VIP)}


def test_one_endpoint_more_is_one_real_server() -> None:
    plan = _planned(_setup("10.1.0.1"))
    work = plan.partial(intake_of(_setup("10.1.0.1", "10.1.0.2"), 4).tables[4], {_NAME})
    assert work == Work(reals=((_AT, Real("10.1.0.2", 80), 1),))


@pytest.mark.parametrize(("protocol", "name", "weight"), [("TCP", _NAME, 0), ("UDP", _UDP, None)])
def test_streams_finish_and_datagrams_do_not(
    protocol: str, name: ServicePortName, weight: int | None
) -> None:
    plan = _planned(_setup("10.1.0.1", "10.1.0.2", protocol=protocol))
    work = plan.partial(intake_of(_setup("10.1.0.1", protocol=protocol), 4).tables[4], {name})
    assert work.reals == ((Virtual(protocol, VIP, 80), Real("10.1.0.2", 80), weight),)


def test_affinity_is_persistence() -> None:
    servers = _planned(AFFINITY).wanted().servers.values()
    assert {server.persistent_s for server in servers} == {60}


def test_what_the_kernel_says_already_is_no_work() -> None:
    for setup in _SETUPS:
        table = intake_of(setup, 4).tables[4]
        state = _planned(setup).wanted()
        assert Plan(_NODE).full(table, state).size == 0


def test_a_real_server_that_was_leaving_gets_its_weight_back() -> None:
    state = State({_AT: Server("rr", 0, {Real("10.1.0.1", 80): 0})}, frozenset(), frozenset())
    work = Plan(_NODE).full(intake_of(_setup("10.1.0.1"), 4).tables[4], state)
    assert work.reals == ((_AT, Real("10.1.0.1", 80), 1),)


def test_foreign_changes_are_told_from_servers_that_are_leaving() -> None:
    plan = _planned(_setup("10.1.0.1", "10.1.0.2"))
    wanted = plan.wanted()
    server = wanted.servers[_AT]

    def agrees(reals: dict[Real, int]) -> bool:
        return plan.agrees(wanted, wanted._replace(servers={_AT: server._replace(reals=reals)}))

    assert agrees(dict(server.reals))
    assert agrees({**server.reals, Real("10.1.0.9", 80): 0})
    assert not agrees({**server.reals, Real("10.1.0.9", 80): 1})
    assert not agrees({Real("10.1.0.1", 80): 1})
    assert not agrees({**server.reals, Real("10.1.0.1", 80): 0})
    assert not plan.agrees(wanted, wanted._replace(servers={}))
    assert not plan.agrees(wanted, wanted._replace(entries=frozenset()))
    assert not plan.agrees(wanted, wanted._replace(addresses=wanted.addresses | {"9.9.9.9"}))


def test_excluded_servers_are_left_alone() -> None:
    foreign, own = Virtual("TCP", "9.9.9.9", 80), Virtual("TCP", "8.8.8.8", 80)
    state = State({foreign: Server("wrr", 0, {}), own: Server("rr", 0, {})}, frozenset(), frozenset())
    node = msgspec.structs.replace(_NODE, ipvs=IpvsRules(excluded_cidrs=("9.9.9.0/24",)))
    assert Plan(node).full({}, state).remove_servers == (own,)


def test_a_new_node_address_gets_the_node_ports() -> None:
    plan = _planned(EXTERNAL_LOCAL)
    node = msgspec.structs.replace(_NODE, local_addresses=("192.168.0.2", "192.168.7.7"))
    work = plan.partial(intake_of(EXTERNAL_LOCAL, 4).tables[4], set(), node)
    assert {virtual.ip for virtual, _ in work.add_servers} == {"192.168.7.7"}
    assert not work.remove_servers


def test_source_ranges_are_members_of_sets() -> None:
    kinds = {entry.of for entry in _planned(RANGED).wanted().entries}
    assert {n.LB, n.LB_FW} <= kinds
    assert kinds & {n.LB_SOURCE_CIDR, n.LB_SOURCE_IP}


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from([*_SETUPS, Setup(())]), max_size=6))
def test_any_way_ends_where_a_fresh_start_does(setups: list[Setup]) -> None:
    plan = _planned(Setup(()))
    names: set[ServicePortName] = set()
    for setup in setups:
        table = intake_of(setup, 4).tables[4]
        names |= table.keys()
        plan.partial(table, names)
        assert plan.wanted() == _planned(setup).wanted()


def test_names_fit_the_kernel() -> None:
    assert n.set_name(n.LB_SOURCE_CIDR, 6) == "KUBE-6-LOAD-BALANCER-SOURCE-CID"
    assert len({n.set_name(what, 6) for what in n.KINDS}) == len(n.KINDS)


def test_rules_do_not_depend_on_services() -> None:
    text = [render(rule) for rule in chains(_NODE)["nat"][n.SERVICES]]
    assert (
        '-m comment --comment "cluster IPs" ! -s 10.0.0.0/8 -m set --match-set KUBE-CLUSTER-IP dst,dst'
        in text[2]
    )


@pytest.mark.parametrize(
    ("setup", "verdict"), [(RANGED, "forward"), (RANGED_WITHOUT_NODE, "drop"), (EXTERNAL_LOCAL, "forward")]
)
def test_the_nodes_own_connections_to_a_balancer_that_leaves_it_out_are_dropped(
    setup: Setup, verdict: str
) -> None:
    """Only those from the balancer's address, which a connection has that is bound to none; as kube-proxy does."""
    table = intake_of(setup, 4).tables[4]
    for source, expected in ((LB, verdict), ("192.168.0.2", "forward")):
        packet = Packet(source=source, destination=LB, port=80, in_interface="")
        assert traced(table, _NODE, packet).verdict == expected, source


def test_guards_come_and_go_with_the_ranges() -> None:
    plan = _planned(RANGED)
    assert plan.guarded == frozenset()
    plan.partial(intake_of(RANGED_WITHOUT_NODE, 4).tables[4], {_NAME})
    assert plan.guarded == {Virtual("TCP", LB, 80), Virtual("TCP", LB2, 80)}
    assert [render(rule) for rule in chains(_NODE, plan.guarded)["filter"][n.OUT_FILTER]] == [
        f"-s {ip}/32 -m ipvs --vproto tcp --vaddr {ip} --vport 80 -j DROP" for ip in (LB, LB2)
    ]
    plan.partial({}, {_NAME})
    assert plan.guarded == frozenset()


def test_sysctls_follow_the_kernel_and_strict_arp() -> None:
    old, new = (
        dict(wanted(IpvsRules(), "5.4.0-1")),
        dict(wanted(IpvsRules(strict_arp=True), "6.1.0-13-amd64")),
    )
    assert old["net/ipv4/vs/conn_reuse_mode"] == 0
    assert "net/ipv4/vs/conn_reuse_mode" not in new
    assert new["net/ipv4/conf/all/arp_ignore"] == 1
    assert release("nothing") == (0, 0)
