"""Listeners of the userspace proxy: who has them, and what a change touches."""

from hypothesis import given, settings
from hypothesis import strategies as st

from kproxy.backends.userspace.plan import Key, Plan, Route, is_inside, routes
from kproxy.forwarding import ServicePortName
from kproxy.node import LocalCIDR, NodeRules
from tests.flows.kproxy_rows import ROWS
from tests.flows.kproxy_setups import EXTERNAL_LOCAL, NODE_PORT_ANYWHERE, SAME_ADDRESS, TWO
from tests.flows.kproxy_values import Setup, Svc, away, intake_of, node_of

_NODE = node_of(TWO, 4)
_SETUPS = list(dict.fromkeys(flow.setup for flow in ROWS))


def test_a_changed_endpoint_touches_its_service_alone() -> None:
    first = Setup((Svc(endpoints=(away("10.180.0.1"),)), Svc("172.30.0.42", (away("10.180.0.1"),), name="b")))
    second = Setup(
        (Svc(endpoints=(away("10.180.0.2"),)), Svc("172.30.0.42", (away("10.180.0.1"),), name="b"))
    )
    plan = Plan(_NODE)
    plan.full(intake_of(first, 4).tables[4])
    work = plan.partial(intake_of(second, 4).tables[4], {ServicePortName("ns", "svc", "p", "TCP")})
    assert list(work.listeners) == [Key("TCP", "172.30.0.41", 80)]


def test_a_service_without_endpoints_has_no_listener() -> None:
    plan = Plan(_NODE)
    plan.full(intake_of(Setup((Svc(endpoints=(away("10.180.0.1"),)),)), 4).tables[4])
    work = plan.partial(intake_of(Setup((Svc(),)), 4).tables[4], {ServicePortName("ns", "svc", "p", "TCP")})
    assert work.listeners == {Key("TCP", "172.30.0.41", 80): None}


def test_sctp_is_not_spoken() -> None:
    plan = Plan(_NODE)
    plan.full(intake_of(TWO, 4).tables[4])
    assert {key.protocol for key in plan.wanted()} == {"TCP", "UDP"}


def test_ranges_and_single_addresses_become_local() -> None:
    plan = Plan(_NODE)
    assert plan.full(intake_of(EXTERNAL_LOCAL, 4).tables[4]).local_ranges == {
        "172.30.0.0/16",
        "1.2.3.4/32",
        "192.168.99.11/32",
    }


def test_node_ports_listen_on_every_local_address_and_on_loopback() -> None:
    node = NodeRules(family=4, local_addresses=("192.168.0.2",), localhost_node_ports=True)
    service = next(iter(intake_of(NODE_PORT_ANYWHERE, 4).tables[4].values()))
    found = {key.ip for key, _ in routes(service, node) if key.port == 3001}
    assert found == {"192.168.0.2", "127.0.0.1"}


def test_the_first_by_name_listens_and_the_next_takes_over() -> None:
    plan, table = Plan(_NODE), intake_of(SAME_ADDRESS, 4).tables[4]
    plan.full(table)
    key, first = Key("TCP", "192.168.99.11", 80), ServicePortName("ns", "a", "p", "TCP")
    assert plan.wanted()[key].name == first
    rest = {name: service for name, service in table.items() if name != first}
    taken = plan.partial(rest, {first}).listeners[key]
    assert isinstance(taken, Route)
    assert taken.name.service == "b"


def test_who_is_inside() -> None:
    node = NodeRules(family=4, detector=LocalCIDR("10.0.0.0/8"), local_addresses=("192.168.0.2",))
    assert [is_inside(node, ip) for ip in ("10.1.1.1", "192.168.0.2", "127.0.0.1", "8.8.8.8")] == [
        True,
        True,
        True,
        False,
    ]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from(_SETUPS), max_size=6))
def test_any_walk_through_changes_ends_as_a_fresh_start_does(setups: list[Setup]) -> None:
    plan = Plan(_NODE)
    listening: dict[Key, Route] = {}
    names: set[ServicePortName] = set()
    table = {}
    for setup in setups:
        table = intake_of(setup, 4).tables[4]
        for key, route in plan.partial(table, names | set(table)).listeners.items():
            if route is None:
                listening.pop(key, None)
            else:
                listening[key] = route
        names |= set(table)
    fresh = Plan(_NODE)
    fresh.full(table)
    assert listening == fresh.wanted()
