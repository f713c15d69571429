"""Addresses and ranges as API objects write them, in canonical form.

Leading zeros are decimal (Go's ParseIPSloppy, which Kubernetes keeps for old objects); IPv4 written as IPv6
counts as IPv4. Canonical text is what goes into kernels and comparisons.
"""

from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from socket import AF_INET, AF_INET6, inet_ntop, inet_pton

IPV4, IPV6 = 4, 6
Network = IPv4Network | IPv6Network
_MAPPED = b"\0" * 10 + b"\xff\xff"


def canonical_ip(text: str) -> str | None:
    """None if it is no address."""
    try:
        if ":" in text:
            packed = inet_pton(AF_INET6, text)
            if packed.startswith(_MAPPED):
                return inet_ntop(AF_INET, packed[12:])
            return inet_ntop(AF_INET6, packed)
        inet_pton(AF_INET, text)
        return text
    except (OSError, ValueError):
        return _with_leading_zeros(text)


def _with_leading_zeros(text: str) -> str | None:
    parts = text.split(".")
    if len(parts) != 4 or not all(part.isascii() and part.isdigit() and int(part) < 256 for part in parts):
        return None
    return ".".join(str(int(part)) for part in parts)


def family_of(ip: str) -> int:
    """Of a canonical address."""
    return IPV6 if ":" in ip else IPV4


def canonical_cidr(text: str) -> str | None:
    """With the host bits cleared; None if it is no range."""
    address, slash, length = text.partition("/")
    ip = canonical_ip(address)
    if not slash or ip is None or not (length.isascii() and length.isdigit()):
        return None
    try:
        return str(ip_network(f"{ip}/{int(length)}", strict=False))
    except ValueError:
        return None


def pack(ip: str) -> bytes:
    """A canonical address in network order."""
    return inet_pton(AF_INET6 if ":" in ip else AF_INET, ip)


def network(cidr: str) -> Network:
    """A canonical range."""
    return ip_network(cidr)


def contains(cidr: str, ip: str) -> bool:
    address = ip_address(ip)
    inside = ip_network(cidr)
    return address.version == inside.version and address in inside


def is_loopback(ip: str) -> bool:
    return ip_address(ip).is_loopback
