"""rtnetlink's values and how they are read from messages, pure (rtnetlink(7))."""

from __future__ import annotations

import struct
from _socket import inet_ntop, inet_pton

from linux.netlink.codec import Message, parse_attrs, text
from linux.rtnl import constants as c

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NamedTuple
else:
    from linux.records import NamedTuple

IFINFO = struct.Struct("=BxHiII")  # family, hardware type, index, flags, change
IFADDR = struct.Struct("=BBBBi")  # family, prefix, flags, scope, index
RTMSG = struct.Struct("=BBBBBBBBI")  # family, dst/src prefix, tos, table, protocol, scope, type, flags
NDMSG = struct.Struct("=BxxxiHBB")  # family, index, state, flags, type
_U32 = struct.Struct("=I")


class Vxlan(NamedTuple):
    """How a vxlan device was made: none of it can be changed later."""

    id: int
    port: int
    local: str
    """Outer source address; "" leaves it to routing."""
    learning: bool


class Link(NamedTuple):
    """One network interface."""

    ifindex: int
    name: str
    mac: str
    mtu: int
    flags: int
    master: int = 0
    """Index of the bridge or other device that this is a port of; 0 none."""
    kind: str = ""
    """"bridge", "veth", "vxlan", … or "" for what has no driver of its own."""
    peer: int = 0
    """veth: index of the other end, in the namespace link_netnsid says; vlan and such: the lower device."""
    link_netnsid: int | None = None
    operstate: str = "unknown"
    alias: str = ""
    txqlen: int = 0
    promiscuity: int = 0
    """How many hold it promiscuous, the IFF_PROMISC flag among them."""
    group: int = 0
    hairpin: bool | None = None
    """Of a bridge port, else None; so is isolated."""
    isolated: bool | None = None
    vlan_filtering: bool | None = None
    """Of a bridge, else None."""
    vxlan: Vxlan | None = None
    """Of a vxlan device, else None."""

    @property
    def up(self) -> bool:
        return bool(self.flags & c.IFF_UP)

    @property
    def promisc(self) -> bool:
        return bool(self.flags & c.IFF_PROMISC)

    @property
    def allmulti(self) -> bool:
        return bool(self.flags & c.IFF_ALLMULTI)


class Address(NamedTuple):
    """One IP address of an interface."""

    ifindex: int
    ip: str
    prefix: int
    family: int
    scope: int
    flags: int
    peer: str = ""
    """Of a point-to-point link, where it differs from ip."""

    @property
    def tentative(self) -> bool:
        return bool(self.flags & c.IFA_F_TENTATIVE)

    @property
    def dad_failed(self) -> bool:
        return bool(self.flags & c.IFA_F_DADFAILED)


class Route(NamedTuple):
    """One route; dst is "10.1.0.0/16", the default route 0.0.0.0/0 or ::/0."""

    dst: str
    family: int
    via: str | None = None
    oif: int | None = None
    table: int = c.RT_TABLE_MAIN
    protocol: int = 0
    scope: int = 0
    kind: int = c.RTN_UNICAST
    priority: int = 0
    prefsrc: str | None = None
    mtu: int = 0
    advmss: int = 0
    flags: int = 0
    hops: tuple[tuple[str | None, int], ...] = ()
    """(via, oif) of a multipath route."""


class Neighbour(NamedTuple):
    """An ARP, ND or bridge forwarding entry."""

    ifindex: int
    family: int
    dst: str
    mac: str
    state: int
    flags: int
    vlan: int = 0
    master: int = 0


class Rule(NamedTuple):
    """A policy routing rule."""

    family: int
    table: int
    priority: int
    src: str = ""
    dst: str = ""
    fwmark: int = 0
    fwmask: int = 0
    iif: str = ""
    oif: str = ""
    action: int = c.FR_ACT_TO_TBL


def mac_text(raw: bytes) -> str:
    return raw.hex(":")


