"""What the proxy is to be, as one value; two of them compared say whether it must be reloaded. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, TypeAlias

import msgspec

from kube.ingress.routes import BackendRef, Routes
from kube.ingress.servers import Servers

_FEWEST_SLOTS = 4

Maps: TypeAlias = Mapping[str, Mapping[str, str]]


class Listen(msgspec.Struct, frozen=True, kw_only=True):
    addresses: tuple[str, ...]
    http_port: int = 80
    https_port: int = 443


class Backend(msgspec.Struct, frozen=True, kw_only=True):
    """A Service's port. Slots are places for servers, more than needed: filling one takes no reload."""

    title: str
    protocol: str
    sticky: bool
    slots: tuple[str, ...]  # host:port, or "" for a free one

    @property
    def shape(self) -> tuple[str, str, bool, int]:
        """What only a reload can change."""
        return (self.title, self.protocol, self.sticky, len(self.slots))


class Pem(msgspec.Struct, frozen=True, kw_only=True):
    """A certificate chain and its key in one file."""

    name: str
    hosts: tuple[str, ...]
    text: str


class Proxy(msgspec.Struct, frozen=True, kw_only=True):
    listen: Listen
    maps: Maps = {}
    backends: tuple[Backend, ...] = ()
    certificates: tuple[Pem, ...] = ()


class MapContent(msgspec.Struct, frozen=True):
    """A whole map, put in place at once."""

    name: str
    entries: Mapping[str, str]


class ServerChange(msgspec.Struct, frozen=True):
    backend: str
    slot: int
    address: str  # "": the slot is given up; requests under way end well


class Reload(msgspec.Struct, frozen=True):
    """A new worker takes the sockets over; the old one answers what it has begun."""


RELOAD: Final = Reload()
Change: TypeAlias = MapContent | ServerChange


def plan_proxy(
    listen: Listen,
    routes: Routes,
    servers: Mapping[BackendRef, Servers],
    certificates: Sequence[Pem],
    before: Proxy | None,
) -> Proxy:
    """`before` keeps servers in their slots, so that little changes."""
    slots_before = {backend.title: backend.slots for backend in before.backends} if before else {}
    backends = tuple(
        Backend(
            title=ref.title,
            protocol=servers[ref].protocol,
            sticky=servers[ref].sticky,
            slots=fill_slots(servers[ref].addresses, slots_before.get(ref.title, ())),
        )
        for ref in routes.backends
    )
    return Proxy(listen=listen, maps=_maps(routes), backends=backends, certificates=tuple(certificates))


def _maps(routes: Routes) -> Maps:
    def titles(table: Mapping[str, BackendRef]) -> dict[str, str]:
        return {place: ref.title for place, ref in sorted(table.items())}

    return {
        "sites": {host: host for host in sorted(routes.sites)},
        "exact": titles(routes.exact),
        "prefix": titles(routes.prefix),
        "defaults": titles(routes.defaults),
        "redirects": dict.fromkeys(sorted(routes.redirected), "https"),
    }


def fill_slots(addresses: Sequence[str], before: Sequence[str]) -> tuple[str, ...]:
    """Who has a slot keeps it; newcomers take free ones; too few are doubled."""
    count = len(before) or _FEWEST_SLOTS
    while count < len(addresses):
        count *= 2
    wanted = set(addresses)
    slots = [address if address in wanted else "" for address in before] + [""] * (count - len(before))
    free = (index for index, address in enumerate(slots) if not address)
    for address in addresses:
        if address not in slots:
            slots[next(free)] = address
    return tuple(slots)


def plan_changes(before: Proxy, after: Proxy) -> Reload | tuple[Change, ...]:
    """What turns a running proxy into another, maps last: they lead only to servers that are there."""
    if (before.listen, before.certificates) != (after.listen, after.certificates):
        return RELOAD
    if [one.shape for one in before.backends] != [one.shape for one in after.backends]:
        return RELOAD
    changes: list[Change] = []
    for old, new in zip(before.backends, after.backends, strict=True):
        changes += [
            ServerChange(new.title, index, address)
            for index, address in enumerate(new.slots)
            if address != old.slots[index]
        ]
    changes += [MapContent(name, new) for name, new in after.maps.items() if before.maps.get(name) != new]
    return tuple(changes)
