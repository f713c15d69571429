"""What ADD is to make, decided from configuration and IPAM result alone. Pure."""

from __future__ import annotations

from cni.spec.addresses import IP, Cidr, parse_cidr, parse_ip
from cni.spec.digest import sha512_hex
from cni.spec.errors import CniError
from cni.spec.result import IPConfig, Result, Route

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import NamedTuple

    from cni.bridge.config import BridgeConf
    from linux.rtnl import Address
else:
    from linux.records import NamedTuple

CONTAINER_INTERFACE = 2  # after the bridge and the host's end of the veth
_OWN_OUI = "0a:58"  # locally administered; container runtimes have used it for derived MACs for years
_SCOPE_LINK = 253


class Addressing(NamedTuple):
    """The layer 3 part of an attachment."""

    ips: tuple[IPConfig, ...]
    routes: tuple[Route, ...]
    """As the result shows them."""
    gateways: tuple[Cidr, ...]
    """Addresses the bridge has to have."""

    @property
    def has_ipv4(self) -> bool:
        return any(ip.version == "4" for ip in self.ips)

    @property
    def has_ipv6(self) -> bool:
        return any(ip.version == "6" for ip in self.ips)


class KernelRoute(NamedTuple):
    """A route as it goes to the kernel."""

    dst: str
    via: str | None
    table: int
    scope: int | None
    priority: int
    mtu: int
    advmss: int


class AddressOp(NamedTuple):
    """A change of the bridge's addresses."""

    verb: str
    """"delete" or "add"."""
    address: Cidr


def host_ifname(network: str, container_id: str, ifname: str, salt: int = 0) -> str:
    """The host end's name: a function of the attachment, so that DEL knows it even without records."""
    suffix = f"/{salt}" if salt else ""
    return f"veth{sha512_hex(f'{network}/{container_id}/{ifname}{suffix}')[:8]}"


def alias(network: str, container_id: str, ifname: str) -> str:
    """Interface alias that marks a veth as this attachment's; the kernel takes 255 bytes."""
    return f"podnet {network} {container_id} {ifname}"[:255]


def derived_mac(ip: IP) -> str:
    """A MAC that belongs to the address: when it moves to another container, ARP caches stay right."""
    return f"{_OWN_OUI}:{ip.packed[-4:].hex(':')}"


def random_mac(token: str) -> str:
    return f"{_OWN_OUI}:" + ":".join(token[place : place + 2] for place in range(0, 8, 2))


def host_mac(host_name: str, network: str, container_id: str, ifname: str) -> str:
    """For the host's end; set at creation, which keeps udev's MACAddressPolicy away (systemd#21185)."""
    digest = sha512_hex(f"{host_name}/{network}/{container_id}/{ifname}/host")
    return random_mac(digest[:8])


def container_mac(conf: BridgeConf, ips: Iterable[IPConfig]) -> str | None:
    """What was asked for, else one derived from the first IPv4 or IPv6 address; None leaves it to the kernel."""
    if conf.mac:
        return conf.mac
    listed = sorted(ips, key=lambda ip: ip.version)
    return derived_mac(parse_cidr(listed[0].address).ip) if listed else None


def bridge_mac(conf: BridgeConf, host_name: str, gateways: tuple[Cidr, ...]) -> str:
    """The same at each creation: from the gateway's address, which is unique on the network, else from names."""
    if gateways:
        return derived_mac(gateways[0].ip)
    return random_mac(sha512_hex(f"{host_name}/{conf.bridge}")[:8])


def addressing(conf: BridgeConf, ipam: Result) -> Addressing:
    """Gateways filled in, default routes added, what is said twice said once."""
    ips = tuple(_with_gateway(conf, ip)._replace(interface=CONTAINER_INTERFACE) for ip in ipam.ips)
    routes = list(ipam.routes)
    if conf.is_default_gateway:
        for ip in ips:
            if not _has_default(routes, ip.version):
                routes.append(Route("::/0" if ip.version == "6" else "0.0.0.0/0", ip.gateway))
    gateways: list[Cidr] = []
    if conf.is_gateway:
        for ip in ips:
            gateway = Cidr(parse_ip(ip.gateway), parse_cidr(ip.address).prefix)
            if gateway not in gateways:
                gateways.append(gateway)
    return Addressing(ips, tuple(routes), tuple(gateways))


def _with_gateway(conf: BridgeConf, ip: IPConfig) -> IPConfig:
    if ip.gateway or not conf.is_gateway:
        return ip
    return ip._replace(gateway=parse_cidr(ip.address).network.ip.plus(1).text)


def _has_default(routes: Iterable[Route], version: str) -> bool:
    default = "::/0" if version == "6" else "0.0.0.0/0"
    return any(route.dst == default for route in routes)


def kernel_routes(plan: Addressing) -> tuple[KernelRoute, ...]:
    """Each once; a route without gateway goes through the first gateway of its family, on-link ones first."""
    first_gateway: dict[str, str] = {}
    for ip in plan.ips:
        if ip.gateway:
            first_gateway.setdefault(ip.version, ip.gateway)
    found: dict[tuple[object, ...], KernelRoute] = {}
    for route in plan.routes:
        version = "6" if ":" in route.dst else "4"
        via = route.gw or first_gateway.get(version)
        if route.scope == _SCOPE_LINK and not route.gw:
            via = None
        item = KernelRoute(
            route.dst, via, route.table or 254, route.scope, route.priority, route.mtu, route.advmss
        )
        found.setdefault((item.dst, item.via, item.table, item.priority), item)
    return tuple(sorted(found.values(), key=lambda item: item.via is not None))


def bridge_address_ops(
    bridge: str, present: Iterable[Address], wanted: Cidr, *, force: bool
) -> tuple[AddressOp, ...]:
    """Give the bridge its gateway address; () if it has it.

    IPv4 tolerates no other address, IPv6 none that overlaps: with force those go, else it is an error.
    """
    ops = []
    for address in present:
        actual = parse_cidr(f"{address.ip}/{address.prefix}")
        if actual == wanted:
            return ()
        if actual.ip.bits != wanted.ip.bits or (actual.ip.bits == 128 and not actual.overlaps(wanted)):
            continue
        if not force:
            raise CniError(
                f'"{bridge}" already has an IP address different from {wanted.text}',
                details=f"it has {actual.text}: remove that address, or set forceAddress to replace it",
            )
        ops.append(AddressOp("delete", actual))
    return (*ops, AddressOp("add", wanted))


def auto_mtu(uplink_mtus: Iterable[int]) -> int | None:
    """The smallest MTU of the default routes' interfaces; None if there are none."""
    return min(uplink_mtus, default=None)
