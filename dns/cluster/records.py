"""What DNS keeps of API objects: small frozen values, made once when an object changes.

`gc=False`: they refer to no cycle, and half a million of them would make each full collection a pause of its own.
"""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address

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
    """The ready endpoints of one EndpointSlice. `cluster` is set for slices imported from another cluster."""

    name: str
    endpoints: tuple[EndpointRecord, ...] = ()
    ports: tuple[ServicePort, ...] = ()
    not_ready_count: int = 0
    cluster: str = ""


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
