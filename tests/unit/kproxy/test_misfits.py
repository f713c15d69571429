"""What does not fit the cluster's families: warned of, or fatal where pods could not be told from others."""

from typing import Any

import pytest

from kproxy.configuration.config import Configuration, IpvsSection
from kproxy.misfits import misfits
from kproxy.surroundings import Surroundings
from kube.objects import Node, decode

_FOUR, _SIX, _BOTH = "10.0.0.0/8", "fd00:10::/64", "10.0.0.0/8,fd00:10::/64"
_PORTS = ("192.168.0.0/24",)


def _around(address: str = "192.168.0.2", pod_cidrs: str = "") -> Surroundings:
    ranges = ",".join(f'"{cidr}"' for cidr in pod_cidrs.split(",") if cidr)
    text = f"""{{"metadata": {{"name": "n"}}, "spec": {{"podCIDRs": [{ranges}]}},
        "status": {{"addresses": [{{"type": "InternalIP", "address": "{address}"}}]}}}}"""
    return Surroundings(node_name="n", node=decode(Node, text.encode()))


def _config(**fields: Any) -> Configuration:
    return Configuration(**{"mode": "iptables", "node_port_addresses": _PORTS, **fields})


@pytest.mark.parametrize(
    ("fields", "around", "families", "words"),
    [
        ({}, _around(), (4,), ""),
        ({"cluster_cidr": _FOUR}, _around(), (4,), ""),
        ({"cluster_cidr": _SIX}, _around(), (4,), "IPv4-only, but clusterCIDR"),
        ({"cluster_cidr": _SIX, "detect_local_mode": "ClusterCIDR"}, _around(), (4,), "IPv4-only, but clusterCIDR"),
        ({"cluster_cidr": _SIX}, _around(), (4, 6), ""),
        ({"cluster_cidr": _SIX, "detect_local_mode": "NodeCIDR"}, _around(), (4,), ""),
        ({"detect_local_mode": "NodeCIDR"}, _around(pod_cidrs=_SIX), (4, 6), "IPv4-primary, but the node's podCIDRs"),
        ({"detect_local_mode": "NodeCIDR"}, _around("fd00::2", _FOUR), (4, 6), "IPv6-primary, but the node's podCIDRs"),
        ({"detect_local_mode": "NodeCIDR"}, _around(pod_cidrs=_BOTH), (4, 6), ""),
        ({}, _around(pod_cidrs=_SIX), (4, 6), ""),
    ],
)  # fmt: skip
def test_pods_that_cannot_be_told_are_fatal(
    fields: dict[str, Any], around: Surroundings, families: tuple[int, ...], words: str
) -> None:
    fatal = misfits(_config(**fields), around, families).fatal
    assert bool(fatal) == bool(words)
    assert words in fatal


@pytest.mark.parametrize(
    ("fields", "families", "words"),
    [
        ({"node_port_addresses": None}, (4, 6), ["nodePortAddresses is unset"]),
        ({"node_port_addresses": None, "mode": "nftables"}, (4, 6), []),
        ({"node_port_addresses": ("primary",)}, (4, 6), []),
        ({"node_port_addresses": ("fd03::/64",)}, (4, 6), ["no IPv4 range"]),
        ({"cluster_cidr": _BOTH}, (4, 6), ["no IPv6 range"]),
        ({"cluster_cidr": _BOTH, "node_port_addresses": (*_PORTS, "fd03::/64")}, (4, 6), []),
        ({"cluster_cidr": _SIX}, (4, 6), ["IPv4-primary, but clusterCIDR"]),
        ({"healthz_bind_address": "[fd00::1]:1"}, (4,), ["healthzBindAddress"]),
        ({"metrics_bind_address": "[::]:1", "healthz_bind_address": ""}, (4,), []),
        ({"healthz_bind_address": "[fd00::1]:1"}, (4, 6), []),
        ({"mode": "ipvs", "ipvs": IpvsSection(exclude_cidrs=(_SIX,))}, (4,), ["ipvs.excludeCIDRs"]),
    ],
)
def test_the_rest_is_warned_of(fields: dict[str, Any], families: tuple[int, ...], words: list[str]) -> None:
    found = misfits(_config(**fields), _around(), families).warnings
    assert len(found) == len(words)
    assert all(word in text for word, text in zip(words, found, strict=True))


def test_of_a_node_without_an_address_nothing_is_said() -> None:
    unknown = Surroundings(node_name="n")
    assert misfits(_config(cluster_cidr=_SIX), unknown, (4,)) == ((), "")
    bound = _config(cluster_cidr=_SIX, bind_address="192.168.0.2")
    assert "IPv4-only" in misfits(bound, unknown, (4,)).fatal
