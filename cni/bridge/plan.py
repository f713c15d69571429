"""What ADD is to make, decided from configuration and IPAM result alone. Pure."""

from __future__ import annotations

from cni.spec.addresses import IP, Cidr, from_packed, parse_cidr, parse_ip
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

NO_MAC = "00:00:00:00:00:00"  # of a bridge that was made without one and has no ports yet
CONTAINER_INTERFACE = 2  # after the bridge and the host's end of the veth


class AddressOp(NamedTuple):
    """A change of the bridge's addresses."""

    verb: str
    """"delete" or "add"."""
    address: Cidr


def first_bridge_mac(conf: BridgeConf, host_name: str) -> str:
    """What a bridge is made with: the same at each creation."""
    return random_mac(sha512_hex(f"{host_name}/{conf.bridge}")[:8])


def pinned_bridge_mac(conf: BridgeConf, host_name: str, present: str, gateways: tuple[Cidr, ...]) -> str:
    """The MAC to keep: a bridge of ours gets its gateway's, which is unique on the network; others keep theirs."""
    ours = ("", NO_MAC, first_bridge_mac(conf, host_name))
    return derived_mac(gateways[0].ip) if gateways and present in ours else present


def link_local(mac: str) -> IP:
    """The IPv6 address that the kernel derives from a MAC (RFC 4291, appendix A)."""
    octets = bytes.fromhex(mac.replace(":", ""))
    host = bytes((octets[0] ^ 2,)) + octets[1:3] + b"\xff\xfe" + octets[3:]
    return from_packed(b"\xfe\x80" + bytes(6) + host)


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
    return any(parse_cidr(route.dst).prefix == 0 for route in routes if route.version == version)


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
