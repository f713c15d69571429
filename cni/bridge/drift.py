"""CHECK and STATUS: what is, compared with what should be; each difference in words."""

from __future__ import annotations

from cni.bridge import plan
from cni.spec.addresses import parse_cidr
from cni.spec.errors import UNAVAILABLE, UNAVAILABLE_LIMITED, CniError
from cni.veth.plan import kernel_routes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import NamedTuple

    from cni.bridge.config import BridgeConf
    from cni.spec.result import Interface, Result
    from linux.rtnl import Address, Link, Route, Rtnl
else:
    from linux.records import NamedTuple

MAX_PORTS = 1023  # BR_MAX_PORTS less one, net/bridge/br_private.h


class Observed(NamedTuple):
    """The kernel's view of an attachment."""

    bridge: Link | None
    bridge_addresses: tuple[Address, ...]
    port: Link | None
    container: Link | None
    addresses: tuple[Address, ...]
    routes: tuple[Route, ...]


def observe(ifname: str, conf: BridgeConf, prev: Result, host: Rtnl, inside: Rtnl) -> Observed:
    expected = interfaces(prev, conf, ifname)
    bridge = host.link(conf.bridge)
    container = inside.link(ifname)
    port = host.link(expected[1].name) if expected[1] else None
    return Observed(
        bridge=bridge,
        bridge_addresses=tuple(host.addresses(bridge.ifindex)) if bridge else (),
        port=port,
        container=container,
        addresses=tuple(inside.addresses(container.ifindex)) if container else (),
        routes=tuple(inside.routes(table=None)),
    )


def interfaces(
    prev: Result, conf: BridgeConf, ifname: str
) -> tuple[Interface | None, Interface | None, Interface | None]:
    """Bridge, host end and container interface as the result names them."""
    bridge = next((i for i in prev.interfaces if not i.sandbox and i.name == conf.bridge), None)
    own = next((i for i in prev.interfaces if i.sandbox and i.name == ifname), None)
    port = next(
        (i for i in prev.interfaces if not i.sandbox and i.name.startswith("veth")),
        next((i for i in prev.interfaces if not i.sandbox and i is not bridge), None),
    )
    return bridge, port, own


def find(conf: BridgeConf, prev: Result, seen: Observed) -> list[str]:
    """All differences, the most basic first; empty: nothing has drifted."""
    return [*_bridge(conf, prev, seen), *_ends(conf, prev, seen), *_layer3(conf, prev, seen)]


def _bridge(conf: BridgeConf, prev: Result, seen: Observed) -> Iterator[str]:
    expected = next((i for i in prev.interfaces if not i.sandbox and i.name == conf.bridge), None)
    if expected is None:
        yield f"prevResult has no bridge {conf.bridge}"
        return
    if seen.bridge is None:
        yield f"bridge {conf.bridge} is gone: the next ADD makes it again"
        return
    if seen.bridge.kind != "bridge":
        yield f"{conf.bridge} is not a bridge but a {seen.bridge.kind or 'device'}"
    if expected.mac and expected.mac != seen.bridge.mac:
        yield f"bridge {conf.bridge} has MAC {seen.bridge.mac} instead of {expected.mac}"
    if not seen.bridge.up:
        yield f"bridge {conf.bridge} is down"
    if conf.promisc and not seen.bridge.promisc:
        yield f"bridge {conf.bridge} is not promiscuous"
    yield from _gateways(conf, prev, seen)


def _gateways(conf: BridgeConf, prev: Result, seen: Observed) -> Iterator[str]:
    if not conf.is_gateway or conf.vlan:
        return
    present = {f"{a.ip}/{a.prefix}" for a in seen.bridge_addresses}
    for gateway in plan.addressing(conf, prev._replace(routes=())).gateways:
        if gateway.text not in present:
            yield f"bridge {conf.bridge} has lost its gateway address {gateway.text}"


def _ends(conf: BridgeConf, prev: Result, seen: Observed) -> Iterator[str]:
    vlan_gateway = f"{conf.bridge}.{conf.vlan}"
    names = (conf.bridge, vlan_gateway)
    port = next((i for i in prev.interfaces if not i.sandbox and i.name not in names), None)
    own = next((i for i in prev.interfaces if i.sandbox), None)
    if own is None:
        yield "prevResult has no container interface"
        return
    if seen.container is None:
        yield f"container interface {own.name} is gone"
        return
    if seen.container.kind != "veth":
        yield f"container interface {own.name} is not a veth"
    if own.mac and own.mac != seen.container.mac:
        yield f"container interface {own.name} has MAC {seen.container.mac} instead of {own.mac}"
    if not seen.container.up and not conf.leave_down:
        yield f"container interface {own.name} is down"
    if port is None:
        yield "prevResult has no host interface"
        return
    if seen.port is None:
        yield f"host interface {port.name} is gone"
        return
    yield from _port(conf, port, seen.port, seen)


def _port(conf: BridgeConf, expected: Interface, port: Link, seen: Observed) -> Iterator[str]:
    if seen.container is not None and seen.container.peer != port.ifindex:
        yield f"host interface {port.name} is not the peer of {seen.container.name}"
    if expected.mac and expected.mac != port.mac:
        yield f"host interface {port.name} has MAC {port.mac} instead of {expected.mac}"
    if seen.bridge is not None and port.master != seen.bridge.ifindex:
        yield f"host interface {port.name} is not a port of bridge {conf.bridge}"
    if not port.up:
        yield f"host interface {port.name} is down"
    if conf.hairpin and port.hairpin is False:
        yield f"host interface {port.name} is not in hairpin mode"
    if conf.isolated and port.isolated is False:
        yield f"host interface {port.name} is not isolated"


def _layer3(conf: BridgeConf, prev: Result, seen: Observed) -> Iterator[str]:
    if seen.container is None:
        return
    present = {f"{a.ip}/{a.prefix}" for a in seen.addresses}
    name = seen.container.name
    own = {place for place, item in enumerate(prev.interfaces) if item.sandbox and item.name == name}
    for ip in prev.ips:
        if (ip.interface is None or ip.interface in own) and parse_cidr(ip.address).text not in present:
            yield f"{name} has lost its address {ip.address}"
    main = {(route.dst, route.via) for route in seen.routes if route.table not in (0, 255)}
    destinations = {dst for dst, _ in main}
    for route in kernel_routes(plan.addressing(conf, prev)):
        if (route.dst, route.via) not in main:
            how = f" via {route.via}" if route.via else ""
            state = "leads elsewhere" if route.dst in destinations else "is gone"
            yield f"route {route.dst}{how} of {name} {state}"


def check_ready(conf: BridgeConf, host: Rtnl) -> None:
    """CniError 50 if no ADD can succeed, 51 if existing attachments suffer as well."""
    bridge = host.link(conf.bridge)
    if bridge is None:
        return  # the first ADD makes it
    if bridge.kind != "bridge":
        raise CniError(
            f'"{conf.bridge}" exists but is not a bridge: remove it or name another one', code=UNAVAILABLE
        )
    if not bridge.up:
        raise CniError(
            f"bridge {conf.bridge} is down: `ip link set {conf.bridge} up`", code=UNAVAILABLE_LIMITED
        )
    if len(host.links(master=bridge.ifindex)) >= MAX_PORTS:
        raise CniError(f"bridge {conf.bridge} is full: {MAX_PORTS} ports", code=UNAVAILABLE)
