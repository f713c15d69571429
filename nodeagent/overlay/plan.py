"""What this node's kernel should hold so that its pods reach those of the other nodes. Pure.

Mode "routes": each peer's pod ranges by the peer's own address; nodes must share a layer 2 segment.
Mode "vxlan": one device; a peer's ranges go to the first address of each (its gateway, which its device has as
well), whose MAC is computed from the peer's name, and the forwarding database has the peer's node address for
that MAC. So nothing is learned, asked for by multicast, or published in the API.
"""

from collections.abc import Callable, Iterable
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


class Place(NamedTuple):
    """A node as far as it matters here: what cannot be read of it is left out."""

    name: str
    ranges: tuple[str, ...] = ()
    addresses: tuple[str, ...] = ()

    def address_like(self, example: str) -> str:
        """The first address of the example's family, "" without one."""
        return next((each for each in self.addresses if (":" in each) == (":" in example)), "")


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


def plan_overlay(settings: Settings, places: tuple[Place, ...], underlay: Underlay | None) -> OverlayState:
    """`places` as `arranged`. A peer without an address of the right family is left out."""
    if settings.mode == "routes":
        return OverlayState(routes=frozenset(_direct_routes(places[1:])))
    if settings.mode == "vxlan" and underlay is not None:
        return _vxlan(settings, places, underlay)
    return NOTHING


def place_of(node: Node) -> Place:
    listed = node.spec.pod_cidrs or ((node.spec.pod_cidr,) if node.spec.pod_cidr else ())
    internal = [each.address for each in node.status.addresses if each.type == "InternalIP"]
    return Place(
        node.metadata.name, tuple(_readable(listed, ip_network)), tuple(_readable(internal, ip_address))
    )


def arranged(places: Iterable[Place], own_name: str) -> tuple[Place, ...]:
    """The own one first (without anything while it is not known), then the others by name.

    A range that two nodes claim is the first one's: packets can go to one place only.
    """
    known = {place.name: place for place in places}
    claimed: set[str] = set()
    found = []
    for name in (own_name, *sorted(known.keys() - {own_name})):
        place = known.get(name, Place(name))
        found.append(place._replace(ranges=tuple(each for each in place.ranges if each not in claimed)))
        claimed.update(place.ranges)
    return tuple(found)


def pod_ranges(places: Iterable[Place]) -> tuple[str, ...]:
    """All of the cluster's, merged where they touch, sorted."""
    networks = [ip_network(text) for place in places for text in place.ranges]
    four = collapse_addresses(network for network in networks if isinstance(network, IPv4Network))
    six = collapse_addresses(network for network in networks if isinstance(network, IPv6Network))
    return (*map(str, four), *map(str, six))


def unreachable(settings: Settings, places: Iterable[Place], underlay: Underlay | None) -> frozenset[str]:
    """Peers that have pods' ranges and no InternalIP of the tunnel's family, by name."""
    if settings.mode != "vxlan" or underlay is None:
        return frozenset()
    return frozenset(
        place.name for place in places if place.ranges and not place.address_like(underlay.address)
    )


def device_mac(node_name: str) -> str:
    """The same wherever it is computed. Locally administered, and no pod's or bridge's: those begin with 0a."""
    return f"0e:{sha256(node_name.encode()).digest()[:5].hex(':')}"


def _readable(texts: Iterable[str], parse: Callable[[str], object]) -> Iterable[str]:
    """In canonical form. The API takes more than addresses, and one bad Node must not stop the others."""
    for text in texts:
        try:
            yield str(parse(text))
        except ValueError:
            continue


def _direct_routes(peers: Iterable[Place]) -> Iterable[PodRoute]:
    for peer in peers:
        for pods in peer.ranges:
            via = peer.address_like(pods)
            if via:
                yield PodRoute(pods, via, tunnelled=False)


def _vxlan(settings: Settings, places: tuple[Place, ...], underlay: Underlay) -> OverlayState:
    own, *others = places
    peers = [place for place in others if place.ranges and place.address_like(underlay.address)]
    ways = [(pods, _gateway(pods), device_mac(peer.name)) for peer in peers for pods in peer.ranges]
    return OverlayState(
        tunnel=Tunnel(
            id=settings.vxlan_id,
            port=settings.vxlan_port,
            local=underlay.address,
            mac=device_mac(settings.node_name),
            mtu_bytes=pod_mtu_bytes("vxlan", underlay),
        ),
        addresses=frozenset(map(_gateway, own.ranges)),
        routes=frozenset(PodRoute(pods, via, tunnelled=True) for pods, via, _mac in ways),
        neighbours=frozenset((via, mac) for _pods, via, mac in ways),
        forwarding=frozenset((device_mac(peer.name), peer.address_like(underlay.address)) for peer in peers),
    )


def _gateway(pods: str) -> str:
    """The first host address: the bridge's own on that node."""
    return str(ip_network(pods)[1])
