"""rtnetlink request payloads, pure: the bytes after nlmsghdr."""

from __future__ import annotations

import struct

from linux.netlink.codec import attr, attr_be16, attr_str, attr_u8, attr_u16, attr_u32, nested
from linux.rtnl import constants as c
from linux.rtnl.messages import IFADDR, IFINFO, NDMSG, RTMSG, Neighbour, Rule, family_of, ip_bytes, mac_bytes


def link_header(index: int = 0, flags: int = 0, change: int = 0, family: int = 0) -> bytes:
    return IFINFO.pack(family, 0, index, flags, change)


def link_named(name: str) -> bytes:
    return link_header() + attr_str(c.IFLA_IFNAME, name)


def link_changes(
    index: int,
    *,
    up: bool | None = None,
    master: int | None = None,
    mtu: int | None = None,
    mac: str | None = None,
    name: str | None = None,
    netns_fd: int | None = None,
    promisc: bool | None = None,
    allmulti: bool | None = None,
    alias: str | None = None,
    txqlen: int | None = None,
    group: int | None = None,
) -> bytes:
    """RTM_NEWLINK or RTM_SETLINK of an existing link; master 0 takes it out of its bridge."""
    flags = change = 0
    for wanted, bit in ((up, c.IFF_UP), (promisc, c.IFF_PROMISC), (allmulti, c.IFF_ALLMULTI)):
        if wanted is not None:
            change |= bit
            flags |= bit if wanted else 0
    return link_header(index, flags, change) + link_attrs(
        mtu=mtu, mac=mac, name=name, master=master, netns_fd=netns_fd, alias=alias, txqlen=txqlen, group=group
    )


def link_attrs(
    *,
    name: str | None = None,
    mac: str | None = None,
    mtu: int | None = None,
    master: int | None = None,
    netns_fd: int | None = None,
    alias: str | None = None,
    txqlen: int | None = None,
    group: int | None = None,
) -> bytes:
    parts = [
        attr_u32(kind, value)
        for kind, value in (
            (c.IFLA_MTU, mtu),
            (c.IFLA_MASTER, master),
            (c.IFLA_NET_NS_FD, netns_fd),
            (c.IFLA_TXQLEN, txqlen),
            (c.IFLA_GROUP, group),
        )
        if value is not None
    ]
    if name is not None:
        parts.append(attr_str(c.IFLA_IFNAME, name))
    if mac is not None:
        parts.append(attr(c.IFLA_ADDRESS, mac_bytes(mac)))
    if alias is not None:
        parts.append(attr(c.IFLA_IFALIAS, alias.encode()))
    return b"".join(parts)


def new_link(
    kind: str, attrs: bytes, data: bytes = b"", *, up: bool = False, index: int = 0, lower: int | None = None
) -> bytes:
    """RTM_NEWLINK of a virtual device; data is what its driver takes as IFLA_INFO_DATA."""
    flag = c.IFF_UP if up else 0
    info = attr_str(c.IFLA_INFO_KIND, kind) + (nested(c.IFLA_INFO_DATA, data) if data else b"")
    under = attr_u32(c.IFLA_LINK, lower) if lower is not None else b""
    return link_header(index, flag, flag) + attrs + under + nested(c.IFLA_LINKINFO, info)


# A veth uses one queue whatever it has. Asked for no number the kernel makes one for each processor, and lays
# the others off once the pair is there: two grace periods of RCU under the lock of all links.
_ONE_QUEUE = attr_u32(c.IFLA_NUM_TX_QUEUES, 1) + attr_u32(c.IFLA_NUM_RX_QUEUES, 1)


def new_veth(attrs: bytes, peer_attrs: bytes, *, up: bool = False) -> bytes:
    """RTM_NEWLINK of both ends."""
    return new_link("veth", attrs + _ONE_QUEUE, veth_peer(peer_attrs + _ONE_QUEUE), up=up)


def veth_peer(attrs: bytes) -> bytes:
    """IFLA_INFO_DATA of a veth: its peer's own ifinfomsg and attributes."""
    return nested(c.VETH_INFO_PEER, link_header() + attrs)


def bridge_data(*, vlan_filtering: bool | None = None, default_pvid: int | None = None) -> bytes:
    parts = b""
    if vlan_filtering is not None:
        parts += attr_u8(c.IFLA_BR_VLAN_FILTERING, vlan_filtering)
    if default_pvid is not None:
        parts += attr_u16(c.IFLA_BR_VLAN_DEFAULT_PVID, default_pvid)
    return parts


def vxlan_data(vni: int, *, local: str | None, port: int, lower: int | None, learning: bool) -> bytes:
    parts = [attr_u32(c.IFLA_VXLAN_ID, vni), attr_be16(c.IFLA_VXLAN_PORT, port)]
    parts.append(attr_u8(c.IFLA_VXLAN_LEARNING, learning))
    if local is not None:
        parts.append(attr(c.IFLA_VXLAN_LOCAL6 if ":" in local else c.IFLA_VXLAN_LOCAL, ip_bytes(local)))
    if lower is not None:
        parts.append(attr_u32(c.IFLA_VXLAN_LINK, lower))
    return b"".join(parts)


def bridge_port(index: int, *, hairpin: bool | None, isolated: bool | None, learning: bool | None) -> bytes:
    wanted = (
        (c.IFLA_BRPORT_MODE, hairpin),
        (c.IFLA_BRPORT_ISOLATED, isolated),
        (c.IFLA_BRPORT_LEARNING, learning),
    )
    parts = [attr_u8(kind, value) for kind, value in wanted if value is not None]
    return link_header(index, family=c.AF_BRIDGE) + nested(c.IFLA_PROTINFO, *parts)


