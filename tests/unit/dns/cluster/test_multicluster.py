"""Names of a whole cluster set (multicluster.x-k8s.io, clusterset.local)."""

from __future__ import annotations

from typing import Any

import pytest

from dns.fakes.cluster import LocalServer
from dns.fakes.objects import endpoint, endpoint_slice, namespace
from dns.wire import numbers, records

Z = "clusterset.local."
T = f"testns.svc.{Z}"
COREFILE = ". {\n kubernetes cluster.local clusterset.local {\n multicluster clusterset.local\n }\n}"


def service_import(name: str, *ips: str, kind: str = "ClusterSetIP") -> dict[str, Any]:
    return {
        "kind": "ServiceImport",
        "metadata": {"name": name, "namespace": "testns"},
        "spec": {"type": kind, "ips": list(ips), "ports": [{"name": "http", "protocol": "TCP", "port": 80}]},
    }


def imported(name: str, cluster: str, *endpoints: dict[str, Any]) -> dict[str, Any]:
    labels = {
        "multicluster.kubernetes.io/service-name": name,
        "multicluster.kubernetes.io/source-cluster": cluster,
    }
    return endpoint_slice(name, *endpoints, name=f"{name}-{cluster}", labels=labels)


OBJECTS = [
    namespace("testns"),
    service_import("svc", "10.7.0.1"),
    service_import("hdls", kind="Headless"),
    imported("hdls", "c1", endpoint("10.8.0.1", hostname="a")),
    imported("hdls", "c2", endpoint("10.9.0.1", hostname="a")),
]


@pytest.mark.parametrize(
    ("name", "kind", "expected"),
    [
        (f"svc.{T}", "A", ["10.7.0.1"]),
        (f"_http._tcp.svc.{T}", "SRV", [f"0 100 80 svc.{T}"]),
        (f"hdls.{T}", "A", ["10.8.0.1", "10.9.0.1"]),
        (f"hdls.{T}", "SRV", [f"0 50 80 a.c1.hdls.{T}", f"0 50 80 a.c2.hdls.{T}"]),
        (f"a.c2.hdls.{T}", "A", ["10.9.0.1"]),
    ],
)
def test_names_of_the_cluster_set(name: str, kind: str, expected: list[str]) -> None:
    reply = LocalServer(COREFILE, OBJECTS).ask(name, kind)
    assert [records.text_of(record) for record in reply.answer] == expected


@pytest.mark.parametrize(
    "name", [f"a.hdls.{T}", f"a.c3.hdls.{T}", f"gone.{T}", "svc.testns.svc.cluster.local."]
)
def test_other_names_do_not_exist(name: str) -> None:
    assert LocalServer(COREFILE, OBJECTS).ask(name).rcode == numbers.NXDOMAIN
