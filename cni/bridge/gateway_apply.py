"""Making the bridge what ADD needs; all of it may be there already, or be done by another ADD meanwhile."""

from __future__ import annotations

from cni.bridge import plan
from cni.spec.errors import CniError
from cni.veth import sysctls
from linux import sysctl
from linux.netlink.socket import NetlinkError
from linux.rtnl import constants as c

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cni.bridge.config import BridgeConf
    from cni.bridge.plan import AddressOp
    from cni.veth.plan import Addressing
    from linux.rtnl import Link, Rtnl

_LINK_LOCAL_PREFIX = 64


def ensure_bridge(host: Rtnl, conf: BridgeConf, host_name: str) -> tuple[int | None, Link]:
    """The MTU for the veth pair (None: the kernel's own) and the bridge, up."""
    mtu = _auto_mtu(host) if conf.mtu == 0 else conf.mtu
    link = host.link(conf.bridge)
    if link is None:
        link = _create(host, conf, plan.first_bridge_mac(conf, host_name), mtu)
    if link.kind != "bridge":
        raise CniError(f'"{conf.bridge}" already exists but is not a bridge: remove it or name another one')
    if not link.up:
        host.set_link(link.ifindex, up=True)
    if conf.promisc and not link.promisc:
        host.set_link(link.ifindex, promisc=True)
    return mtu, link


def _auto_mtu(host: Rtnl) -> int | None:
    from cni.bridge.uplinks_apply import uplink_mtus

    return plan.auto_mtu(uplink_mtus(host, host.links()).values())


def _create(host: Rtnl, conf: BridgeConf, mac: str, mtu: int | None) -> Link:
    filtering = bool(conf.vlan or conf.trunk)
    try:
        host.add_bridge(
            conf.bridge,
            mac=mac,
            mtu=mtu,
            vlan_filtering=True if filtering else None,
            default_pvid=0 if filtering and not conf.preserve_default_vlan else None,
        )
    except NetlinkError as error:
        if filtering and not error.exists:
            raise CniError(
                f"failed to create bridge {conf.bridge} with VLAN filtering: {error}: "
                "this kernel may lack CONFIG_BRIDGE_VLAN_FILTERING"
            ) from error
        if not error.exists:  # else another ADD was faster, which is fine
            raise CniError(f"failed to create bridge {conf.bridge}: {error}") from error
    sysctls.set_gateway_end(conf.bridge)
    link = host.link(conf.bridge)
    if link is None:
        raise CniError(f"bridge {conf.bridge} was deleted while it was being set up")
    if not conf.is_gateway:  # else its MAC changes yet
        _add_link_local(host, link)
    return link


def _add_link_local(host: Rtnl, bridge: Link) -> None:
    """A bridge whose MAC was set has no carrier before its first port, and so no address from the kernel."""
    try:
        host.add_address(bridge.ifindex, plan.link_local(bridge.mac).text, _LINK_LOCAL_PREFIX, nodad=True)
    except OSError:
        return  # there by now, or a host without IPv6


def ensure_gateways(
    host: Rtnl,
    conf: BridgeConf,
    host_name: str,
    bridge: Link,
    layer3: Addressing,
    device: Link | None = None,
) -> Link:
    """The bridge, with the gateways' addresses on it or on device; the host forwards for their families.

    Done before the bridge gets its port: a bridge whose MAC nobody has set takes its first port's.
    """
    if not conf.is_gateway:
        return bridge
    target = device or bridge
    families = {c.AF_INET6 if gateway.ip.bits == 128 else c.AF_INET for gateway in layer3.gateways}
    # A family at a time: newer kernels read these without the lock that a dump of all takes.
    present = [address for family in sorted(families) for address in host.addresses(target.ifindex, family)]
    for gateway in layer3.gateways:
        ops = plan.bridge_address_ops(target.name, present, gateway, force=conf.force_address)
        pinned = plan.pinned_bridge_mac(conf, host_name, bridge.mac, layer3.gateways)
        if ops or pinned != bridge.mac:
            # Setting even the same address pins it; a bridge that was adopted would else follow its ports.
            host.set_link(bridge.ifindex, mac=pinned)
            bridge = bridge._replace(mac=pinned)
        for op in ops:
            _apply(host, target.ifindex, op)
    if layer3.has_ipv4:
        sysctl.ensure("net/ipv4/ip_forward", 1)
    if layer3.has_ipv6:
        sysctl.ensure("net/ipv6/conf/all/forwarding", 1)
    return bridge


def _apply(host: Rtnl, index: int, op: AddressOp) -> None:
    ip, prefix = op.address.ip, op.address.prefix
    if op.verb == "delete":
        host.delete_address(index, ip.text, prefix)
        return
    broadcast = op.address.last.text if ip.bits == 32 and op.address.hosts > 1 else None
    try:
        host.add_address(index, ip.text, prefix, nodad=True, broadcast=broadcast)
    except NetlinkError as error:
        if not error.exists:
            raise CniError(f"could not set the bridge's address {op.address.text}: {error}") from error
