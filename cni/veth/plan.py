"""Names, MACs, addresses and routes of a veth attachment, decided from its identity and IPAM's result. Pure."""

from __future__ import annotations

from cni.spec.addresses import IP, Cidr, parse_cidr
from cni.spec.digest import sha512_hex
from cni.spec.result import IPConfig, Route

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import NamedTuple, Protocol

    class VethConf(Protocol):
        """The part of a plugin's configuration that the pair is made by."""

        @property
        def network(self) -> str: ...
        @property
        def ipam_type(self) -> str: ...
        @property
        def mac(self) -> str: ...
        @property
        def enable_dad(self) -> bool: ...
        @property
        def ip_masq(self) -> bool: ...
        @property
        def ip_masq_backend(self) -> str: ...
        @property
        def leave_down(self) -> bool: ...
else:
    from linux.records import NamedTuple

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
    source: str | None = None


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


def container_mac(conf: VethConf, ips: Iterable[IPConfig]) -> str | None:
    """What was asked for, else one derived from the first IPv4 or IPv6 address; None leaves it to the kernel."""
    if conf.mac:
        return conf.mac
    listed = sorted(ips, key=lambda ip: ip.version)
    return derived_mac(parse_cidr(listed[0].address).ip) if listed else None


def kernel_routes(plan: Addressing) -> tuple[KernelRoute, ...]:
    """Each once; a route without gateway goes through the first gateway of its family, on-link ones first."""
    first_gateway: dict[str, str] = {}
    for ip in plan.ips:
        if ip.gateway:
            first_gateway.setdefault(ip.version, ip.gateway)
    found: dict[tuple[object, ...], KernelRoute] = {}
    for route in plan.routes:
        via = route.gw or first_gateway.get(route.version)
        if route.scope == _SCOPE_LINK and not route.gw:
            via = None
        item = KernelRoute(
            parse_cidr(route.dst).network.text,
            via,
            route.table or 254,
            route.scope,
            route.priority,
            route.mtu,
            route.advmss,
        )
        found.setdefault((item.dst, item.via, item.table, item.priority), item)
    return tuple(sorted(found.values(), key=lambda item: item.via is not None))
