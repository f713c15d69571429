"""API objects to service ports and endpoints: what counts and what is ignored (spec A1)."""

from typing import Any

import msgspec
import pytest

from kproxy.services import (
    EndpointState,
    PortKey,
    merge_endpoints,
    service_ports,
    slice_endpoints,
    slice_family,
    slice_service,
)
from kube.objects import EndpointSlice, Service


def _service(**spec: Any) -> Service:
    base: dict[str, Any] = {
        "clusterIP": "10.96.0.5",
        "clusterIPs": ["10.96.0.5"],
        "ipFamilies": ["IPv4"],
        "ports": [{"name": "http", "port": 80}],
    }
    status = spec.pop("status", {})
    document = {"metadata": {"name": "s", "namespace": "ns"}, "spec": {**base, **spec}, "status": status}
    return msgspec.convert(document, Service)


def _one(service: Service, family: int = 4) -> Any:
    (port,) = service_ports(service, family)
    return port


@pytest.mark.parametrize(
    "spec",
    [
        {"clusterIP": "", "clusterIPs": []},
        {"clusterIP": "None", "clusterIPs": ["None"]},
        {"type": "ExternalName"},
        {"ipFamilies": ["IPv6"], "clusterIP": "fd00::5", "clusterIPs": ["fd00::5"]},
        {"ipFamilies": ["IPv6", "IPv4"], "clusterIPs": ["fd00::5"]},
    ],
    ids=["no address", "headless", "external name", "other family", "second family without an address"],
)
def test_services_that_are_not_proxied(spec: dict[str, Any]) -> None:
    assert service_ports(_service(**spec), 4) == ()


def test_each_family_takes_its_own_address() -> None:
    service = _service(clusterIPs=["10.96.0.5", "fd00::0005"], ipFamilies=["IPv4", "IPv6"])
    assert _one(service).cluster_ip == "10.96.0.5"
    assert _one(service, 6).cluster_ip == "fd00::5"


def test_without_ip_families_the_address_says_its_family() -> None:
    service = _service(ipFamilies=[], clusterIPs=[], clusterIP="172.30.0.041")
    assert _one(service).cluster_ip == "172.30.0.41"
    assert service_ports(service, 6) == ()


def test_external_addresses_of_the_other_family_and_bad_ones_are_left_out() -> None:
    assert _one(_service(externalIPs=["1.2.3.4", "fd00::1", "", "nonsense", "1.2.3.04"])).external_ips == (
        "1.2.3.4",
    )


def test_only_balancer_addresses_in_vip_mode_count() -> None:
    ingress = [
        {"ip": "1.1.1.1"},
        {"ip": "2.2.2.2", "ipMode": "VIP"},
        {"ip": "3.3.3.3", "ipMode": "Proxy"},
        {"hostname": "lb"},
    ]
    port = _one(_service(status={"loadBalancer": {"ingress": ingress}}))
    assert port.load_balancer_vips == ("1.1.1.1", "2.2.2.2")
    assert port.externally_accessible


@pytest.mark.parametrize(
    ("ranges", "expected"),
    [
        (["203.0.113.000/025"], ("203.0.113.0/25",)),
        ([" 203.0.113.0/25 ", "bad", ""], ("203.0.113.0/25",)),
        (["203.0.113.0/25", "0.0.0.0/0"], ()),
        (["fd00::/64"], ()),
    ],
    ids=["leading zeros", "blanks and nonsense", "a range of everything", "only the other family"],
)
def test_source_ranges(ranges: list[str], expected: tuple[str, ...]) -> None:
    assert _one(_service(loadBalancerSourceRanges=ranges)).source_ranges == expected


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ({"type": "LoadBalancer"}, True),
        ({"type": "NodePort"}, True),
        ({"type": "ClusterIP"}, False),
        ({"type": "ClusterIP", "externalIPs": ["1.2.3.4"]}, True),
    ],
    ids=["balancer", "node port", "cluster address alone", "with external addresses"],
)
def test_where_an_external_policy_local_counts(spec: dict[str, Any], expected: bool) -> None:
    assert _one(_service(externalTrafficPolicy="Local", **spec)).external_local is expected
    assert not _one(_service(externalTrafficPolicy="Cluster", **spec)).external_local


def test_health_checks_are_for_local_balancers() -> None:
    local = {"type": "LoadBalancer", "externalTrafficPolicy": "Local", "healthCheckNodePort": 32000}
    assert _one(_service(**local)).health_check_port == 32000
    assert _one(_service(**{**local, "externalTrafficPolicy": "Cluster"})).health_check_port == 0
    assert _one(_service(**{**local, "type": "NodePort"})).health_check_port == 0


