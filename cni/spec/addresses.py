"""IP addresses and networks as numbers, without the ipaddress module (3 ms of a plugin's start).

Go's reading: an IPv4-mapped IPv6 address is IPv4, leading zeros are refused.
"""

from __future__ import annotations

from _socket import AF_INET, AF_INET6, inet_ntop, inet_pton

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NamedTuple
else:
    from linux.records import NamedTuple

_MAPPED = bytes(10) + b"\xff\xff"


class IP(NamedTuple):
    """One address; bits is 32 or 128."""

    bits: int
    number: int

    @property
    def version(self) -> str:
        return "4" if self.bits == 32 else "6"

    @property
    def packed(self) -> bytes:
        return self.number.to_bytes(self.bits // 8, "big")

    @property
    def mapped(self) -> bytes:
        """16 bytes, IPv4 as ::ffff:a.b.c.d: a key that sorts and never collides."""
        return _MAPPED + self.packed if self.bits == 32 else self.packed

    @property
    def text(self) -> str:
        return inet_ntop(AF_INET if self.bits == 32 else AF_INET6, self.packed)

    @property
    def unspecified(self) -> bool:
        return self.number == 0

    def plus(self, count: int) -> IP:
        return IP(self.bits, self.number + count)


class Cidr(NamedTuple):
    """An address with its prefix length: 10.1.2.3/24."""

    ip: IP
    prefix: int

    @property
    def text(self) -> str:
        return f"{self.ip.text}/{self.prefix}"

    @property
    def hosts(self) -> int:
        return self.ip.bits - self.prefix

    @property
    def network(self) -> Cidr:
        return Cidr(IP(self.ip.bits, self.ip.number >> self.hosts << self.hosts), self.prefix)

    @property
    def last(self) -> IP:
        """The highest address: IPv4's broadcast."""
        return IP(self.ip.bits, self.ip.number | ((1 << self.hosts) - 1))

    def contains(self, ip: IP) -> bool:
        return ip.bits == self.ip.bits and ip.number >> self.hosts == self.ip.number >> self.hosts

    def overlaps(self, other: Cidr) -> bool:
        return self.contains(other.ip) or other.contains(self.ip)


def parse_ip(text: str) -> IP:
    """ValueError on anything else than one address."""
    try:
        if ":" not in text:
            return IP(32, int.from_bytes(inet_pton(AF_INET, text), "big"))
        packed = inet_pton(AF_INET6, text)
    except (OSError, ValueError) as error:  # ValueError: a NUL in the text
        raise ValueError(f"invalid IP address: {text}") from error
    return from_packed(packed)


def from_packed(packed: bytes) -> IP:
    if len(packed) == 16 and packed[:12] == _MAPPED:
        packed = packed[12:]
    return IP(len(packed) * 8, int.from_bytes(packed, "big"))


def parse_cidr(text: str) -> Cidr:
    """Address and prefix; the host bits are kept."""
    address, slash, length = text.partition("/")
    try:
        ip = parse_ip(address)
    except ValueError as error:
        raise ValueError(f"invalid CIDR address: {text}") from error
    if not slash or not length.isascii() or not length.isdigit() or len(length) > 3:
        raise ValueError(f"invalid CIDR address: {text}")
    prefix = int(length)
    if ":" in address and ip.bits == 32:
        prefix -= 96
    if not 0 <= prefix <= ip.bits:
        raise ValueError(f"invalid CIDR address: {text}")
    return Cidr(ip, prefix)


def parse_ip_or_cidr(text: str) -> Cidr:
    """A bare address gets the prefix of a single host."""
    if "/" in text:
        return parse_cidr(text)
    ip = parse_ip(text)
    return Cidr(ip, ip.bits)
