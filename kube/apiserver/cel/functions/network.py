"""Kubernetes' libraries of addresses and networks."""

import ipaddress
from typing import Any

from kube.apiserver.cel.errors import CelError
from kube.apiserver.cel.types import overload
from kube.apiserver.cel.values import Opaque


class Ip(Opaque):
    """An address: without a zone, and no IPv4 address in IPv6's form."""

    type_name = "net.IP"

    def __init__(self, text: str) -> None:
        """Raises ValueError."""
        if "%" in text:
            raise ValueError("zones are not allowed")
        self.address = ipaddress.ip_address(text)
        if self.address.version == 6 and self.address.ipv4_mapped is not None:
            raise ValueError("IPv4-mapped IPv6 address is not allowed")

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Ip) and self.address == other.address

    def __hash__(self) -> int:
        return hash(self.address)


class Cidr(Opaque):
    """A network; bits behind the prefix may be set."""

    type_name = "net.CIDR"

    def __init__(self, text: str) -> None:
        """Raises ValueError."""
        address, slash, length = text.partition("/")
        if not slash or not length.isdigit() or (len(length) > 1 and length[0] == "0"):
            raise ValueError("no prefix length")
        self.ip = Ip(address)
        self.network = ipaddress.ip_network(text, strict=False)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Cidr) and (self.ip, self.network) == (other.ip, other.network)

    def __hash__(self) -> int:
        return hash(self.network)


def _ip(text: str) -> Ip:
    try:
        return Ip(text)
    except ValueError as error:
        raise CelError(f"IP Address {text!r} parse error during conversion from string: {error}") from error


def _cidr(text: str) -> Cidr:
    try:
        return Cidr(text)
    except ValueError as error:
        raise CelError(f"network address parse error during conversion from string: {error}") from error


def _is(kind: type[Ip | Cidr], text: str) -> bool:
    try:
        kind(text)
    except ValueError:
        return False
    return True


def _is_canonical(text: str) -> bool:
    return str(_ip(text).address) == text


def _holds_ip(cidr: Cidr, ip: Ip | str) -> bool:
    found = _ip(ip) if isinstance(ip, str) else ip
    return found.address.version == cidr.network.version and found.address in cidr.network


def _holds_cidr(cidr: Cidr, other: Cidr | str) -> bool:
    found: Any = _cidr(other) if isinstance(other, str) else other
    return found.network.version == cidr.network.version and bool(found.network.subnet_of(cidr.network))


def _is_global_unicast(ip: Ip) -> bool:
    """Go's: also private addresses are."""
    address = ip.address
    is_broadcast = address.version == 4 and int(address) == 0xFFFFFFFF
    return not (
        is_broadcast
        or address.is_unspecified
        or address.is_loopback
        or address.is_multicast
        or address.is_link_local
    )


def _is_link_local_multicast(ip: Ip) -> bool:
    networks = {4: "224.0.0.0/24", 6: "ff02::/16"}
    return ip.address in ipaddress.ip_network(networks[ip.address.version])


def _masked(cidr: Cidr) -> Cidr:
    return Cidr(str(cidr.network))


TABLE = (
    overload("ip(string) -> net.IP", _ip),
    overload("isIP(string) -> bool", lambda text: _is(Ip, text)),
    overload("ip.isCanonical(string) -> bool", _is_canonical),
    overload("string(net.IP) -> string", lambda ip: str(ip.address)),
    overload("net.IP::family() -> int", lambda ip: ip.address.version),
    overload("net.IP::isUnspecified() -> bool", lambda ip: ip.address.is_unspecified),
    overload("net.IP::isLoopback() -> bool", lambda ip: ip.address.is_loopback),
    overload("net.IP::isLinkLocalMulticast() -> bool", _is_link_local_multicast),
    overload("net.IP::isLinkLocalUnicast() -> bool", lambda ip: ip.address.is_link_local),
    overload("net.IP::isGlobalUnicast() -> bool", _is_global_unicast),
    overload("cidr(string) -> net.CIDR", _cidr),
    overload("isCIDR(string) -> bool", lambda text: _is(Cidr, text)),
    overload("string(net.CIDR) -> string", lambda cidr: f"{cidr.ip.address}/{cidr.network.prefixlen}"),
    overload("net.CIDR::containsIP(net.IP) -> bool", _holds_ip),
    overload("net.CIDR::containsIP(string) -> bool", _holds_ip),
    overload("net.CIDR::containsCIDR(net.CIDR) -> bool", _holds_cidr),
    overload("net.CIDR::containsCIDR(string) -> bool", _holds_cidr),
    overload("net.CIDR::ip() -> net.IP", lambda cidr: cidr.ip),
    overload("net.CIDR::masked() -> net.CIDR", _masked),
    overload("net.CIDR::prefixLength() -> int", lambda cidr: cidr.network.prefixlen),
)
