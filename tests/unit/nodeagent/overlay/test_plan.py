"""What a node's kernel should hold for other nodes' pods follows from the Nodes and the mode."""

from collections.abc import Iterable

import pytest

from kube.objects import Node, NodeAddress, NodeSpec, NodeStatus, ObjectMeta
from nodeagent.overlay.plan import (
    NOTHING,
    Mode,
    Place,
    PodRoute,
    Settings,
    Tunnel,
    Underlay,
    arranged,
    device_mac,
    place_of,
    plan_overlay,
    pod_mtu_bytes,
    pod_ranges,
    unreachable,
)


def node(name: str, cidrs: tuple[str, ...] = (), addresses: tuple[str, ...] = ()) -> Node:
    return Node(
        metadata=ObjectMeta(name=name),
        spec=NodeSpec(pod_cidrs=cidrs),
        status=NodeStatus(addresses=tuple(NodeAddress(type="InternalIP", address=ip) for ip in addresses)),
    )


A = node("a", ("10.244.0.0/24", "fd00:10:244::/64"), ("192.0.2.11", "2001:db8::b"))
B = node("b", ("10.244.1.0/24", "fd00:10:244:1::/64"), ("192.0.2.12", "2001:db8::c"))
UNDERLAY = Underlay(2, "192.0.2.11", 1500)
UNDERLAY6 = Underlay(2, "2001:db8::b", 1500)


def places_of(nodes: Iterable[Node]) -> tuple[Place, ...]:
    return arranged(map(place_of, nodes), "a")


def settings(mode: Mode) -> Settings:
    return Settings(mode, "a", ("192.0.2.11", "2001:db8::b"))


@pytest.mark.parametrize(
    ("mode", "underlay", "mtu_bytes"),
    [
        ("vxlan", UNDERLAY, 1450),  # RFC 7348: Ethernet 14, VXLAN 8, UDP 8, IPv4 20
        ("vxlan", UNDERLAY6, 1430),  # IPv6 40
        ("vxlan", Underlay(2, "192.0.2.11", 9000), 8950),
        ("vxlan", Underlay(2, "192.0.2.11", 1300), 1280),  # IPv6 needs 1280: the tunnel's packets are cut
        ("routes", Underlay(2, "192.0.2.11", 9000), 9000),
        ("none", UNDERLAY, 0),
        ("vxlan", None, 0),
    ],
)
def test_pods_get_packets_that_fit_the_underlay(
    mode: Mode, underlay: Underlay | None, mtu_bytes: int
) -> None:
    assert pod_mtu_bytes(mode, underlay) == mtu_bytes


def test_routes_lead_to_each_peer_by_its_address_of_the_same_family() -> None:
    found = plan_overlay(settings("routes"), places_of([A, B]), UNDERLAY)
    assert found == NOTHING._replace(
        routes=frozenset(
            {
                PodRoute("10.244.1.0/24", "192.0.2.12", tunnelled=False),
                PodRoute("fd00:10:244:1::/64", "2001:db8::c", tunnelled=False),
            }
        )
    )


def test_a_tunnel_carries_both_families_over_the_underlays_one() -> None:
    found = plan_overlay(settings("vxlan"), places_of([A, B]), UNDERLAY)
    assert found.tunnel == Tunnel(1, 4789, "192.0.2.11", device_mac("a"), 1450)
    assert found.addresses == {"10.244.0.1", "fd00:10:244::1"}
    assert found.routes == {
        PodRoute("10.244.1.0/24", "10.244.1.1", tunnelled=True),
        PodRoute("fd00:10:244:1::/64", "fd00:10:244:1::1", tunnelled=True),
    }
    assert found.neighbours == {("10.244.1.1", device_mac("b")), ("fd00:10:244:1::1", device_mac("b"))}
    assert found.forwarding == {(device_mac("b"), "192.0.2.12")}


def test_over_an_ipv6_underlay_peers_are_reached_by_ipv6() -> None:
    found = plan_overlay(settings("vxlan"), places_of([A, B]), UNDERLAY6)
    assert found.forwarding == {(device_mac("b"), "2001:db8::c")}


def test_a_peer_that_has_no_ranges_or_no_address_yet_has_no_entries() -> None:
    peers = [A, node("new", (), ("192.0.2.13",)), node("mute", ("10.244.9.0/24",), ())]
    for mode in ("routes", "vxlan"):
        found = plan_overlay(settings(mode), places_of(peers), UNDERLAY)
        assert not found.routes
        assert not found.forwarding


def test_a_peer_of_the_other_family_alone_is_named() -> None:
    six = node("six", ("fd00:10:244:2::/64",), ("2001:db8::d",))
    places = places_of([A, B, six])
    assert unreachable(settings("vxlan"), places, UNDERLAY) == {"six"}
    assert unreachable(settings("routes"), places, UNDERLAY) == frozenset()


def test_a_range_that_two_nodes_claim_is_the_first_ones() -> None:
    thief = node("c", ("10.244.0.0/24", "10.244.1.0/24", "10.244.2.0/24"), ("192.0.2.13",))
    found = plan_overlay(settings("routes"), places_of([thief, A, B]), UNDERLAY)
    assert {(route.dst, route.via) for route in found.routes if ":" not in route.dst} == {
        ("10.244.1.0/24", "192.0.2.12"),
        ("10.244.2.0/24", "192.0.2.13"),
    }


def test_what_cannot_be_read_of_a_node_does_not_hinder_the_others() -> None:
    odd = node("odd", ("10.244.3.0/33", "10.244.4.1/24"), ("not-an-address", "192.0.2.13"))
    assert places_of([odd, A])[1] == Place("odd", (), ("192.0.2.13",))
    for mode in ("routes", "vxlan"):
        assert plan_overlay(settings(mode), places_of([A, B, odd]), UNDERLAY) == plan_overlay(
            settings(mode), places_of([A, B]), UNDERLAY
        )


def test_nothing_is_wanted_without_a_mode_or_an_underlay() -> None:
    assert plan_overlay(settings("none"), places_of([A, B]), UNDERLAY) == NOTHING
    assert plan_overlay(settings("vxlan"), places_of([A, B]), None) == NOTHING


def test_every_node_computes_the_same_unicast_mac_for_a_node() -> None:
    assert device_mac("b") == "0e:3e:23:e8:16:00"
    assert not int(device_mac("b")[:2], 16) & 1


def test_pod_ranges_that_touch_are_merged() -> None:
    single = node("c", ("10.244.8.0/24",))
    old = Node(metadata=ObjectMeta(name="d"), spec=NodeSpec(pod_cidr="10.244.9.0/24"))
    assert pod_ranges(places_of([A, B, single, old])) == (
        "10.244.0.0/23",
        "10.244.8.0/23",
        "fd00:10:244::/63",
    )