def mac_bytes(mac: str) -> bytes:
    return bytes.fromhex(mac.replace(":", "").replace("-", ""))


def ip_bytes(ip: str) -> bytes:
    """Packed address; ValueError on text that is none."""
    try:
        return inet_pton(c.AF_INET6 if ":" in ip else c.AF_INET, ip)
    except OSError as error:
        raise ValueError(f"{ip!r} is not an IP address") from error


def ip_text(raw: bytes) -> str:
    return inet_ntop(c.AF_INET if len(raw) == 4 else c.AF_INET6, raw)


def family_of(ip: str) -> int:
    return c.AF_INET6 if ":" in ip else c.AF_INET


def _number(attrs: dict[int, bytes], kind: int, default: int = 0) -> int:
    raw = attrs.get(kind)
    return default if raw is None else int(_U32.unpack_from(raw)[0])


def _flag(attrs: dict[int, bytes], kind: int) -> bool | None:
    raw = attrs.get(kind)
    return None if raw is None else bool(raw[0])


def parse_link(message: Message) -> Link:
    payload = message.payload
    _family, _type, index, flags, _change = IFINFO.unpack_from(payload)
    attrs = parse_attrs(payload, 16)
    info = parse_attrs(attrs.get(c.IFLA_LINKINFO, b""))
    kind = text(info.get(c.IFLA_INFO_KIND, b""))
    data = parse_attrs(info.get(c.IFLA_INFO_DATA, b"")) if kind in ("bridge", "vxlan") else {}
    port = {}
    if info.get(c.IFLA_INFO_SLAVE_KIND, b"")[:6] == b"bridge":
        port = parse_attrs(info.get(c.IFLA_INFO_SLAVE_DATA, b""))
    operstate = attrs.get(c.IFLA_OPERSTATE, b"\0")[0]
    return Link(
        ifindex=index,
        name=text(attrs.get(c.IFLA_IFNAME, b"")),
        mac=mac_text(attrs.get(c.IFLA_ADDRESS, b"")),
        mtu=_number(attrs, c.IFLA_MTU),
        flags=flags,
        master=_number(attrs, c.IFLA_MASTER),
        kind=kind,
        peer=_number(attrs, c.IFLA_LINK),
        link_netnsid=_number(attrs, c.IFLA_LINK_NETNSID) if c.IFLA_LINK_NETNSID in attrs else None,
        operstate=c.OPERSTATES[operstate] if operstate < len(c.OPERSTATES) else "unknown",
        alias=text(attrs.get(c.IFLA_IFALIAS, b"")),
        txqlen=_number(attrs, c.IFLA_TXQLEN),
        promiscuity=_number(attrs, c.IFLA_PROMISCUITY),
        group=_number(attrs, c.IFLA_GROUP),
        hairpin=_flag(port, c.IFLA_BRPORT_MODE),
        isolated=_flag(port, c.IFLA_BRPORT_ISOLATED),
        vlan_filtering=_flag(data, c.IFLA_BR_VLAN_FILTERING) if kind == "bridge" else None,
        vxlan=_vxlan(data) if kind == "vxlan" else None,
    )


def _vxlan(data: dict[int, bytes]) -> Vxlan:
    local = data.get(c.IFLA_VXLAN_LOCAL6) or data.get(c.IFLA_VXLAN_LOCAL) or b""
    return Vxlan(
        id=_number(data, c.IFLA_VXLAN_ID),
        port=int.from_bytes(data.get(c.IFLA_VXLAN_PORT, b""), "big"),
        local=ip_text(local) if any(local) else "",
        learning=bool(_flag(data, c.IFLA_VXLAN_LEARNING)),
    )