def test_affinity_has_a_timeout() -> None:
    assert _one(_service()).affinity_timeout_s is None
    assert _one(_service(sessionAffinity="ClientIP")).affinity_timeout_s == 10800
    config = {"clientIP": {"timeoutSeconds": 7}}
    assert _one(_service(sessionAffinity="ClientIP", sessionAffinityConfig=config)).affinity_timeout_s == 7


def test_one_number_with_three_protocols_is_three_ports() -> None:
    ports = [{"name": p.lower(), "port": 53, "protocol": p} for p in ("TCP", "UDP", "SCTP")]
    assert [str(p.name) for p in service_ports(_service(ports=ports), 4)] == [
        "ns/s:tcp",
        "ns/s:udp",
        "ns/s:sctp",
    ]


def test_a_nameless_port_has_no_colon() -> None:
    assert str(_one(_service(ports=[{"port": 80}])).name) == "ns/s"


def _slice(
    endpoints: list[dict[str, Any]], ports: list[dict[str, Any]] | None = None, **more: Any
) -> EndpointSlice:
    document = {
        "metadata": {"name": "s-1", "namespace": "ns", "labels": {"kubernetes.io/service-name": "s"}},
        "addressType": "IPv4",
        "ports": [{"name": "http", "port": 8080, "protocol": "TCP"}] if ports is None else ports,
        "endpoints": endpoints,
        **more,
    }
    return msgspec.convert(document, EndpointSlice)


_HTTP = PortKey("http", "TCP")


def _states(*slices: EndpointSlice) -> tuple[EndpointState, ...]:
    return merge_endpoints([slice_endpoints(s, "me") for s in slices], _HTTP)


def test_absent_conditions_mean_ready() -> None:
    (state,) = _states(_slice([{"addresses": ["10.0.0.1"]}]))
    assert (state.ready, state.serving, state.terminating, state.local) == (True, True, False, False)


def test_conditions_hints_and_node_are_taken_over() -> None:
    (state,) = _states(
        _slice(
            [
                {
                    "addresses": ["10.0.0.1", "10.0.0.9"],
                    "nodeName": "me",
                    "conditions": {"ready": False, "serving": True, "terminating": True},
                    "hints": {"forZones": [{"name": "a"}], "forNodes": [{"name": "n"}]},
                }
            ]
        )
    )
    assert state == EndpointState(
        ip="10.0.0.1",
        port=8080,
        ready=False,
        serving=True,
        terminating=True,
        local=True,
        zones=("a",),
        nodes=("n",),
    )


@pytest.mark.parametrize(
    "port",
    [
        {"port": 8080, "protocol": "TCP"},
        {"name": "http", "protocol": "TCP"},
        {"name": "http", "port": 0},
        {"name": "http", "port": 8080, "protocol": "UDP"},
        {"name": "other", "port": 8080},
    ],
    ids=["no name", "no number", "number 0", "other protocol", "other name"],
)
def test_ports_that_do_not_match(port: dict[str, Any]) -> None:
    assert _states(_slice([{"addresses": ["10.0.0.1"]}], [port])) == ()


def test_an_empty_port_name_is_a_name() -> None:
    found = slice_endpoints(_slice([{"addresses": ["10.0.0.1"]}], [{"name": "", "port": 1}]), "me")
    assert list(found) == [PortKey("", "TCP")]


def test_endpoints_without_an_address_are_skipped() -> None:
    assert _states(_slice([{"addresses": []}, {"addresses": ["nonsense"]}])) == ()


def test_endpoints_are_sorted_as_text() -> None:
    found = _states(_slice([{"addresses": [ip]} for ip in ("10.0.0.9", "10.0.0.10", "10.0.0.1")]))
    assert [e.ip for e in found] == ["10.0.0.10", "10.0.0.1", "10.0.0.9"]


def test_a_running_pod_beats_the_terminating_one_whose_address_it_got() -> None:
    old = _slice([{"addresses": ["10.0.0.1"], "conditions": {"ready": False, "terminating": True}}])
    new = _slice([{"addresses": ["10.0.0.1"]}])
    for order in ((old, new), (new, old)):
        (state,) = _states(*order)
        assert state.ready
    twice = _slice([{"addresses": ["10.0.0.1"], "conditions": {"ready": False}}, {"addresses": ["10.0.0.1"]}])
    assert [e.ready for e in _states(twice)] == [True]


def test_slices_of_several_numbers_for_one_name_add_up() -> None:
    other = _slice([{"addresses": ["10.0.0.1"]}], [{"name": "http", "port": 9090}])
    assert [e.port for e in _states(_slice([{"addresses": ["10.0.0.1"]}]), other)] == [8080, 9090]


def test_what_a_slice_belongs_to() -> None:
    item = _slice([])
    assert slice_service(item) == ("ns", "s")
    assert slice_family(item) == 4
    assert slice_service(_slice([], metadata={"name": "x", "namespace": "ns"})) is None
    assert slice_family(_slice([], addressType="FQDN")) is None
