from copy import deepcopy
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kube.apiserver.kinds.services import ServiceAllocator
from kube.apiserver.kinds.services.pools import (
    AddressPool,
    Pool,
    RangeFull,
    address_static_count,
    port_static_count,
)
from kube.apiserver.status import StatusError

DUAL = ("10.96.0.0/16", "fd00:10:96::/112")


def allocator(*cidrs: str, ports: tuple[int, int] = (30_000, 32_767)) -> ServiceAllocator:
    return ServiceAllocator(cidrs or DUAL, ports, rng=Random(1))


def service(**spec: Any) -> dict[str, Any]:
    spec.setdefault("type", "ClusterIP")
    spec.setdefault("ports", [{"port": 80}])
    spec.setdefault("selector", {"a": "b"})
    return {"metadata": {"name": "s", "namespace": "n"}, "spec": spec}


def assigned(of: ServiceAllocator, old: dict[str, Any] | None = None, **spec: Any) -> dict[str, Any]:
    obj = service(**spec)
    assert of.assign(obj, old) == []
    done: dict[str, Any] = obj["spec"]
    return done


def refused(of: ServiceAllocator, old: dict[str, Any] | None = None, **spec: Any) -> str:
    errors = of.assign(service(**spec), old)
    assert len(errors) == 1
    return errors[0].message


def test_a_service_gets_an_address_of_the_default_family() -> None:
    spec = assigned(allocator())
    assert spec["clusterIP"].startswith("10.96.")
    assert spec["clusterIPs"] == [spec["clusterIP"]]
    assert (spec["ipFamilies"], spec["ipFamilyPolicy"]) == (["IPv4"], "SingleStack")


@pytest.mark.parametrize(
    ("given", "families"),
    [
        ({"ipFamilyPolicy": "RequireDualStack"}, ["IPv4", "IPv6"]),
        ({"ipFamilyPolicy": "PreferDualStack"}, ["IPv4", "IPv6"]),
        ({"ipFamilyPolicy": "PreferDualStack", "ipFamilies": ["IPv6"]}, ["IPv6", "IPv4"]),
        ({"ipFamilies": ["IPv6"]}, ["IPv6"]),
        ({"clusterIP": "fd00:10:96::5"}, ["IPv6"]),
        (
            {
                "clusterIPs": ["10.96.0.5", "fd00:10:96::5"],
                "clusterIP": "10.96.0.5",
                "ipFamilyPolicy": "PreferDualStack",
            },
            ["IPv4", "IPv6"],
        ),
    ],
)
def test_families(given: dict[str, Any], families: list[str]) -> None:
    spec = assigned(allocator(), **given)
    assert spec["ipFamilies"] == families
    assert [("IPv6" if ":" in address else "IPv4") for address in spec["clusterIPs"]] == families


def test_a_single_stack_cluster_gives_one_family_to_those_who_prefer_two() -> None:
    spec = assigned(allocator("10.96.0.0/16"), ipFamilyPolicy="PreferDualStack")
    assert spec["ipFamilies"] == ["IPv4"]


def test_headless_services_have_no_address() -> None:
    spec = assigned(allocator(), clusterIP="None")
    assert spec["clusterIPs"] == ["None"]
    assert spec["ipFamilies"] == ["IPv4"]


def test_headless_services_without_selector_are_of_both_families() -> None:
    spec = assigned(allocator("10.96.0.0/16"), clusterIP="None", selector={})
    assert (spec["ipFamilies"], spec["ipFamilyPolicy"]) == (["IPv4", "IPv6"], "RequireDualStack")


