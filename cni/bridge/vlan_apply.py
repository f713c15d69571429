"""Letting VLANs through the host's end of an attachment."""

from __future__ import annotations

from cni.bridge.vlans import ranges
from cni.spec.errors import CniError
from cni.veth.plan import host_ifname

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cni.bridge.config import BridgeConf
    from linux.rtnl import Link, Rtnl

_DEFAULT_VLAN = 1


def ensure_gateway_device(host: Rtnl, conf: BridgeConf, bridge: Link) -> Link:
    """`<bridge>.<vlan>`: one end of a veth pair whose other end is a port of that VLAN."""
    name = f"{bridge.name}.{conf.vlan}"
    link = host.link(name)
    if link is None:
        port_name = host_ifname(bridge.name, "gateway", str(conf.vlan))
        # The kernel numbers the peer first: people (and the reference's tests) look for the port one below.
        host.add_veth(name, port_name, mtu=bridge.mtu)
        port, link = host.link(port_name), host.link(name)
        if port is None or link is None:
            raise CniError(f"{name} vanished while it was being set up")
        host.set_link(port.ifindex, master=bridge.ifindex, up=True)
        configure_port(host, conf._replace(trunk=()), port.ifindex)
    if not link.up:
        host.set_link(link.ifindex, up=True)
    return link


def configure_port(host: Rtnl, conf: BridgeConf, index: int) -> None:
    """Access VLAN untagged, trunk VLANs tagged; VLAN 1 untagged beside a trunk that has no access VLAN."""
    if conf.vlan and not conf.preserve_default_vlan:
        host.delete_bridge_vlan(index, _DEFAULT_VLAN)
    if conf.vlan:
        host.add_bridge_vlan(index, conf.vlan, pvid=True, untagged=True)
    elif conf.trunk:
        host.add_bridge_vlan(index, _DEFAULT_VLAN, pvid=True, untagged=True)
    for first, last in ranges(conf.trunk):
        host.add_bridge_vlan(index, first, last)
