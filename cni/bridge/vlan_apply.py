"""Letting VLANs through the host's end of an attachment."""

from __future__ import annotations

from cni.bridge.vlans import ranges

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cni.bridge.config import BridgeConf
    from linux.rtnl import Link, Rtnl

_DEFAULT_VLAN = 1


def configure_port(host: Rtnl, conf: BridgeConf, port: Link) -> None:
    """Access VLAN untagged, trunk VLANs tagged; VLAN 1 untagged beside a trunk that has no access VLAN."""
    if conf.vlan and not conf.preserve_default_vlan:
        host.delete_bridge_vlan(port.ifindex, _DEFAULT_VLAN)
    if conf.vlan:
        host.add_bridge_vlan(port.ifindex, conf.vlan, pvid=True, untagged=True)
    elif conf.trunk:
        host.add_bridge_vlan(port.ifindex, _DEFAULT_VLAN, pvid=True, untagged=True)
    for first, last in ranges(conf.trunk):
        host.add_bridge_vlan(port.ifindex, first, last)