@pytest.mark.parametrize(
    ("cidrs", "given", "sentence"),
    [
        (DUAL, {"clusterIP": "10.96.0.1"}, 'spec.clusterIPs: Invalid value: ["10.96.0.1"]: failed to allocate IP 10.96.0.1: provided IP is already allocated'),
        (
            DUAL,
            {"clusterIP": "10.97.0.1"},
            'spec.clusterIPs: Invalid value: ["10.97.0.1"]: failed to allocate IP 10.97.0.1: '
            "the provided IP (10.97.0.1) is not in the valid range. The range of valid IPs is 10.96.0.0/16",
        ),
        (DUAL, {"clusterIP": "x"}, "spec.clusterIPs[0]: Invalid value: \"x\": must be empty, 'None', or a valid IP address"),
        (
            DUAL,
            {"clusterIP": "10.96.0.5", "ipFamilies": ["IPv6"]},
            'spec.clusterIPs[0]: Invalid value: "10.96.0.5": expected an IPv6 value as indicated by `ipFamilies[0]`',
        ),
        (
            DUAL[:1],
            {"ipFamilyPolicy": "RequireDualStack"},
            'spec.ipFamilyPolicy: Invalid value: "RequireDualStack": this cluster is not configured for dual-stack services',
        ),
        (DUAL[:1], {"ipFamilies": ["IPv6"]}, 'spec.ipFamilies[0]: Invalid value: "IPv6": not configured on this cluster'),
        (
            DUAL,
            {"ipFamilies": ["IPv4", "IPv6"], "ipFamilyPolicy": "SingleStack"},
            "spec.ipFamilyPolicy: Invalid value: \"SingleStack\": must be 'RequireDualStack' or 'PreferDualStack' "
            "when multiple IP families are specified",
        ),
        (
            DUAL,
            {"type": "NodePort", "ports": [{"port": 1, "nodePort": 80}]},
            "spec.ports[0].nodePort: Invalid value: 80: provided port is not in the valid range. "
            "The range of valid ports is 30000-32767",
        ),
        (
            DUAL,
            {"type": "NodePort", "ports": [{"port": 1, "nodePort": 30001}]},
            "spec.ports[0].nodePort: Invalid value: 30001: provided port is already allocated",
        ),
    ],
)  # fmt: skip
def test_refusals(cidrs: tuple[str, ...], given: dict[str, Any], sentence: str) -> None:
    of = allocator(*cidrs)
    assigned(of, clusterIP="10.96.0.1", type="NodePort", ports=[{"port": 1, "nodePort": 30001}])
    assert refused(of, **given) == sentence


def test_what_was_refused_holds_nothing() -> None:
    of = allocator()
    assigned(of, type="NodePort", ports=[{"port": 1, "nodePort": 30001}])
    refused(of, clusterIP="10.96.0.9", type="NodePort", ports=[{"port": 1, "nodePort": 30001}])
    assert assigned(of, clusterIP="10.96.0.9")["clusterIP"] == "10.96.0.9"


def test_node_ports() -> None:
    ports = [{"port": 80, "protocol": "TCP"}, {"port": 80, "protocol": "UDP"}, {"port": 81}]
    given = [port["nodePort"] for port in assigned(allocator(), type="NodePort", ports=ports)["ports"]]
    assert given[0] == given[1] != given[2]
    assert all(30_086 <= port <= 32_767 for port in given), "the static band is for those who choose"


def test_load_balancers_may_do_without_node_ports() -> None:
    spec = assigned(allocator(), type="LoadBalancer", allocateLoadBalancerNodePorts=False)
    assert spec["ports"] == [{"port": 80}]


def test_local_load_balancers_get_a_health_check_port() -> None:
    assert (
        assigned(allocator(), type="LoadBalancer", externalTrafficPolicy="Local")["healthCheckNodePort"]
        >= 30_000
    )


def made(of: ServiceAllocator, **spec: Any) -> dict[str, Any]:
    obj = service(**spec)
    assert of.assign(obj) == []
    return obj


def changed(old: dict[str, Any], **spec: Any) -> dict[str, Any]:
    new = deepcopy(old)
    new["spec"] |= spec
    return new


def test_an_update_that_leaves_out_what_was_given_keeps_it() -> None:
    of = allocator()
    old = made(of, type="NodePort")
    new = service(type="NodePort", ports=[{"port": 81}])
    assert of.assign(new, old) == []
    assert new["spec"]["clusterIP"] == old["spec"]["clusterIP"]
    assert new["spec"]["ports"][0]["nodePort"] == old["spec"]["ports"][0]["nodePort"]


def test_becoming_an_external_name_gives_all_back() -> None:
    of = allocator()
    old = made(of, type="NodePort", clusterIP="10.96.0.9", ports=[{"port": 1, "nodePort": 30001}])
    new = changed(old, type="ExternalName", externalName="a.b")
    assert of.assign(new, old) == []
    assert new["spec"] == {
        "type": "ExternalName",
        "externalName": "a.b",
        "ports": [{"port": 1}],
        "selector": {"a": "b"},
    }
    of.settle(new, old)
    assigned(of, clusterIP="10.96.0.9", type="NodePort", ports=[{"port": 1, "nodePort": 30001}])


def test_and_back_to_a_cluster_ip() -> None:
    of = allocator()
    old = service(type="ExternalName", externalName="a.b")
    assert of.assign(old) == []
    new = changed(old, type="ClusterIP")
    assert of.assign(new, old) == []
    assert new["spec"]["clusterIPs"]


def test_from_node_port_to_cluster_ip_the_ports_go() -> None:
    of = allocator()
    old = made(of, type="NodePort")
    new = changed(old, type="ClusterIP")
    assert of.assign(new, old) == []
    assert new["spec"]["ports"] == [{"port": 80}]
    assert new["spec"]["clusterIP"] == old["spec"]["clusterIP"]


