"""Which endpoints serve which traffic (spec A2). What a packet then meets is in tests/flows."""

import pytest

from kproxy.forwarding import Drop, Forward, FrontendKind, Reject, ServicePortName
from kproxy.policy import Place, categorize, forwarding, reachable, topology_mode
from kproxy.services import EndpointState, ServicePort

_PLACE = Place(node_name="me", zone="a", node_ips=("192.168.0.2",))
_NAME = ServicePortName("ns", "s", "p", "TCP")


def _port(**more: object) -> ServicePort:
    return ServicePort(name=_NAME, cluster_ip="10.96.0.5", port=80, **more)  # type: ignore[arg-type]


def _endpoint(ip: str, **more: object) -> EndpointState:
    return EndpointState(ip=ip, port=80, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("hints", "mode"),
    [
        ([{"zones": ("a",)}, {"zones": ("b",)}], "zone"),
        ([{"zones": ("a",)}, {}], ""),
        ([{"zones": ("b",)}], ""),
        ([{"nodes": ("me",)}, {"nodes": ("x",)}], "node"),
        ([{"nodes": ("x",), "zones": ("a",)}], "zone"),
        ([{"nodes": ("me",), "zones": ("a",)}], "node"),
        ([{"zones": ("a",)}, {"ready": False}], "zone"),
        ([], ""),
    ],
)
def test_when_hints_count(hints: list[dict[str, object]], mode: str) -> None:
    assert topology_mode([_endpoint(f"10.0.0.{i}", **hint) for i, hint in enumerate(hints)], _PLACE) == mode


def test_a_node_without_a_zone_has_no_zone_hints() -> None:
    nowhere = Place(node_name="me")
    assert topology_mode([_endpoint("10.0.0.1", zones=("a",))], nowhere) == ""


def test_terminating_endpoints_ignore_the_topology() -> None:
    leaving = {"ready": False, "serving": True, "terminating": True}
    endpoints = (
        _endpoint("10.0.0.1", zones=("b",), **leaving),
        _endpoint("10.0.0.2", zones=("a",), **leaving),
    )
    assert categorize(_port(), endpoints, _PLACE).cluster == endpoints


def test_a_local_policy_counts_endpoints_anywhere_as_usable() -> None:
    groups = categorize(_port(internal_local=True), (_endpoint("10.0.0.1"),), _PLACE)
    assert (groups.cluster, groups.local, groups.any_usable) == ((), (), True)


def test_a_pure_cluster_port_has_no_short_circuit_even_with_a_local_policy() -> None:
    service = forwarding(_port(external_local=True), (_endpoint("10.0.0.1"),), _PLACE)
    assert service.short_circuit is None
    assert [f.kind for f in service.frontends] == [FrontendKind.CLUSTER_IP]


def test_verdicts_of_both_policies() -> None:
    port = _port(internal_local=True, external_local=True, node_port=3000)
    service = forwarding(port, (_endpoint("10.0.0.1"),), _PLACE)
    assert isinstance(service.internal, Drop)
    assert "internal" in service.internal.because
    assert isinstance(service.external, Drop)
    assert "external" in service.external.because
    assert isinstance(service.short_circuit, Forward)
    assert not service.masquerades_external
    assert {e.ip for e in reachable(service)} == {"10.0.0.1"}


def test_nothing_anywhere_is_a_rejection() -> None:
    service = forwarding(_port(internal_local=True), (_endpoint("10.0.0.1", ready=False),), _PLACE)
    assert service.internal == Reject()
    assert service.verdict_for(service.frontends[0]) == Reject()


def test_a_node_within_the_ranges_lets_the_balancer_in() -> None:
    port = _port(load_balancer_vips=("1.2.3.4",), source_ranges=("192.168.0.0/24", "192.168.1.0/24"))
    (frontend,) = (f for f in forwarding(port, (), _PLACE).frontends if f.kind is FrontendKind.LOAD_BALANCER)
    assert frontend.allowed_sources == (("1.2.3.4", "1.2.3.4"), ("192.168.0.0", "192.168.1.255"))


def test_ranges_without_a_balancer_address_ask_nothing() -> None:
    service = forwarding(_port(source_ranges=("192.168.0.0/24",), node_port=3000), (), _PLACE)
    assert all(f.allowed_sources is None for f in service.frontends)
