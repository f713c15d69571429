from __future__ import annotations

import pytest

from dns.cluster.names import APEX, ClusterName, dashed, parse_name, pod_address

Z = "cluster.local."


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        (Z, APEX),
        (f"svc.{Z}", APEX),
        (f"pod.{Z}", APEX),
        (f"ns.svc.{Z}", ClusterName("svc", "ns")),
        (f"s.ns.svc.{Z}", ClusterName("svc", "ns", "s")),
        (f"e.s.ns.svc.{Z}", ClusterName("svc", "ns", "s", "e")),
        (f"_p._tcp.s.ns.svc.{Z}", ClusterName("svc", "ns", "s", port="p", protocol="tcp")),
        (f"p.tcp.s.ns.svc.{Z}", ClusterName("svc", "ns", "s", port="p", protocol="tcp")),
        (f"svc.svc.svc.{Z}", ClusterName("svc", "svc", "svc")),
        (f"x.{Z}", None),
        (f"a.b.c.s.ns.svc.{Z}", None),
    ],
)
def test_names_by_their_labels(name: str, expected: ClusterName | None) -> None:
    assert parse_name(name, Z) == expected


def test_two_labels_in_a_cluster_set_are_endpoint_and_cluster() -> None:
    found = parse_name("e.c.s.ns.svc.clusterset.local.", "clusterset.local.", multicluster=True)
    assert found == ClusterName("svc", "ns", "s", "e", "c")


@pytest.mark.parametrize(
    ("ip", "name"),
    [("10.0.0.1", "10-0-0-1"), ("2001:db8::1", "2001-db8--1"), ("2001:db8::", "2001-db8--0"), ("::1", "--1")],
)
def test_dashed_addresses(ip: str, name: str) -> None:
    assert dashed(ip) == name


@pytest.mark.parametrize(
    ("label", "ip"), [("10-0-0-1", "10.0.0.1"), ("2001-db8--1", "2001:db8::1"), ("a-b", "a:b")]
)
def test_pod_addresses(label: str, ip: str) -> None:
    assert pod_address(label) == ip
