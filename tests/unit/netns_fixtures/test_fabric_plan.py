"""Routes and answered addresses follow the Nodes and Services."""

from kube.objects import (
    Condition,
    LoadBalancerIngress,
    LoadBalancerStatus,
    Node,
    NodeAddress,
    NodeSpec,
    NodeStatus,
    ObjectMeta,
    Service,
    ServiceSpec,
    ServiceStatus,
)
from netns_fixtures.fabric_plan import Route, plan_fabric

POOL = ("172.30.0.200-172.30.0.250",)


def node(
    name: str, *, ready: bool = True, cidrs: tuple[str, ...] = (), addresses: tuple[str, ...] = ()
) -> Node:
    return Node(
        metadata=ObjectMeta(name=name),
        spec=NodeSpec(pod_cidrs=cidrs),
        status=NodeStatus(
            addresses=tuple(NodeAddress(type="InternalIP", address=address) for address in addresses),
            conditions=(Condition(type="Ready", status=str(ready)),),
        ),
    )


def load_balancer(*ips: str) -> Service:
    ingress = tuple(LoadBalancerIngress(ip=ip) for ip in ips)
    return Service(
        metadata=ObjectMeta(name="lb"),
        spec=ServiceSpec(type="LoadBalancer"),
        status=ServiceStatus(load_balancer=LoadBalancerStatus(ingress=ingress)),
    )


def test_each_pod_range_is_routed_to_its_nodes_address_of_the_same_family() -> None:
    found = node("a", cidrs=("10.244.0.0/24", "fd00:10:244::/64"), addresses=("172.30.0.11", "fd00:1ab::b"))
    assert plan_fabric([found], [], POOL).routes["a"] == (
        Route("10.244.0.0/24", "172.30.0.11"),
        Route("fd00:10:244::/64", "fd00:1ab::b"),
    )


def test_a_node_without_ranges_or_addresses_has_no_routes_yet() -> None:
    assert plan_fabric([node("a"), node("b", cidrs=("10.244.1.0/24",))], [], POOL).routes == {
        "a": (),
        "b": (),
    }


def test_one_ready_node_answers_for_an_address_of_the_pool() -> None:
    nodes = [node("a"), node("b"), node("c", ready=False)]
    answered = plan_fabric(nodes, [load_balancer("172.30.0.201")], POOL).answered
    assert sorted(map(sorted, answered.values())) == [[], ["172.30.0.201"]]
    assert "c" not in answered


def test_when_that_node_fails_another_answers() -> None:
    service = load_balancer("172.30.0.201")
    before = plan_fabric([node("a"), node("b")], [service], POOL).answered
    holder = next(name for name, addresses in before.items() if addresses)
    after = plan_fabric([node(name, ready=name != holder) for name in "ab"], [service], POOL).answered
    assert [name for name, addresses in after.items() if addresses] == [
        name for name in "ab" if name != holder
    ]


def test_addresses_outside_the_pool_are_left_alone() -> None:
    assert plan_fabric([node("a")], [load_balancer("192.0.2.1", "fd00::1")], POOL).answered == {
        "a": frozenset()
    }
