"""What ADD is to make, decided from configuration and IPAM result alone. Pure."""

from __future__ import annotations

from cni.spec.addresses import Cidr, parse_cidr, parse_ip
from cni.spec.digest import sha512_hex
from cni.spec.errors import CniError
from cni.spec.result import IPConfig, Result, Route
from cni.veth.plan import Addressing, derived_mac, random_mac

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import NamedTuple

    from cni.bridge.config import BridgeConf
    from linux.rtnl import Address
else:
    from linux.records import NamedTuple

CONTAINER_INTERFACE = 2  # after the bridge and the host's end of the veth


class AddressOp(NamedTuple):
    """A change of the bridge's addresses."""

    verb: str
    """"delete" or "add"."""
    address: Cidr


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