def bridge_vlan(
    index: int, first: int, last: int, *, pvid: bool = False, untagged: bool = False, self_: bool = False
) -> bytes:
    """RTM_SETLINK or RTM_DELLINK of VLANs first to last on a port, or on the bridge itself with self_."""
    flags = (c.BRIDGE_VLAN_INFO_PVID if pvid else 0) | (c.BRIDGE_VLAN_INFO_UNTAGGED if untagged else 0)
    if first == last:
        entries = [(flags, first)]
    else:
        entries = [
            (flags | c.BRIDGE_VLAN_INFO_RANGE_BEGIN, first),
            (flags | c.BRIDGE_VLAN_INFO_RANGE_END, last),
        ]
    parts = [attr(c.IFLA_BRIDGE_VLAN_INFO, struct.pack("=HH", *entry)) for entry in entries]
    if self_:
        parts.insert(0, attr_u16(c.IFLA_BRIDGE_FLAGS, c.BRIDGE_FLAGS_SELF))
    return link_header(index, family=c.AF_BRIDGE) + nested(c.IFLA_AF_SPEC, *parts)


def address(
    index: int, ip: str, prefix: int, *, flags: int = 0, scope: int = 0, broadcast: str | None = None
) -> bytes:
    raw = ip_bytes(ip)
    header = IFADDR.pack(family_of(ip), prefix, flags & 0xFF, scope, index)
    parts = attr(c.IFA_LOCAL, raw) + attr(c.IFA_ADDRESS, raw)
    if flags:
        parts += attr_u32(c.IFA_FLAGS, flags)
    if broadcast is not None:
        parts += attr(c.IFA_BROADCAST, ip_bytes(broadcast))
    return header + parts


def route(
    dst: str,
    *,
    via: str | None = None,
    oif: int | None = None,
    table: int = c.RT_TABLE_MAIN,
    scope: int | None = None,
    kind: int = c.RTN_UNICAST,
    protocol: int = c.RTPROT_BOOT,
    priority: int = 0,
    prefsrc: str | None = None,
    mtu: int = 0,
    advmss: int = 0,
    onlink: bool = False,
) -> bytes:
    """Dst is "10.0.0.0/8", an address, or "0.0.0.0/0" and "::/0" for the default route."""
    ip, _, length = dst.partition("/")
    raw = ip_bytes(ip)
    prefix = int(length) if length else len(raw) * 8
    flags = c.RTNH_F_ONLINK if onlink else 0
    small_table = table if table < 256 else 0
    if scope is None:
        scope = default_scope(via, kind, oif)
    family = family_of(ip)
    parts = [RTMSG.pack(family, prefix, 0, 0, small_table, protocol, scope, kind, flags)]
    if prefix:
        parts.append(attr(c.RTA_DST, raw))
    if via is not None:
        same = family_of(via) == family
        parts.append(
            attr(c.RTA_GATEWAY, ip_bytes(via))
            if same
            else attr(c.RTA_VIA, struct.pack("=H", family_of(via)) + ip_bytes(via))
        )
    if prefsrc is not None:
        parts.append(attr(c.RTA_PREFSRC, ip_bytes(prefsrc)))
    parts += [
        attr_u32(number, value)
        for number, value in ((c.RTA_OIF, oif), (c.RTA_PRIORITY, priority or None), (c.RTA_TABLE, table))
        if value is not None
    ]
    metrics = [attr_u32(k, v) for k, v in ((c.RTAX_MTU, mtu), (c.RTAX_ADVMSS, advmss)) if v]
    return b"".join(parts) + (nested(c.RTA_METRICS, *metrics) if metrics else b"")


def default_scope(via: str | None, kind: int, oif: int | None) -> int:
    """As ip-route(8) chooses: what needs no gateway is on the link, local routes are the host's."""
    if kind == c.RTN_LOCAL:
        return c.RT_SCOPE_HOST
    if via is None and kind == c.RTN_UNICAST and oif is not None:
        return c.RT_SCOPE_LINK
    return c.RT_SCOPE_UNIVERSE


def neighbour(entry: Neighbour) -> bytes:
    """ARP and ND entries by address; bridge forwarding entries have family AF_BRIDGE and may lack dst."""
    parts = [NDMSG.pack(entry.family, entry.ifindex, entry.state, entry.flags, 0)]
    if entry.dst:
        parts.append(attr(c.NDA_DST, ip_bytes(entry.dst)))
    if entry.mac:
        parts.append(attr(c.NDA_LLADDR, mac_bytes(entry.mac)))
    if entry.vlan:
        parts.append(attr_u16(c.NDA_VLAN, entry.vlan))
    return b"".join(parts)


def rule(entry: Rule) -> bytes:
    src_ip, _, src_length = entry.src.partition("/")
    dst_ip, _, dst_length = entry.dst.partition("/")
    bits = 128 if entry.family == c.AF_INET6 else 32
    table = entry.table if entry.table < 256 else 0
    header = RTMSG.pack(
        entry.family,
        int(dst_length or bits) if dst_ip else 0,
        int(src_length or bits) if src_ip else 0,
        0,
        table,
        0,
        0,
        entry.action,
        0,
    )
    parts = [attr_u32(c.FRA_TABLE, entry.table)]
    parts += [attr(kind, ip_bytes(ip)) for kind, ip in ((c.FRA_SRC, src_ip), (c.FRA_DST, dst_ip)) if ip]
    numbers = ((c.FRA_PRIORITY, entry.priority), (c.FRA_FWMARK, entry.fwmark), (c.FRA_FWMASK, entry.fwmask))
    parts += [attr_u32(kind, value) for kind, value in numbers if value]
    names = ((c.FRA_IIFNAME, entry.iif), (c.FRA_OIFNAME, entry.oif))
    parts += [attr_str(kind, name) for kind, name in names if name]
    return header + b"".join(parts)