def parse_address(message: Message) -> Address:
    payload = message.payload
    family, prefix, flags, scope, index = IFADDR.unpack_from(payload)
    attrs = parse_attrs(payload, 8)
    # IFA_LOCAL is ours and IFA_ADDRESS the peer's on IPv4 and point-to-point; plain IPv6 has IFA_ADDRESS alone.
    other = attrs.get(c.IFA_ADDRESS, b"")
    own = attrs.get(c.IFA_LOCAL, other)
    return Address(
        ifindex=index,
        ip=ip_text(own),
        prefix=prefix,
        family=family,
        scope=scope,
        flags=_number(attrs, c.IFA_FLAGS, flags),
        peer="" if other in (b"", own) else ip_text(other),
    )


def parse_route(message: Message) -> Route:
    payload = message.payload
    family, prefix, _src, _tos, table, protocol, scope, kind, flags = RTMSG.unpack_from(payload)
    attrs = parse_attrs(payload, 12)
    metrics = parse_attrs(attrs.get(c.RTA_METRICS, b""))
    dst = attrs.get(c.RTA_DST) or bytes(16 if family == c.AF_INET6 else 4)
    return Route(
        dst=f"{ip_text(dst)}/{prefix}" if len(dst) in (4, 16) else f"?/{prefix}",
        family=family,
        via=_via(attrs),
        oif=_number(attrs, c.RTA_OIF) or None,
        table=_number(attrs, c.RTA_TABLE, table),
        protocol=protocol,
        scope=scope,
        kind=kind,
        priority=_number(attrs, c.RTA_PRIORITY),
        prefsrc=ip_text(attrs[c.RTA_PREFSRC]) if c.RTA_PREFSRC in attrs else None,
        mtu=_number(metrics, c.RTAX_MTU),
        advmss=_number(metrics, c.RTAX_ADVMSS),
        flags=flags,
        hops=_hops(attrs.get(c.RTA_MULTIPATH, b"")),
    )


def _via(attrs: dict[int, bytes]) -> str | None:
    if c.RTA_GATEWAY in attrs:
        return ip_text(attrs[c.RTA_GATEWAY])
    if c.RTA_VIA in attrs:  # a gateway of the other family (RFC 5549)
        return ip_text(attrs[c.RTA_VIA][2:])
    return None


def _hops(data: bytes) -> tuple[tuple[str | None, int], ...]:
    hops = []
    while len(data) >= 8:
        length, _flags, _weight, index = struct.unpack_from("=HBBi", data)
        if length < 8:
            break
        hops.append((_via(parse_attrs(data[:length], 8)), index))
        data = data[(length + 3) & ~3 :]
    return tuple(hops)


def parse_neighbour(message: Message) -> Neighbour:
    payload = message.payload
    family, index, state, flags, _kind = NDMSG.unpack_from(payload)
    attrs = parse_attrs(payload, 12)
    dst = attrs.get(c.NDA_DST, b"")
    vlan = attrs.get(c.NDA_VLAN)
    return Neighbour(
        ifindex=index,
        family=family,
        dst=ip_text(dst) if dst else "",
        mac=mac_text(attrs.get(c.NDA_LLADDR, b"")),
        state=state,
        flags=flags,
        vlan=int.from_bytes(vlan, "little") if vlan else 0,
        master=_number(attrs, c.NDA_MASTER),
    )


def parse_rule(message: Message) -> Rule:
    payload = message.payload
    family, dst_len, src_len, _tos, table, _r1, _r2, action, _flags = RTMSG.unpack_from(payload)
    attrs = parse_attrs(payload, 12)
    return Rule(
        family=family,
        table=_number(attrs, c.FRA_TABLE, table),
        priority=_number(attrs, c.FRA_PRIORITY),
        src=f"{ip_text(attrs[c.FRA_SRC])}/{src_len}" if c.FRA_SRC in attrs else "",
        dst=f"{ip_text(attrs[c.FRA_DST])}/{dst_len}" if c.FRA_DST in attrs else "",
        fwmark=_number(attrs, c.FRA_FWMARK),
        fwmask=_number(attrs, c.FRA_FWMASK),
        iif=text(attrs.get(c.FRA_IIFNAME, b"")),
        oif=text(attrs.get(c.FRA_OIFNAME, b"")),
        action=action,
    )
