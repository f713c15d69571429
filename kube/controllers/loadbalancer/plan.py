"""Which addresses of the pool a Service gets. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import TypeAlias

import msgspec

from kube.controllers.members import family_of
from kube.objects import Service

Address: TypeAlias = IPv4Address | IPv6Address


class Pool(msgspec.Struct, frozen=True, kw_only=True):
    """From `first` to `last`, both included."""

    first: Address
    last: Address

    def __contains__(self, address: object) -> bool:
        return (
            isinstance(address, IPv4Address | IPv6Address)
            and address.version == self.first.version
            and int(self.first) <= int(address) <= int(self.last)
        )


def pools(texts: Iterable[str]) -> tuple[Pool, ...]:
    """`192.0.2.0/28` (without network and broadcast address) or `192.0.2.10-192.0.2.20`. Raises ValueError."""
    found = []
    for text in texts:
        if "-" in text:
            first, _, last = text.partition("-")
            found.append(Pool(first=ip_address(first.strip()), last=ip_address(last.strip())))
            continue
        network = ip_network(text)
        edge = 1 if network.num_addresses > 2 else 0
        found.append(Pool(first=network[edge], last=network[-1 - edge]))
    return tuple(found)


def is_ours(service: Service) -> bool:
    spec = service.spec
    return (
        spec.type == "LoadBalancer"
        and spec.load_balancer_class is None
        and service.metadata.deletion_timestamp is None
    )


def held(service: Service) -> tuple[str, ...]:
    return tuple(one.ip for one in service.status.load_balancer.ingress if one.ip)


def addresses(service: Service, offered: Sequence[Pool], taken: Iterable[str]) -> tuple[str, ...]:
    """One for each of the Service's families that the pool has; what it holds it keeps. `taken`: by others."""
    used = {ip_address(one) for one in taken}
    found: list[str] = []
    for family in service.spec.ip_families or ("IPv4",):
        mine = [pool for pool in offered if family_of(str(pool.first)) == family]
        wanted = [text for text in (*held(service), service.spec.load_balancer_ip) if text]
        choices = [ip_address(text) for text in wanted if family_of(text) == family]
        asked = service.spec.load_balancer_ip
        if asked and family_of(asked) == family:
            choices = [ip_address(asked)]
        kept = next((one for one in choices if one not in used and any(one in pool for pool in mine)), None)
        if kept is None and not (asked and family_of(asked) == family):
            kept = _first_free(mine, used)
        if kept is not None:
            used.add(kept)
            found.append(str(kept))
    return tuple(found)


def _first_free(offered: Sequence[Pool], used: set[Address]) -> Address | None:
    for pool in offered:
        for number in range(int(pool.first), int(pool.last) + 1):
            address = type(pool.first)(number)
            if address not in used:
                return address
    return None
