"""Rtnl: asks the kernel about one network namespace and changes it.

Every delete of what is absent succeeds and returns False. Requests that add raise NetlinkError
(EEXIST with .exists) unless their replace argument is true.
"""

from __future__ import annotations

from errno import EADDRNOTAVAIL, ENODEV, ENOENT, ENXIO, EOPNOTSUPP, ESRCH

from linux.netlink.codec import (
    NLM_F_CREATE,
    NLM_F_DUMP,
    NLM_F_EXCL,
    NLM_F_REPLACE,
    attr,
    attr_str,
    attr_u32,
    nested,
)
from linux.netlink.socket import NETLINK_ROUTE, Closing, NetlinkError, NetlinkSocket
from linux.rtnl import constants as c
from linux.rtnl import messages, requests
from linux.rtnl.messages import Address, Link, Neighbour, Route, Rule

_NEW = NLM_F_CREATE | NLM_F_EXCL
_UPSERT = NLM_F_CREATE | NLM_F_REPLACE
_ABSENT = frozenset({ENOENT, ENODEV, ESRCH, ENXIO, EADDRNOTAVAIL})


class Rtnl(Closing):
    """Bound to the namespace it was opened in; for one thread at a time."""

    def __init__(self, socket: NetlinkSocket | None = None) -> None:
        self.socket = socket or NetlinkSocket(NETLINK_ROUTE)

    def close(self) -> None:
        self.socket.close()

    def _delete(self, msg_type: int, payload: bytes) -> bool:
        try:
            self.socket.request(msg_type, payload)
        except NetlinkError as error:
            if error.errno in _ABSENT:
                return False
            raise
        return True

    # --- links

    def links(self, *, master: int | None = None, kind: str | None = None) -> list[Link]:
        """All links, or those of one bridge, or of one kind; the kernel does the choosing."""
        payload = requests.link_header() + attr_u32(c.IFLA_EXT_MASK, c.RTEXT_FILTER_SKIP_STATS)
        if master is not None:
            payload += attr_u32(c.IFLA_MASTER, master)
        if kind is not None:
            payload += nested(c.IFLA_LINKINFO, attr_str(c.IFLA_INFO_KIND, kind))
        found = [messages.parse_link(m) for m in self.socket.request(c.RTM_GETLINK, payload, NLM_F_DUMP)]
        return [
            link
            for link in found
            if (master is None or link.master == master) and (kind is None or link.kind == kind)
        ]

    def link(self, name: str) -> Link | None:
        return self._one_link(requests.link_named(name))

    def link_by_index(self, index: int) -> Link | None:
        return self._one_link(requests.link_header(index))

    def _one_link(self, payload: bytes) -> Link | None:
        try:
            answers = self.socket.request(
                c.RTM_GETLINK, payload + attr_u32(c.IFLA_EXT_MASK, c.RTEXT_FILTER_SKIP_STATS)
            )
        except NetlinkError as error:
            if error.errno in _ABSENT:
                return None
            raise
        return messages.parse_link(answers[0])

    def add_link(self, kind: str, name: str, *, mac: str | None = None, mtu: int | None = None) -> None:
        """A device without settings of its own: dummy, ifb, …."""
        self.socket.request(
            c.RTM_NEWLINK, requests.new_link(kind, requests.link_attrs(name=name, mac=mac, mtu=mtu)), _NEW
        )

    def add_bridge(
        self,
        name: str,
        *,
        mac: str | None = None,
        mtu: int | None = None,
        up: bool = False,
        vlan_filtering: bool | None = None,
        default_pvid: int | None = None,
    ) -> None:
        """A MAC given here stays; without one the bridge takes the lowest of its ports'."""
        attrs = requests.link_attrs(name=name, mac=mac, mtu=mtu)
        data = requests.bridge_data(vlan_filtering=vlan_filtering, default_pvid=default_pvid)
        self.socket.request(c.RTM_NEWLINK, requests.new_link("bridge", attrs, data, up=up), _NEW)

    def add_veth(
        self,
        name: str,
        peer: str,
        *,
        netns_fd: int | None = None,
        mac: str | None = None,
        mtu: int | None = None,
        master: int | None = None,
        up: bool = False,
        peer_netns_fd: int | None = None,
        peer_mac: str | None = None,
        peer_mtu: int | None = None,
    ) -> None:
        """Both ends in one request, in other namespaces if asked; the peer cannot start up (ENOTCONN)."""
        attrs = requests.link_attrs(name=name, mac=mac, mtu=mtu, netns_fd=netns_fd, master=master)
        far = requests.link_attrs(
            name=peer, mac=peer_mac, mtu=mtu if peer_mtu is None else peer_mtu, netns_fd=peer_netns_fd
        )
        self.socket.request(c.RTM_NEWLINK, requests.new_veth(attrs, far, up=up), _NEW)

    def add_vxlan(
        self,
        name: str,
        vni: int,
        *,
        local: str | None = None,
        port: int = 4789,
        lower: int | None = None,
        learning: bool = False,
        mac: str | None = None,
        mtu: int | None = None,
    ) -> None:
        data = requests.vxlan_data(vni, local=local, port=port, lower=lower, learning=learning)
        attrs = requests.link_attrs(name=name, mac=mac, mtu=mtu)
        self.socket.request(c.RTM_NEWLINK, requests.new_link("vxlan", attrs, data), _NEW)

    def set_link(
        self,
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
    ) -> None:
        """Change what is given; master 0 takes the link out of its bridge."""
        payload = requests.link_changes(
            index,
            up=up,
            master=master,
            mtu=mtu,
            mac=mac,
            name=name,
            netns_fd=netns_fd,
            promisc=promisc,
            allmulti=allmulti,
            alias=alias,
            txqlen=txqlen,
            group=group,
        )
        self.socket.request(c.RTM_NEWLINK, payload)

    def set_bridge_port(
        self,
        index: int,
        *,
        hairpin: bool | None = None,
        isolated: bool | None = None,
        learning: bool | None = None,
    ) -> None:
        self.socket.request(
            c.RTM_SETLINK,
            requests.bridge_port(index, hairpin=hairpin, isolated=isolated, learning=learning),
        )

    def set_bridge(self, index: int, *, vlan_filtering: bool) -> None:
        info = attr_str(c.IFLA_INFO_KIND, "bridge")
        info += nested(c.IFLA_INFO_DATA, requests.bridge_data(vlan_filtering=vlan_filtering))
        self.socket.request(c.RTM_NEWLINK, requests.link_header(index) + nested(c.IFLA_LINKINFO, info))

    def add_bridge_vlan(
        self,
        index: int,
        first: int,
        last: int | None = None,
        *,
        pvid: bool = False,
        untagged: bool = False,
        self_: bool = False,
    ) -> None:
        """Let VLANs first to last through a bridge port, or the bridge itself with self_."""
        end = first if last is None else last
        payload = requests.bridge_vlan(index, first, end, pvid=pvid, untagged=untagged, self_=self_)
        self.socket.request(c.RTM_SETLINK, payload)

    def delete_bridge_vlan(
        self, index: int, first: int, last: int | None = None, *, self_: bool = False
    ) -> bool:
        payload = requests.bridge_vlan(index, first, first if last is None else last, self_=self_)
        return self._delete(c.RTM_DELLINK, payload)

    def delete_link(self, index: int) -> bool:
        return self._delete(c.RTM_DELLINK, requests.link_header(index))

    def delete_link_named(self, name: str) -> bool:
        return self._delete(c.RTM_DELLINK, requests.link_named(name))

    # --- addresses

    def addresses(self, index: int | None = None, family: int | None = None) -> list[Address]:
        payload = messages.IFADDR.pack(family or 0, 0, 0, 0, index or 0)
        found = [messages.parse_address(m) for m in self.socket.request(c.RTM_GETADDR, payload, NLM_F_DUMP)]
        return [a for a in found if index is None or a.ifindex == index]

    def add_address(
        self,
        index: int,
        ip: str,
        prefix: int,
        *,
        nodad: bool = False,
        no_prefix_route: bool = False,
        scope: int = 0,
        broadcast: str | None = None,
        replace: bool = False,
    ) -> None:
        """Nodad makes an IPv6 address usable at once; no_prefix_route is for those that are not on a link."""
        flags = c.IFA_F_NODAD if nodad and ":" in ip else 0
        flags |= c.IFA_F_NOPREFIXROUTE if no_prefix_route else 0
        payload = requests.address(index, ip, prefix, flags=flags, scope=scope, broadcast=broadcast)
        self.socket.request(c.RTM_NEWADDR, payload, _UPSERT if replace else _NEW)

    def delete_address(self, index: int, ip: str, prefix: int) -> bool:
        return self._delete(c.RTM_DELADDR, requests.address(index, ip, prefix))

    # --- routes

    def routes(
        self,
        *,
        family: int | None = None,
        table: int | None = c.RT_TABLE_MAIN,
        oif: int | None = None,
    ) -> list[Route]:
        """Of one table, or of all with table None; both families unless told."""
        families = (c.AF_INET, c.AF_INET6) if family is None else (family,)
        found = []
        for number in families:
            payload = messages.RTMSG.pack(number, 0, 0, 0, 0, 0, 0, 0, 0)
            if table is not None:
                payload += attr_u32(c.RTA_TABLE, table)
            found += self._route_dump(payload)
        return [
            route
            for route in found
            if (table is None or route.table == table)
            and (oif is None or route.oif == oif or any(hop == oif for _, hop in route.hops))
        ]

    def _route_dump(self, payload: bytes) -> list[Route]:
        try:
            answers = self.socket.request(c.RTM_GETROUTE, payload, NLM_F_DUMP)
        except NetlinkError as error:
            if error.errno in (ENOENT, EOPNOTSUPP):  # no such table yet, or no IPv6 in this kernel
                return []
            raise
        return [messages.parse_route(m) for m in answers if m.type == c.RTM_NEWROUTE]

    def route_to(self, ip: str) -> Route | None:
        """The route the kernel would take to ip; None if there is none."""
        raw = messages.ip_bytes(ip)
        payload = messages.RTMSG.pack(messages.family_of(ip), len(raw) * 8, 0, 0, 0, 0, 0, 0, 0)
        try:
            answers = self.socket.request(c.RTM_GETROUTE, payload + attr(c.RTA_DST, raw))
        except NetlinkError:
            return None
        return messages.parse_route(answers[0])

    def add_route(
        self,
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
        replace: bool = False,
    ) -> None:
        payload = requests.route(
            dst,
            via=via,
            oif=oif,
            table=table,
            scope=scope,
            kind=kind,
            protocol=protocol,
            priority=priority,
            prefsrc=prefsrc,
            mtu=mtu,
            advmss=advmss,
            onlink=onlink,
        )
        self.socket.request(c.RTM_NEWROUTE, payload, _UPSERT if replace else _NEW)

    def delete_route(
        self,
        dst: str,
        *,
        via: str | None = None,
        oif: int | None = None,
        table: int = c.RT_TABLE_MAIN,
        kind: int = 0,
        priority: int = 0,
    ) -> bool:
        """What is not given matches any route."""
        payload = requests.route(
            dst,
            via=via,
            oif=oif,
            table=table,
            scope=c.RT_SCOPE_NOWHERE,
            kind=kind,
            protocol=0,
            priority=priority,
        )
        return self._delete(c.RTM_DELROUTE, payload)

    # --- neighbours and bridge forwarding entries

    def neighbours(self, *, family: int = 0, index: int | None = None) -> list[Neighbour]:
        """ARP and ND entries; with family AF_BRIDGE forwarding entries."""
        if family == c.AF_BRIDGE:
            payload = messages.NDMSG.pack(family, index or 0, 0, 0, 0)
        else:
            payload = messages.NDMSG.pack(family, 0, 0, 0, 0)
            payload += attr_u32(c.NDA_IFINDEX, index) if index is not None else b""
        answers = self.socket.request(c.RTM_GETNEIGH, payload, NLM_F_DUMP)
        found = [messages.parse_neighbour(m) for m in answers]
        return [n for n in found if index is None or n.ifindex == index]

    def add_neighbour(self, index: int, ip: str, mac: str, *, permanent: bool = True) -> None:
        state = c.NUD_PERMANENT if permanent else c.NUD_REACHABLE
        entry = Neighbour(index, messages.family_of(ip), ip, mac, state, 0)
        self.socket.request(c.RTM_NEWNEIGH, requests.neighbour(entry), _UPSERT)

    def delete_neighbour(self, index: int, ip: str) -> bool:
        entry = Neighbour(index, messages.family_of(ip), ip, "", 0, 0)
        return self._delete(c.RTM_DELNEIGH, requests.neighbour(entry))

    def add_fdb(self, index: int, mac: str, *, dst: str = "", append: bool = False) -> None:
        """A permanent forwarding entry of a vxlan device (dst is the remote end) or of a bridge port."""
        flags = NLM_F_CREATE | (0x800 if append else NLM_F_REPLACE)
        entry = Neighbour(index, c.AF_BRIDGE, dst, mac, c.NUD_PERMANENT | c.NUD_NOARP, c.NTF_SELF)
        self.socket.request(c.RTM_NEWNEIGH, requests.neighbour(entry), flags)

    def delete_fdb(self, index: int, mac: str, *, dst: str = "") -> bool:
        entry = Neighbour(index, c.AF_BRIDGE, dst, mac, 0, c.NTF_SELF)
        return self._delete(c.RTM_DELNEIGH, requests.neighbour(entry))

    # --- policy rules

    def rules(self, family: int = c.AF_INET) -> list[Rule]:
        payload = messages.RTMSG.pack(family, 0, 0, 0, 0, 0, 0, 0, 0)
        return [messages.parse_rule(m) for m in self.socket.request(c.RTM_GETRULE, payload, NLM_F_DUMP)]

    def add_rule(self, rule: Rule) -> None:
        self.socket.request(c.RTM_NEWRULE, requests.rule(rule), _NEW)

    def delete_rule(self, rule: Rule) -> bool:
        return self._delete(c.RTM_DELRULE, requests.rule(rule))
