"""Slices of a Service."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from kube.controllers.endpointslice import endpoints, plan
from kube.objects import TRIGGER_TIME_ANNOTATION, EndpointSlice, Pod, Service
from tests.unit.kube.controllers.builders import node, pod, service

A = {"app": "a"}


def member(
    name: str, ip: str = "10.244.0.1", *, ready: bool = True, node_name: str = "n1", **more: Any
) -> Pod:
    ips = more.pop("ips", (ip,))
    return pod(name, ready=ready, ips=ips, node=node_name, labels=A, **more)


def carried_out(todo: plan.Plan, before: list[EndpointSlice], one: Service) -> list[EndpointSlice]:
    """What the API would hold afterwards."""
    gone = {item.metadata.name for item in (*todo.delete, *todo.update)}
    kept = [item for item in before if item.metadata.name not in gone]
    made = []
    for number, new in enumerate(todo.create):
        body = plan.slice_body(one, new, None)
        body["metadata"]["name"] = f"{one.metadata.name}-{len(before) + number}"
        made.append(msgspec.convert(body, EndpointSlice))
    return [*kept, *todo.update, *made]


def converge(
    one: Service, pods: list[Pod], before: list[EndpointSlice], limit: int = 100
) -> list[EndpointSlice]:
    nodes = {"n1": node("n1", zone="z1")}
    after = carried_out(plan.plan(one, pods, before, nodes, limit), before, one)
    assert plan.plan(one, pods, after, nodes, limit) == plan.Plan(), "a second look changes nothing"
    return after


CONDITIONS: list[tuple[str, dict[str, Any], Pod, tuple[bool, bool, bool]]] = [
    ("ready", {}, member("p"), (True, True, False)),
    ("not ready", {}, member("p", ready=False), (False, False, False)),
    ("terminating", {}, member("p", terminating=True), (False, True, True)),
    ("terminating, not ready", {}, member("p", ready=False, terminating=True), (False, False, True)),
    (
        "published unready",
        {"publishNotReadyAddresses": True},
        member("p", ready=False),
        (True, False, False),
    ),
    (
        "published terminating",
        {"publishNotReadyAddresses": True},
        member("p", terminating=True),
        (True, True, True),
    ),
]


@pytest.mark.parametrize(
    ("spec", "one", "expected"), [case[1:] for case in CONDITIONS], ids=[case[0] for case in CONDITIONS]
)
def test_conditions(spec: dict[str, Any], one: Pod, expected: tuple[bool, bool, bool]) -> None:
    (found,) = converge(service(**spec), [one], [])
    conditions = found.endpoints[0].conditions
    assert (conditions.ready, conditions.serving, conditions.terminating) == expected


def test_a_slice_says_whose_it_is_and_where_its_pods_are() -> None:
    (found,) = converge(service(meta={"labels": {"tier": "x"}}), [member("p")], [])
    assert found.metadata.labels == {
        "tier": "x",
        "kubernetes.io/service-name": "web",
        "endpointslice.kubernetes.io/managed-by": "endpointslice-controller.k8s.io",
    }
    assert found.metadata.generate_name == "web-"
    assert found.metadata.owner_references[0].uid == "uid-web"
    assert [(port.name, port.port) for port in found.ports] == [("http", 8080)]
    (endpoint,) = found.endpoints
    assert (endpoint.addresses, endpoint.node_name, endpoint.zone) == (("10.244.0.1",), "n1", "z1")
    assert endpoint.target_ref is not None
    assert (endpoint.target_ref.kind, endpoint.target_ref.name, endpoint.target_ref.uid) == (
        "Pod",
        "p",
        "uid-p",
    )


def test_headless_services_are_marked() -> None:
    (found,) = converge(service(clusterIP="None"), [member("p")], [])
    assert found.metadata.labels["service.kubernetes.io/headless"] == ""
    later = converge(service(), [member("p")], [found])
    assert "service.kubernetes.io/headless" not in later[0].metadata.labels


@pytest.mark.parametrize(
    "absent",
    [member("p", phase="Succeeded"), member("p", phase="Failed"), member("p", ips=())],
    ids=["succeeded", "failed", "without address"],
)
def test_pods_that_cannot_serve_are_left_out(absent: Pod) -> None:
    (found,) = converge(service(), [absent], [])
    assert (found.endpoints, found.ports, found.address_type) == ((), (), "IPv4")


def test_dual_stack_has_slices_of_both_families() -> None:
    both = member("p", ips=("10.244.0.1", "fd00::1"))
    found = converge(service(ipFamilies=["IPv4", "IPv6"]), [both], [])
    assert {(one.address_type, one.endpoints[0].addresses) for one in found} == {
        ("IPv4", ("10.244.0.1",)),
        ("IPv6", ("fd00::1",)),
    }


def test_a_named_port_is_each_pods_own_and_slices_are_apart() -> None:
    def offering(name: str, ip: str, port: int) -> Pod:
        containers = [{"name": "c", "ports": [{"name": "web", "containerPort": port}]}]
        return member(name, ip, spec={"containers": containers})

    pods = [offering("p", "10.244.0.1", 80), offering("q", "10.244.0.2", 81), offering("r", "10.244.0.3", 80)]
    found = converge(service(ports=[{"name": "http", "port": 80, "targetPort": "web"}]), pods, [])
    assert {one.ports[0].port: len(one.endpoints) for one in found} == {80: 2, 81: 1}


def test_a_hostname_is_shown_when_the_subdomain_is_the_service() -> None:
    with_name = {"hostname": "db-0", "subdomain": "web"}
    (found,) = converge(service(), [member("p", spec=with_name), member("q", spec={"hostname": "x"})], [])
    assert [one.hostname for one in found.endpoints] == ["db-0", ""]


def test_slices_hold_at_most_the_limit() -> None:
    pods = [member(f"p{n}", f"10.244.1.{n}") for n in range(25)]
    found = converge(service(), pods, [], limit=10)
    assert sorted(len(one.endpoints) for one in found) == [5, 10, 10]


def test_a_new_pod_goes_where_it_fills_best_and_touches_one_slice() -> None:
    pods = [member(f"p{n}", f"10.244.1.{n}") for n in range(25)]
    before = converge(service(), pods, [], limit=10)
    todo = plan.plan(
        service(), [*pods, member("new", "10.244.2.1")], before, {"n1": node("n1", zone="z1")}, 10
    )
    assert (len(todo.create), len(todo.update), len(todo.delete)) == (0, 1, 0)


def test_a_replaced_pod_takes_the_place_of_the_old_one() -> None:
    pods = [member(f"p{n}", f"10.244.1.{n}") for n in range(20)]
    before = converge(service(), pods, [], limit=10)
    todo = plan.plan(
        service(), [*pods[1:], member("new", "10.244.2.1")], before, {"n1": node("n1", zone="z1")}, 10
    )
    assert (len(todo.create), len(todo.update), len(todo.delete)) == (0, 1, 0)


def test_the_last_endpoint_leaves_an_empty_slice_and_the_next_one_fills_it_again() -> None:
    full = converge(service(), [member("p")], [])
    empty = converge(service(), [], full)
    assert [(one.metadata.name, one.endpoints) for one in empty] == [(full[0].metadata.name, ())]
    again = converge(service(), [member("q")], empty)
    assert len(again) == 1
    assert len(again[0].endpoints) == 1


def test_without_a_selector_nothing_is_kept() -> None:
    before = converge(service(), [member("p")], [])
    assert plan.plan(service(selector={}), [], before, {}, 100).delete == tuple(before)


@pytest.mark.parametrize(
    ("distribution", "zones", "nodes"),
    [
        (None, [], []),
        ("PreferClose", ["z1"], []),
        ("PreferSameZone", ["z1"], []),
        ("PreferSameNode", ["z1"], ["n1"]),
    ],
)
def test_hints(distribution: str | None, zones: list[str], nodes: list[str]) -> None:
    pods = [member("p"), member("q", "10.244.0.2", ready=False)]
    (found,) = converge(service(trafficDistribution=distribution), pods, [])
    ready, unready = found.endpoints
    assert [one.name for one in (ready.hints.for_zones if ready.hints else ())] == zones
    assert [one.name for one in (ready.hints.for_nodes if ready.hints else ())] == nodes
    assert unready.hints is None


def test_the_trigger_is_the_earliest_change_since_the_last_look() -> None:
    one = service(meta={"creationTimestamp": "2027-01-15T06:00:00Z"})
    first, state = plan.trigger(None, one, [member("p")])
    assert first == 1_799_992_800
    nothing, _ = plan.trigger(state, one, [member("p")])
    changed, _ = plan.trigger(state, one, [member("p"), member("q", since="2027-01-15T07:30:00Z")])
    assert (nothing, changed) == (0.0, 1_799_998_200)


def test_an_old_trigger_time_does_not_stay() -> None:
    (found,) = converge(service(), [member("p")], [])
    stamped = plan.with_trigger(found, "2027-01-15T07:30:00Z")
    assert stamped.metadata.annotations[TRIGGER_TIME_ANNOTATION] == "2027-01-15T07:30:00Z"
    assert plan.with_trigger(stamped, None).metadata.annotations == {}


def test_endpoints_are_known_by_pod_and_address() -> None:
    (found,) = converge(service(), [member("p")], [])
    assert endpoints.identity(found.endpoints[0]) == ("uid-p", ("10.244.0.1",))
