"""From configuration and Node to what holds for all services."""

from typing import Any

import msgspec
import pytest

from kproxy import surroundings
from kproxy.configuration.config import Configuration, DetectLocal, IptablesSection, NftablesSection
from kproxy.node import LocalBridge, LocalCIDR, LocalDetector, LocalPrefix
from kproxy.surroundings import Surroundings
from kube.objects import Node

_NODE = msgspec.convert(
    {
        "metadata": {"name": "n", "labels": {"topology.kubernetes.io/zone": "z"}},
        "spec": {"podCIDRs": ["10.244.1.0/24", "fd00:10:244:1::/64"]},
        "status": {
            "addresses": [
                {"type": "Hostname", "address": "n"},
                {"type": "ExternalIP", "address": "203.0.113.9"},
                {"type": "InternalIP", "address": "192.168.0.2"},
                {"type": "InternalIP", "address": "fd00::2"},
            ]
        },
    },
    Node,
)
_AROUND = Surroundings(
    node_name="n",
    node=_NODE,
    addresses=("127.0.0.1", "192.168.0.2", "192.168.7.7", "fd00::2"),
    service_cidrs=("10.96.0.0/16", "fd00:10:96::/112"),
    bridge_filtered=frozenset((4, 6)),
)


_WITH_LOOPBACK = ("192.168.0.0/24", "127.0.0.0/8")
_NO_LOCALHOST = IptablesSection(localhost_node_ports=False)


def _config(**fields: Any) -> Configuration:
    return Configuration(**{"mode": "nftables", **fields})


def test_the_node_is_placed() -> None:
    place = surroundings.place(_config(), _AROUND)
    assert (place.zone, place.node_ips) == ("z", ("192.168.0.2", "fd00::2"))
    gated = surroundings.place(_config(feature_gates={"AllowServiceExternalIPs": False}), _AROUND)
    assert not gated.external_ips_allowed


def test_a_bind_address_is_the_primary_one() -> None:
    assert surroundings.node_ips(_config(bind_address="192.168.7.7"), _NODE)[0] == "192.168.7.7"
    assert surroundings.node_ips(_config(), None) == ()


@pytest.mark.parametrize(
    ("fields", "detector"),
    [
        ({"cluster_cidr": "10.244.0.0/16,fd00:10:244::/56"}, LocalCIDR("10.244.0.0/16")),
        ({}, None),
        ({"detect_local_mode": "NodeCIDR"}, LocalCIDR("10.244.1.0/24")),
        (
            {"detect_local_mode": "BridgeInterface", "detect_local": DetectLocal(bridge_interface="cni0")},
            LocalBridge("cni0"),
        ),
        ({"detect_local_mode": "BridgeInterface"}, None),
        (
            {
                "detect_local_mode": "InterfaceNamePrefix",
                "detect_local": DetectLocal(interface_name_prefix="veth"),
            },
            LocalPrefix("veth"),
        ),
    ],
)
def test_how_local_traffic_is_told(fields: dict[str, Any], detector: LocalDetector | None) -> None:
    assert surroundings.node_rules(_config(**fields), _AROUND, 4).detector == detector


@pytest.mark.parametrize(
    ("fields", "family", "addresses"),
    [
        ({}, 4, ("192.168.0.2",)),
        ({}, 6, ("fd00::2",)),
        ({"mode": "iptables"}, 4, None),
        ({"node_port_addresses": ("primary",), "mode": "iptables"}, 4, ("192.168.0.2",)),
        ({"node_port_addresses": ("192.168.0.0/16",)}, 4, ("192.168.0.2", "192.168.7.7")),
        ({"node_port_addresses": ("192.168.7.0/24",)}, 4, ("192.168.7.7",)),
        ({"node_port_addresses": ("10.0.0.0/8",)}, 4, ()),
        ({"node_port_addresses": ("192.168.0.0/16",)}, 6, None),
        ({"node_port_addresses": ("0.0.0.0/0",)}, 4, None),
        ({"node_port_addresses": _WITH_LOOPBACK}, 4, ("192.168.0.2",)),
        ({"node_port_addresses": _WITH_LOOPBACK, "mode": "iptables"}, 4, ("192.168.0.2", "127.0.0.1")),
        ({"node_port_addresses": _WITH_LOOPBACK, "mode": "userspace"}, 4, ("192.168.0.2", "127.0.0.1")),
        (
            {"node_port_addresses": _WITH_LOOPBACK, "mode": "iptables", "iptables": _NO_LOCALHOST},
            4,
            ("192.168.0.2",),
        ),
        ({"node_port_addresses": ("::1/128",), "mode": "userspace"}, 6, ("::1",)),
        ({"node_port_addresses": ("::1/128",), "mode": "iptables"}, 6, ()),
    ],
)
def test_where_node_ports_answer(
    fields: dict[str, Any], family: int, addresses: tuple[str, ...] | None
) -> None:
    assert surroundings.node_rules(_config(**fields), _AROUND, family).node_port_addresses == addresses


def test_an_unknown_node_answers_everywhere() -> None:
    nobody = msgspec.structs.replace(_AROUND, node=None)
    assert surroundings.node_rules(_config(), nobody, 4).node_port_addresses is None


def test_pod_ranges_count_only_where_bridges_are_not_filtered() -> None:
    assert surroundings.node_rules(_config(), _AROUND, 4).bridged_pod_ranges == ()
    unfiltered = msgspec.structs.replace(_AROUND, bridge_filtered=frozenset({4}))
    assert surroundings.node_rules(_config(), unfiltered, 4).bridged_pod_ranges == ()
    assert surroundings.node_rules(_config(), unfiltered, 6).bridged_pod_ranges == ("fd00:10:244:1::/64",)


def test_the_modes_own_section_counts() -> None:
    rules = surroundings.node_rules(
        _config(nftables=NftablesSection(masquerade_all=True, masquerade_bit=3)), _AROUND, 4
    )
    assert (rules.masquerade_all, rules.masquerade_mark) == (True, 8)
    assert rules.service_cidrs == ("10.96.0.0/16",)
    assert rules.local_addresses == ("192.168.0.2", "192.168.7.7")