def test_to_dual_stack_and_back() -> None:
    of = allocator()
    old = made(of)
    dual = changed(old, ipFamilyPolicy="RequireDualStack")
    assert of.assign(dual, old) == []
    assert dual["spec"]["ipFamilies"] == ["IPv4", "IPv6"]
    assert dual["spec"]["clusterIPs"][0] == old["spec"]["clusterIP"]
    single = changed(dual, ipFamilyPolicy="SingleStack")
    assert of.assign(single, dual) == []
    assert single["spec"]["clusterIPs"] == old["spec"]["clusterIPs"]


def test_a_write_that_failed_gives_back_what_it_took() -> None:
    of = allocator()
    obj = made(of, clusterIP="10.96.0.9")
    of.revert(obj)
    assert assigned(of, clusterIP="10.96.0.9")
    of.release(obj)
    assert assigned(of, clusterIP="10.96.0.9")


def test_after_a_restart_what_is_stored_is_taken() -> None:
    of = allocator()
    of.rebuild([made(allocator(), clusterIP="10.96.0.9")], [{"metadata": {"name": "10.96.0.10"}}])
    for address in ("10.96.0.9", "10.96.0.10"):
        assert "already allocated" in refused(of, clusterIP=address)


def test_a_full_range_is_an_error_of_the_server() -> None:
    of = allocator("10.96.0.0/30")
    assigned(of)
    assigned(of)
    with pytest.raises(StatusError) as caught:
        of.assign(service())
    assert caught.value.code == 500
    assert "range of IPv4 is full" in caught.value.message


def test_addresses_are_shown_as_objects() -> None:
    of = allocator()
    obj = made(
        of,
        clusterIPs=["10.96.0.9", "fd00:10:96::9"],
        clusterIP="10.96.0.9",
        ipFamilyPolicy="RequireDualStack",
    )
    shown = of.ip_address_objects(obj)
    assert [item["metadata"]["name"] for item in shown] == ["10.96.0.9", "fd00:10:96::9"]
    assert shown[0]["spec"]["parentRef"] == {
        "group": "",
        "resource": "services",
        "namespace": "n",
        "name": "s",
    }
    assert shown[1]["metadata"]["labels"]["ipaddress.kubernetes.io/ip-family"] == "IPv6"


@pytest.mark.parametrize(("size", "count"), [(8, 0), (254, 16), (1022, 63), (65_534, 256), (2**64, 256)])
def test_the_static_band_of_addresses(size: int, count: int) -> None:
    assert address_static_count(size) == count


def test_the_static_band_of_ports() -> None:
    assert port_static_count(2768) == 86


@given(st.integers(1, 40), st.integers(0, 20), st.randoms(use_true_random=False))
def test_a_pool_hands_out_every_number_once_and_the_static_ones_last(
    size: int, static: int, rng: Random
) -> None:
    pool = Pool(100, 99 + size, static, rng)
    given_out = [pool.take_any() for _ in range(size)]
    assert sorted(given_out) == list(range(100, 100 + size))
    dynamic = [number for number in range(100, 100 + size) if number >= pool.dynamic_first]
    assert set(given_out[: len(dynamic)]) == set(dynamic)
    with pytest.raises(RangeFull):
        pool.take_any()


def test_networks_and_broadcast_addresses_are_not_handed_out() -> None:
    pool = AddressPool("10.0.0.0/30", Random(1))
    assert {pool.text(pool.take_any()) for _ in range(2)} == {"10.0.0.1", "10.0.0.2"}
    six = AddressPool("fd00::/127", Random(1))
    assert six.text(six.take_any()) == "fd00::1"


SPEC = st.fixed_dictionaries(
    {"type": st.sampled_from(["ClusterIP", "NodePort", "LoadBalancer", "ExternalName"])},
    optional={
        "ipFamilyPolicy": st.sampled_from(["SingleStack", "PreferDualStack", "RequireDualStack"]),
        "externalTrafficPolicy": st.sampled_from(["Cluster", "Local"]),
    },
)


@given(st.lists(SPEC, min_size=1, max_size=6))
def test_after_any_changes_and_a_deletion_nothing_is_held(steps: list[dict[str, Any]]) -> None:
    of = allocator()
    old: dict[str, Any] | None = None
    for spec in steps:
        new = changed(old, **spec) if old else service(**spec)
        if of.assign(new, old):
            continue
        if old:
            of.settle(new, old)
        old = new
    if old:
        of.release(old)
    assert not of._ports.used
    assert not any(pool.used for pool in of._addresses)
