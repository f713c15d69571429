"""What DNS keeps of API objects: small frozen values, made once when an object changes.

`gc=False`: they refer to no cycle, and half a million of them would make each full collection a pause of its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import IPv4Address, IPv6Address
from socket import AF_INET, AF_INET6, inet_ntop, inet_pton
from typing import TypeAlias

import msgspec

from dns.cluster.names import dashed

# An endpoint without ports has addresses but no SRV; this stands for its missing port.
NO_PORT = -1


class ServicePort(msgspec.Struct, frozen=True, gc=False):
    name: str
    protocol: str  # lower case
    port: int


class ServiceRecord(msgspec.Struct, frozen=True, gc=False):
    """A Service. `external_name` is empty unless its type is ExternalName."""

    namespace: str
    name: str
    addresses: tuple[str, ...] = ()  # cluster IPs
    ports: tuple[ServicePort, ...] = ()
    headless: bool = False
    external_name: str = ""


class EndpointRecord(msgspec.Struct, frozen=True, gc=False):
    """One address of a ready endpoint. `name` is "" where the address with dashes is its hostname."""

    address: str
    name: str = ""
    zone: str = ""

    @property
    def hostname(self) -> str:
        return self.name or dashed(self.address)


class SliceRecord(msgspec.Struct, frozen=True, gc=False):
    """The ready endpoints of one EndpointSlice, in columns: a cluster has more of them than of anything else.

    `packed` has the addresses, 4 bytes each, or 16 when `wide`; where one is neither, all are in `texts`. `names` and
    `zones` are empty when no endpoint has any. `cluster` is set for slices imported from another cluster.
    """

    name: str
    packed: bytes = b""
    wide: bool = False
    names: tuple[str, ...] = ()
    zones: tuple[str, ...] = ()
    texts: tuple[str, ...] = ()
    ports: tuple[ServicePort, ...] = ()
    not_ready_count: int = 0
    cluster: str = ""

    @property
    def endpoint_count(self) -> int:
        return len(self.texts) or len(self.packed) // (16 if self.wide else 4)

    @property
    def addresses(self) -> tuple[str, ...]:
        if self.texts:
            return self.texts
        family, size = (AF_INET6, 16) if self.wide else (AF_INET, 4)
        packed = self.packed
        return tuple(inet_ntop(family, packed[start : start + size]) for start in range(0, len(packed), size))

    @property
    def endpoints(self) -> tuple[EndpointRecord, ...]:
        addresses = self.addresses
        names = self.names or ("",) * len(addresses)
        zones = self.zones or ("",) * len(addresses)
        return tuple(map(EndpointRecord, addresses, names, zones))

    @property
    def address_keys(self) -> frozenset[AddressKey]:
        if self.texts:
            return frozenset(self.texts)
        size, mark = (16, _WIDE) if self.wide else (4, 0)
        packed = self.packed
        return frozenset(
            int.from_bytes(packed[start : start + size], "big") | mark
            for start in range(0, len(packed), size)
        )


# An address as an index has it: a number is less than half the text. IPv6 has one bit more than it needs.
AddressKey: TypeAlias = int | str
_WIDE = 1 << 128


def address_key(ip: str) -> AddressKey:
    """The key of an address in text; what is none is its own key."""
    try:
        if ":" in ip:
            return int.from_bytes(inet_pton(AF_INET6, ip), "big") | _WIDE
        return int.from_bytes(inet_pton(AF_INET, ip), "big")
    except (OSError, ValueError):
        return ip


def address_text(key: AddressKey) -> str:
    """The other way round."""
    if isinstance(key, str):
        return key
    if key & _WIDE:
        return inet_ntop(AF_INET6, (key ^ _WIDE).to_bytes(16, "big"))
    return inet_ntop(AF_INET, key.to_bytes(4, "big"))


def slice_record(
    name: str,
    endpoints: Sequence[EndpointRecord],
    ports: tuple[ServicePort, ...],
    *,
    not_ready_count: int = 0,
    cluster: str = "",
) -> SliceRecord:
    """These endpoints in columns."""
    texts = tuple(one.address for one in endpoints)
    wide = any(":" in text for text in texts)
    try:
        packed = b"".join(inet_pton(AF_INET6 if wide else AF_INET, text) for text in texts)
        texts = ()
    except (OSError, ValueError):
        packed = b""
    names = tuple(one.name for one in endpoints)
    zones = tuple(one.zone for one in endpoints)
    return SliceRecord(
        name,
        packed,
        wide,
        names if any(names) else (),
        zones if any(zones) else (),
        texts,
        ports,
        not_ready_count,
        cluster,
    )


def canonical(ip: str) -> str:
    """Shortest text; what is no address stays as it is."""
    if ":" not in ip:
        return ip if ip.count(".") == 3 and not _has_leading_zero(ip) else _canonical_v4(ip)
    try:
        return str(IPv6Address(ip))
    except ValueError:
        return ip


def _has_leading_zero(ip: str) -> bool:
    return ip.startswith("0") or ".0" in ip


def _canonical_v4(ip: str) -> str:
    try:
        return str(IPv4Address(ip))
    except ValueError:
        return ip
