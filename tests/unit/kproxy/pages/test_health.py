"""Health as load balancers and kubelets read it (kube-proxy's bodies, byte for byte)."""

import json

import msgspec
import pytest

from kproxy.forwarding import ServicePortName
from kproxy.intake import Known
from kproxy.pages.checks import Check, checks_of
from kproxy.pages.health import (
    ProxyHealth,
    listen_addresses,
    local_ready,
    node_eligible,
    service_answer,
)
from kproxy.services import EndpointState, ServicePort
from kube.objects import NamespacedName, Node


def _health() -> ProxyHealth:
    return ProxyHealth((4, 6), 60.0)


def test_healthy_until_a_sync_is_overdue() -> None:
    health = _health()
    assert health.is_healthy(0)
    health.queued(100)
    assert health.is_healthy(159)
    assert not health.is_healthy(160)
    health.done(4, 161)
    assert not health.is_healthy(161)
    health.done(6, 162)
    assert health.is_healthy(162)


def test_the_first_unserved_request_counts() -> None:
    health = _health()
    health.queued(100)
    health.queued(150)
    assert not health.is_healthy(161)


def test_healthz_says_what_kube_proxy_says() -> None:
    health = _health()
    health.done(4, 1_600_000_000)
    answer = health.healthz(1_700_000_000.5, node_eligible=True)
    assert answer.status == 200
    body = json.loads(answer.body)
    assert list(body) == ["lastUpdated", "currentTime", "nodeEligible", "healthy", "status"]
    assert body["lastUpdated"] == body["currentTime"] == "2023-11-14T22:13:20.5Z"
    assert body["status"]["IPv4"] == {"lastUpdated": "2020-09-13T12:26:40Z", "healthy": True}
    assert ("X-Content-Type-Options", "nosniff") in answer.headers


def test_an_unhealthy_answer_names_the_last_good_time() -> None:
    health = _health()
    health.done(4, 50.0)
    health.queued(100.0)
    answer = health.livez(200.0)
    body = json.loads(answer.body)
    assert answer.status == 503
    assert "nodeEligible" not in body
    assert body["lastUpdated"] == "1970-01-01T00:00:50Z"
    assert body["status"]["IPv6"] == {"lastUpdated": "0001-01-01T00:00:00Z", "healthy": False}


def test_an_ineligible_node_is_not_ready_but_alive() -> None:
    health = _health()
    health.done(4, 1_600_000_000)
    assert json.loads(health.healthz(1_700_000_000, node_eligible=False).body)["lastUpdated"][:4] == "2020"
    assert health.healthz(0, node_eligible=False).status == 503
    assert json.loads(health.healthz(0, node_eligible=False).body)["healthy"] is True
    assert health.livez(0).status == 200


@pytest.mark.parametrize(
    ("document", "eligible"),
    [
        (None, False),
        ({}, True),
        ({"metadata": {"deletionTimestamp": "2024-01-01T00:00:00Z"}}, False),
        ({"spec": {"taints": [{"key": "ToBeDeletedByClusterAutoscaler", "effect": "NoSchedule"}]}}, False),
        ({"spec": {"taints": [{"key": "other", "effect": "NoSchedule"}]}}, True),
    ],
)
def test_which_nodes_are_eligible(document: dict[str, object] | None, eligible: bool) -> None:
    assert node_eligible(None if document is None else msgspec.convert(document, Node)) is eligible


def test_a_service_check_is_byte_for_byte() -> None:
    answer = service_answer(NamespacedName("ns", "svc"), 2, proxy_healthy=True)
    assert answer.status == 200
    assert answer.body == (
        b'{\n\t"service": {\n\t\t"namespace": "ns",\n\t\t"name": "svc"\n\t},\n'
        b'\t"localEndpoints": 2,\n\t"serviceProxyHealthy": true\n}'
    )
    assert ("X-Load-Balancing-Endpoint-Weight", "2") in answer.headers
    assert service_answer(NamespacedName("ns", "svc"), 0, proxy_healthy=True).status == 503
    assert service_answer(NamespacedName("ns", "svc"), 1, proxy_healthy=False).status == 503


def _state(ip: str, **more: object) -> EndpointState:
    return EndpointState(ip=ip, port=80, **more)  # type: ignore[arg-type]


def test_addresses_are_counted_once_and_only_ready_local_ones() -> None:
    states = [
        _state("10.0.0.1", local=True),
        _state("10.0.0.1", local=True),
        _state("10.0.0.2"),
        _state("10.0.0.3", local=True, ready=False, serving=True, terminating=True),
    ]
    assert local_ready(states) == {"10.0.0.1"}


def test_where_checks_listen() -> None:
    assert listen_addresses(4, None) == ("0.0.0.0",)
    assert listen_addresses(6, None) == ("::",)
    assert listen_addresses(4, ("192.168.0.2",)) == ("192.168.0.2",)


def test_which_services_get_a_server() -> None:
    name = ServicePortName("ns", "svc", "p", "TCP")
    other = name._replace(service="other")
    port = ServicePort(name=name, cluster_ip="10.96.0.1", port=80, health_check_port=32000)
    known = {
        4: {name: Known(port, (_state("10.0.0.1", local=True),))},
        6: {name: Known(port, (_state("fd00::1", local=True), _state("fd00::2", local=True)))},
    }
    assert checks_of(known, [name, other]) == {
        NamespacedName("ns", "svc"): Check(32000, 2),
        NamespacedName("ns", "other"): None,
    }


def test_endpoints_of_all_ports_are_counted_once() -> None:
    first, second = ServicePortName("ns", "svc", "a", "TCP"), ServicePortName("ns", "svc", "b", "TCP")
    known = {
        4: {
            name: Known(
                ServicePort(name=name, cluster_ip="10.96.0.1", port=80, health_check_port=32000),
                tuple(_state(f"10.0.0.{last}", local=True) for last in lasts),
            )
            for name, lasts in ((first, (1, 2)), (second, (2, 3)))
        }
    }
    assert checks_of(known, [first, second]) == {NamespacedName("ns", "svc"): Check(32000, 3)}
