"""What the lab's fabric should look like for the Nodes and Services there are. Pure.

The fabric stands in for a cloud's network: it routes every node's pod range, and makes one Ready node answer for
each LoadBalancer address on the underlay.
"""

from collections.abc import Iterable, Mapping
from ipaddress import ip_address, ip_network
from typing import NamedTuple

from kube.objects import Node, Service


class Route(NamedTuple):
    """Wanted in every member but the one that owns it."""

    dst: str
    via: str


class Fabric(NamedTuple):
    routes: Mapping[str, tuple[Route, ...]]  # by owning node
    answered: Mapping[str, frozenset[str]]  # LoadBalancer addresses by the node that answers for them


def plan_fabric(nodes: Iterable[Node], services: Iterable[Service], pool: tuple[str, ...]) -> Fabric:
    """`pool` as FIRST-LAST ranges: other ingress addresses are not ours to answer."""
    nodes = tuple(nodes)
    ready = sorted(node.metadata.name for node in nodes if is_ready(node))
    answered: dict[str, set[str]] = {name: set() for name in ready}
    for address in sorted(_pool_addresses(services, pool)):
        if ready:
            # The same node for the same address while it is Ready, and spread over the nodes.
            answered[ready[int(ip_address(address)) % len(ready)]].add(address)
    return Fabric(
        routes={node.metadata.name: _routes(node) for node in nodes},
        answered={name: frozenset(addresses) for name, addresses in answered.items()},
    )


def is_ready(node: Node) -> bool:
    return any(
        condition.type == "Ready" and condition.status == "True" for condition in node.status.conditions
    )


def _routes(node: Node) -> tuple[Route, ...]:
    addresses = [address.address for address in node.status.addresses if address.type == "InternalIP"]
    by_version = {ip_address(address).version: address for address in reversed(addresses)}
    ranges = node.spec.pod_cidrs or ((node.spec.pod_cidr,) if node.spec.pod_cidr else ())
    return tuple(
        Route(pods, by_version[version])
        for pods in ranges
        if (version := ip_network(pods).version) in by_version
    )


def _pool_addresses(services: Iterable[Service], pool: tuple[str, ...]) -> set[str]:
    ranges = [tuple(map(ip_address, part.split("-"))) for part in pool]
    return {
        entry.ip
        for service in services
        if service.spec.type == "LoadBalancer"
        for entry in service.status.load_balancer.ingress
        if entry.ip and any(_within(entry.ip, first, last) for first, last in ranges)
    }


def _within(text: str, first: object, last: object) -> bool:
    address = ip_address(text)
    return type(address) is type(first) and first <= address <= last  # type: ignore[operator]
