"""Networks whose MTU is "auto" keep to their uplinks' while pods run: the bridge, and both ends of each pair."""

from __future__ import annotations

import os
from typing import NamedTuple

from cni import netns_run
from cni.attachments.record import Record
from cni.bridge import plan
from cni.bridge.config import BridgeConf
from cni.bridge.uplinks_apply import uplink_mtus
from linux.rtnl import Link, Rtnl
from linux.rtnl.glance import glance


class Uplinks(NamedTuple):
    """MTUs of the interfaces that default routes leave by, by index."""

    mtus: dict[int, int]

    def mtu_for(self, conf: BridgeConf) -> int | None:
        """What a network's links are to have; None: that is not for the uplinks to say, or there are none."""
        return plan.auto_mtu(self.mtus.values()) if conf.mtu == 0 else None


def look(host: Rtnl, links: dict[str, Link]) -> Uplinks:
    return Uplinks(uplink_mtus(host, links.values()))


def follow(host: Rtnl, found: Record, bridge: Link, port: Link | None, mtu: int) -> int:
    """How many links were changed. The host's end of a pair is the last, so that what was interrupted is done again."""
    changed = 0
    if bridge.mtu != mtu:
        host.set_link(bridge.ifindex, mtu=mtu)
        changed += 1
    if port is not None and port.mtu != mtu:
        changed += _follow_inside(found, mtu)
        host.set_link(port.ifindex, mtu=mtu)
        changed += 1
    return changed


def _follow_inside(found: Record, mtu: int) -> int:
    fd = netns_run.open_if_alive(found.netns)
    if fd is None:
        return 0
    try:
        with netns_run.rtnl_in(fd) as inside:
            link = glance(inside.socket.fileno(), found.ifname)
            if link is None or link.mtu == mtu:
                return 0
            inside.set_link(link.ifindex, mtu=mtu)
            return 1
    finally:
        os.close(fd)
