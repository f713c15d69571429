"""The overlay in this network namespace: what is there, and steps carried out. Blocks."""

from collections.abc import Iterable
from typing import assert_never

from linux import sysctl
from linux.netlink.socket import NetlinkError
from linux.nft.socket import NftSocket
from linux.rtnl import Link, Rtnl
from linux.rtnl import constants as c
from nodeagent.overlay import masquerade_plan as masquerade
from nodeagent.overlay import steps as s
from nodeagent.overlay.plan import DEVICE, ROUTE_PROTOCOL, OverlayState, PodRoute, Settings, Tunnel, Underlay

_ADDRESS_MODE = f"net/ipv6/conf/{DEVICE}/addr_gen_mode"


class RouteRefused(Exception):
    """A route could not be laid; says which, why, and the mend."""


class Kernel:
    """One rtnetlink socket; for one thread at a time."""

    def __init__(self) -> None:
        self._rtnl = Rtnl()
        self._device = 0  # its index, while steps are carried out

    def close(self) -> None:
        self._rtnl.close()

    def underlay(self, settings: Settings) -> Underlay | None:
        """The link that has the node's first address; None if none has (behind a NAT, or not yet)."""
        for wanted in settings.node_ips[:1]:
            for address in self._rtnl.addresses():
                if address.ip == wanted:
                    link = self._rtnl.link_by_index(address.ifindex)
                    return Underlay(address.ifindex, wanted, link.mtu) if link else None
        return None

    def device(self) -> int:
        """Its index, 0 if there is none."""
        link = self._rtnl.link(DEVICE)
        return link.ifindex if link else 0

    def read(self) -> OverlayState:
        """What earlier steps, of this or an earlier process, have left."""
        link = self._rtnl.link(DEVICE)
        routes = (route for route in self._rtnl.routes() if route.protocol == ROUTE_PROTOCOL)
        index = link.ifindex if link else 0
        found = frozenset(PodRoute(r.dst, r.via or "", r.oif == index) for r in routes)
        if link is None:
            return OverlayState(routes=found)
        return OverlayState(
            tunnel=_tunnel(link),
            addresses=frozenset(a.ip for a in self._rtnl.addresses(index) if a.scope != c.RT_SCOPE_LINK),
            routes=found,
            neighbours=frozenset(
                (n.dst, n.mac)
                for family in (c.AF_INET, c.AF_INET6)
                for n in self._rtnl.neighbours(family=family, index=index)
                if n.state & c.NUD_PERMANENT and n.dst
            ),
            forwarding=frozenset(
                (n.mac, n.dst) for n in self._rtnl.neighbours(family=c.AF_BRIDGE, index=index) if n.dst
            ),
        )

    def carry_out(self, steps: Iterable[s.Step]) -> list[RouteRefused]:
        """Goes on after a route that the kernel refuses, since the others' pods can be reached; returns those."""
        refused = []
        self._device = 0
        for step in steps:
            try:
                self._do(step)
            except RouteRefused as error:
                refused.append(error)
        return refused

    def _do(self, step: s.Step) -> None:
        match step:
            case s.MakeTunnel(tunnel):
                self._make(tunnel)
            case s.SetTunnelMtu(mtu_bytes):
                self._rtnl.set_link(self._index(), mtu=mtu_bytes)
            case s.RemoveTunnel():
                self._rtnl.delete_link_named(DEVICE)
            case s.AddAddress(ip):
                self._rtnl.add_address(
                    self._index(), ip, _length(ip), nodad=True, no_prefix_route=True, replace=True
                )
            case s.RemoveAddress(ip):
                self._rtnl.delete_address(self._index(), ip, _length(ip))
            case s.AddNeighbour(ip, mac):
                self._rtnl.add_neighbour(self._index(), ip, mac)
            case s.RemoveNeighbour(ip):
                self._rtnl.delete_neighbour(self._index(), ip)
            case s.AddForwarding(mac, node):
                self._rtnl.add_fdb(self._index(), mac, dst=node)
            case s.RemoveForwarding(mac, node):
                self._rtnl.delete_fdb(self._index(), mac, dst=node)
            case s.AddRoute(route, replace):
                self._lay(route, replace=replace)
            case s.RemoveRoute(route):
                self._rtnl.delete_route(route.dst, via=route.via or None)
            case _:
                assert_never(step)

    def _make(self, tunnel: Tunnel) -> None:
        self._device = 0
        self._rtnl.delete_link_named(DEVICE)
        self._rtnl.add_vxlan(
            DEVICE,
            tunnel.id,
            local=tunnel.local,
            port=tunnel.port,
            mac=tunnel.mac,
            mtu=tunnel.mtu_bytes,
        )
        # No link-local address: nothing would ever answer the neighbour discovery that one sends.
        if sysctl.read(_ADDRESS_MODE) is not None:
            sysctl.write(_ADDRESS_MODE, 1)
        self._rtnl.set_link(self._index(), up=True)

    def _index(self) -> int:
        if not self._device:
            self._device = self.device()
        if not self._device:
            raise FileNotFoundError(f"{DEVICE} has gone meanwhile")
        return self._device

    def _lay(self, route: PodRoute, *, replace: bool) -> None:
        try:
            self._rtnl.add_route(
                route.dst,
                via=route.via,
                oif=self._index() if route.tunnelled else None,
                onlink=route.tunnelled,
                protocol=ROUTE_PROTOCOL,
                replace=replace,
            )
        except NetlinkError as error:
            why = (
                f"somebody else's route is there: `ip route del {route.dst}`"
                if error.exists
                else f"{error.strerror}; nodes of --network routes share a layer 2 segment, else use vxlan"
            )
            raise RouteRefused(f"pods in {route.dst} by {route.via} cannot be reached: {why}") from error


def _tunnel(link: Link) -> Tunnel | None:
    """None for a device of our name that is something else, or is not up: it is made anew."""
    if link.vxlan is None or not link.up or link.vxlan.learning:
        return None
    return Tunnel(link.vxlan.id, link.vxlan.port, link.vxlan.local, link.mac, link.mtu)


def _length(ip: str) -> int:
    return 128 if ":" in ip else 32


class PacketFilter:
    """The masquerading tables."""

    def __init__(self) -> None:
        self._nft = NftSocket()
        self.port_id = self._nft.port_id

    def replace(self, own: Iterable[str], everybody: Iterable[str]) -> None:
        own, everybody = tuple(own), tuple(everybody)
        for family in masquerade.FAMILIES:
            self._nft.apply(masquerade.replace_table(family, own, everybody))

    def remove(self) -> None:
        for table in self._nft.tables():
            if table.name == masquerade.TABLE:
                self._nft.apply(masquerade.remove_table(table.family))

    def close(self) -> None:
        self._nft.close()
