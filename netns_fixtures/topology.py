"""What a lab is made of, as values: names, addresses, ranges. Pure; the rest of the package makes it real.

One underlay segment carries everything: the hub (API server, DNS), the nodes, and one veth of the host.
"""

import re
import zlib
from collections.abc import Iterable
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Literal, TypeAlias

import msgspec

Family: TypeAlias = Literal["ipv4", "ipv6", "dual"]
Ways: TypeAlias = Literal["routes", "vxlan"]
Network: TypeAlias = IPv4Network | IPv6Network

FAMILIES: tuple[Family, ...] = ("ipv4", "ipv6", "dual")
WAYS: tuple[Ways, ...] = ("routes", "vxlan")
SERVICE_RANGES = ("10.96.0.0/16", "fd00:10:96::/112")
POD_RANGES = ("10.244.0.0/16", "fd00:10:244::/56")
DNS_ADDRESSES = ("10.96.0.10", "fd00:10:96::a")
API_ADDRESSES = ("10.96.0.1", "fd00:10:96::1")
API_PORT = 6443
KNODE_PORT = 10250
MAX_NODES = 100
NODE_GRACE_S = 2.0  # the lab profile's of kube.controllers.options

_HUB, _HOST, _FIRST_NODE = 1, 2, 11
_NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,30}[a-z0-9])?")


class LabError(Exception):
    """What cannot be done, and what to do about it, in one line."""


class Member(msgspec.Struct, frozen=True, kw_only=True):
    """A set of namespaces with a place on the underlay: the hub, or a node."""

    name: str
    addresses: tuple[str, ...]  # of the lab's families, the primary one first
    hub_link: str  # the veth's end in the hub; "" for the hub itself


class Lab(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    family: Family
    proxy_mode: str
    subnets: tuple[str, ...]  # of the underlay
    hub: Member
    nodes: tuple[Member, ...]
    host_addresses: tuple[str, ...]
    host_link: str
    uplink: bool = False
    node_grace_s: float = NODE_GRACE_S  # of a node's silence until it counts as dead
    ways: Ways = (
        "routes"  # from pods to those of other nodes: routed by the fabric, or tunnelled by the nodes
    )

    @property
    def api_url(self) -> str:
        address = self.hub.addresses[0]
        return f"https://{f'[{address}]' if ':' in address else address}:{API_PORT}"

    @property
    def service_ranges(self) -> tuple[str, ...]:
        return of_family(self.family, SERVICE_RANGES)

    @property
    def pod_ranges(self) -> tuple[str, ...]:
        return of_family(self.family, POD_RANGES)

    @property
    def dns_addresses(self) -> tuple[str, ...]:
        return of_family(self.family, DNS_ADDRESSES)

    @property
    def load_balancer_pool(self) -> tuple[str, ...]:
        """Underlay addresses that Services of type LoadBalancer get; a Ready node answers for them."""
        pools = []
        for subnet in map(ip_network, self.subnets):
            first = 200 if subnet.version == 4 else 0x1000
            pools.append(f"{subnet[first]}-{subnet[first + 50]}")
        return tuple(pools)

    def member(self, name: str) -> Member:
        """The hub or a node by its name; raises LabError naming those there are."""
        for member in (self.hub, *self.nodes):
            if member.name == name:
                return member
        known = ", ".join(node.name for node in self.nodes)
        raise LabError(f"lab {self.name!r} has no node {name!r}: its nodes are {known}")


def of_family(family: Family, both: tuple[str, ...]) -> tuple[str, ...]:
    """The parts of an (IPv4, IPv6) pair that a lab of this family has."""
    return {"ipv4": both[:1], "ipv6": both[1:], "dual": both}[family]


def plan_lab(
    name: str,
    *,
    node_count: int,
    family: Family,
    proxy_mode: str,
    taken: Iterable[Network],
    uplink: bool = False,
    ways: Ways = "routes",
    node_grace_s: float = NODE_GRACE_S,
) -> Lab:
    """A lab on the first underlay subnet that overlaps nothing in `taken`."""
    if not _NAME.fullmatch(name):
        raise LabError(
            f"lab name {name!r}: use at most 32 of a-z, 0-9 and -, beginning and ending with a letter or digit"
        )
    if not 1 <= node_count <= MAX_NODES:
        raise LabError(f"--nodes {node_count}: a lab has 1 to {MAX_NODES} nodes")
    subnets = free_subnets(family, tuple(taken))
    mark = _mark(name)
    nodes = tuple(
        Member(
            name=node_name(name, number),
            addresses=_addresses(subnets, _FIRST_NODE + number),
            hub_link=f"n{number}-{mark}",
        )
        for number in range(node_count)
    )
    return Lab(
        name=name,
        family=family,
        proxy_mode=proxy_mode,
        subnets=tuple(map(str, subnets)),
        hub=Member(name="hub", addresses=_addresses(subnets, _HUB), hub_link=""),
        nodes=nodes,
        host_addresses=_addresses(subnets, _HOST),
        host_link=host_link_name(name),
        uplink=uplink,
        ways=ways,
        node_grace_s=node_grace_s,
    )


def host_link_name(lab: str) -> str:
    """The host's end of its veth into the lab; interface names have at most 15 characters."""
    return f"klab{_mark(lab)}"


def _mark(lab: str) -> str:
    return f"{zlib.crc32(lab.encode()):08x}"


def node_name(lab: str, number: int) -> str:
    """`node-1`, …; labs other than the default carry their name, as hostnames are seen side by side."""
    return f"node-{number + 1}" if lab == "podnet" else f"{lab}-node-{number + 1}"


def free_subnets(family: Family, taken: tuple[Network, ...]) -> tuple[Network, ...]:
    """The first 172.30.N.0/24 and fd00:1ab:N::/64 pair that overlaps nothing taken."""
    for number in range(256):
        texts = of_family(family, (f"172.30.{number}.0/24", f"fd00:1ab:{number:x}::/64"))
        candidates = tuple(map(ip_network, texts))
        if not any(_overlap(candidate, other) for candidate in candidates for other in taken):
            return candidates
    raise LabError(
        "no free underlay subnet: all of 172.30.0.0/16 is in use on this host; remove labs or routes there"
    )


def _overlap(a: Network, b: Network) -> bool:
    if isinstance(a, IPv4Network):
        return isinstance(b, IPv4Network) and a.overlaps(b)
    return isinstance(b, IPv6Network) and a.overlaps(b)


def _addresses(subnets: tuple[Network, ...], number: int) -> tuple[str, ...]:
    return tuple(str(subnet[number]) for subnet in subnets)
