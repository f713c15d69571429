"""From what is there to what should be: steps as values, none of them when both are the same. Pure.

New ways are laid before old ones are taken away, and what a route leads through before the route.
"""

from collections.abc import Iterator
from typing import NamedTuple, TypeAlias

from nodeagent.overlay.plan import OverlayState, PodRoute, Tunnel


class MakeTunnel(NamedTuple):
    """One of the same name is replaced: identifier, port and local address cannot be changed."""

    tunnel: Tunnel


class SetTunnelMtu(NamedTuple):
    mtu_bytes: int


class RemoveTunnel(NamedTuple):
    """With all that leads through it."""


class AddAddress(NamedTuple):
    ip: str


class RemoveAddress(NamedTuple):
    ip: str


class AddNeighbour(NamedTuple):
    ip: str
    mac: str


class RemoveNeighbour(NamedTuple):
    ip: str


class AddForwarding(NamedTuple):
    mac: str
    node: str


class RemoveForwarding(NamedTuple):
    mac: str
    node: str


class AddRoute(NamedTuple):
    """`replace`: the one that is there for the same range is ours."""

    route: PodRoute
    replace: bool


class RemoveRoute(NamedTuple):
    route: PodRoute


Step: TypeAlias = (
    MakeTunnel
    | SetTunnelMtu
    | RemoveTunnel
    | AddAddress
    | RemoveAddress
    | AddNeighbour
    | RemoveNeighbour
    | AddForwarding
    | RemoveForwarding
    | AddRoute
    | RemoveRoute
)


def steps(wanted: OverlayState, actual: OverlayState) -> tuple[Step, ...]:
    """In the order in which they are to be done."""
    found: list[Step] = list(_tunnel(wanted.tunnel, actual.tunnel))
    if any(isinstance(step, MakeTunnel | RemoveTunnel) for step in found):
        # All that led through the old device went with it.
        actual = OverlayState(routes=frozenset(route for route in actual.routes if not route.tunnelled))
    found += [AddAddress(ip) for ip in sorted(wanted.addresses - actual.addresses)]
    found += _forwarding(wanted.forwarding, actual.forwarding)
    found += [AddNeighbour(*entry) for entry in sorted(wanted.neighbours - actual.neighbours)]
    found += _routes(wanted.routes, actual.routes)
    wanted_ips = {ip for ip, _mac in wanted.neighbours}
    found += [
        RemoveNeighbour(ip)
        for ip, _mac in sorted(actual.neighbours - wanted.neighbours)
        if ip not in wanted_ips  # else it was replaced
    ]
    found += [RemoveAddress(ip) for ip in sorted(actual.addresses - wanted.addresses)]
    return tuple(found)


def _tunnel(wanted: Tunnel | None, actual: Tunnel | None) -> Iterator[Step]:
    if wanted == actual:
        return
    if wanted is None:
        yield RemoveTunnel()
    elif actual is None or wanted._replace(mtu_bytes=0) != actual._replace(mtu_bytes=0):
        yield MakeTunnel(wanted)
    else:
        yield SetTunnelMtu(wanted.mtu_bytes)


def _forwarding(
    wanted: frozenset[tuple[str, str]], actual: frozenset[tuple[str, str]]
) -> Iterator[AddForwarding | RemoveForwarding]:
    """A unicast MAC has one way: adding the new one replaces the old one."""
    macs = {mac for mac, _node in wanted}
    yield from (AddForwarding(*entry) for entry in sorted(wanted - actual))
    yield from (RemoveForwarding(mac, node) for mac, node in sorted(actual - wanted) if mac not in macs)


def _routes(wanted: frozenset[PodRoute], actual: frozenset[PodRoute]) -> Iterator[AddRoute | RemoveRoute]:
    present = {route.dst for route in actual}
    kept = {route.dst for route in wanted}
    yield from (AddRoute(route, route.dst in present) for route in sorted(wanted - actual))
    yield from (RemoveRoute(route) for route in sorted(actual - wanted) if route.dst not in kept)
