"""What this node's kernel should hold so that its pods reach those of the other nodes. Pure.

Mode "routes": each peer's pod ranges by the peer's own address; nodes must share a layer 2 segment.
Mode "vxlan": one device; a peer's ranges go to the first address of each (its gateway, which its device has as
well), whose MAC is computed from the peer's name, and the forwarding database has the peer's node address for
that MAC. So nothing is learned, asked for by multicast, or published in the API.
"""

from collections.abc import Iterable
from hashlib import sha256
from ipaddress import IPv4Network, IPv6Network, collapse_addresses, ip_address, ip_network
from typing import Literal, NamedTuple, TypeAlias

from kube.objects import Node
from nodeagent.options import Options

Mode: TypeAlias = Literal["none", "routes", "vxlan"]
MODES: tuple[Mode, ...] = ("none", "routes", "vxlan")

DEVICE = "podnet-vxlan"
VXLAN_PORT = 4789  # IANA's
VXLAN_ID = 1
# Ours among all routes of the main table (/etc/iproute2/rt_protos has no 112): they are found again after a crash.
ROUTE_PROTOCOL = 112
# RFC 7348, section 5: inner Ethernet 14, VXLAN 8, UDP 8, outer IP 20 or 40.
_OVERHEAD_BYTES = {4: 50, 6: 70}
_MTU_MIN_BYTES = 1280  # RFC 8200: IPv6 needs that much


class Underlay(NamedTuple):
    """The link that has this node's address."""

    ifindex: int
    address: str
    mtu_bytes: int


class Tunnel(NamedTuple):
    """The vxlan device of this node."""

    id: int
    port: int
    local: str
    mac: str
    mtu_bytes: int


class PodRoute(NamedTuple):
    """A peer's pod range. `tunnelled`: through the device, else through the underlay."""

    dst: str
    via: str
    tunnelled: bool


class OverlayState(NamedTuple):
    """Either what should be there or what is: two of them are compared.

    `addresses` are the device's own, `neighbours` (ip, mac) and `forwarding` (mac, node address) lead to its peers.
    """

    tunnel: Tunnel | None = None
    addresses: frozenset[str] = frozenset()
    routes: frozenset[PodRoute] = frozenset()
    neighbours: frozenset[tuple[str, str]] = frozenset()
    forwarding: frozenset[tuple[str, str]] = frozenset()


NOTHING = OverlayState()


class Settings(NamedTuple):
    """What `knode run` was told about it."""

    mode: Mode
    node_name: str
    node_ips: tuple[str, ...]
    vxlan_id: int = VXLAN_ID
    vxlan_port: int = VXLAN_PORT
    masquerade: bool = True


def overlay_settings(options: Options) -> Settings:
    mode = next(mode for mode in MODES if mode == options.network)
    return Settings(
        mode,
        options.node_name,
        options.node_ips,
        options.vxlan_id,
        options.vxlan_port,
        options.masquerade,
    )


def pod_mtu_bytes(mode: Mode, underlay: Underlay | None) -> int:
    """What fits into one packet of the underlay; 0 where nothing is known and the bridge may choose."""
    if mode == "none" or underlay is None:
        return 0
    if mode == "routes":
        return underlay.mtu_bytes
    return max(underlay.mtu_bytes - _OVERHEAD_BYTES[ip_address(underlay.address).version], _MTU_MIN_BYTES)


def plan_overlay(settings: Settings, nodes: Iterable[Node], underlay: Underlay | None) -> OverlayState:
    """`nodes` are all there are, this one among them. A peer without an address of the right family is left out."""
    own, peers = _split(settings.node_name, nodes)
    if settings.mode == "routes":
        return OverlayState(routes=frozenset(route for peer in peers for route in _direct_routes(peer)))
    if settings.mode == "vxlan" and underlay is not None:
        return _vxlan(settings, own, peers, underlay)
    return NOTHING


def pod_ranges(nodes: Iterable[Node]) -> tuple[str, ...]:
    """All of the cluster's, merged where they touch, sorted."""
    networks = [ip_network(text) for node in nodes for text in ranges_of(node)]
    four = collapse_addresses(network for network in networks if isinstance(network, IPv4Network))
    six = collapse_addresses(network for network in networks if isinstance(network, IPv6Network))
    return (*map(str, four), *map(str, six))


def ranges_of(node: Node) -> tuple[str, ...]:
    return node.spec.pod_cidrs or ((node.spec.pod_cidr,) if node.spec.pod_cidr else ())


def unreachable(settings: Settings, nodes: Iterable[Node], underlay: Underlay | None) -> tuple[str, ...]:
    """Peers that have pods' ranges and no InternalIP of the tunnel's family, by name."""
    if settings.mode != "vxlan" or underlay is None:
        return ()
    _own, peers = _split(settings.node_name, nodes)
    return tuple(
        peer.metadata.name for peer in peers if ranges_of(peer) and not _address_like(peer, underlay.address)
    )


def device_mac(node_name: str) -> str:
    """The same wherever it is computed; locally administered, unlike those of bridges and pods (0a:58)."""
    return f"0e:58:{sha256(node_name.encode()).digest()[:4].hex(':')}"


def _split(name: str, nodes: Iterable[Node]) -> tuple[Node | None, list[Node]]:
    known = list(nodes)
    own = next((node for node in known if node.metadata.name == name), None)
    return own, [node for node in known if node.metadata.name != name]


def _direct_routes(peer: Node) -> Iterable[PodRoute]:
    for pods in ranges_of(peer):
        via = _address_like(peer, pods.partition("/")[0])
        if via:
            yield PodRoute(_canonical(pods), via, tunnelled=False)


def _vxlan(settings: Settings, own: Node | None, peers: list[Node], underlay: Underlay) -> OverlayState:
    reached = [(peer, address) for peer in peers if (address := _address_like(peer, underlay.address))]
    routes = [
        (PodRoute(_canonical(pods), _gateway(pods), tunnelled=True), device_mac(peer.metadata.name))
        for peer, _address in reached
        for pods in ranges_of(peer)
    ]
    return OverlayState(
        tunnel=Tunnel(
            id=settings.vxlan_id,
            port=settings.vxlan_port,
            local=underlay.address,
            mac=device_mac(settings.node_name),
            mtu_bytes=pod_mtu_bytes("vxlan", underlay),
        ),
        addresses=frozenset(_gateway(pods) for pods in (ranges_of(own) if own else ())),
        routes=frozenset(route for route, _mac in routes),
        neighbours=frozenset((route.via, mac) for route, mac in routes),
        forwarding=frozenset(
            (device_mac(peer.metadata.name), address) for peer, address in reached if ranges_of(peer)
        ),
    )


def _address_like(node: Node, example: str) -> str:
    """The node's first InternalIP of the example's family, "" without one."""
    for address in node.status.addresses:
        if address.type == "InternalIP" and (":" in address.address) == (":" in example):
            return str(ip_address(address.address))
    return ""


def _canonical(pods: str) -> str:
    return str(ip_network(pods))


def _gateway(pods: str) -> str:
    """The first host address: the bridge's own on that node."""
    return str(ip_network(pods)[1])
