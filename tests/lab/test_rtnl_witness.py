"""pyroute2 reads what our codec wrote: it knows nothing of our mistakes."""

import os
from collections.abc import Iterator
from typing import Any

import pytest

from linux import netns
from linux.rtnl import Rtnl
from linux.rtnl.constants import NUD_PERMANENT

pytestmark = pytest.mark.lab


@pytest.fixture
def space() -> Iterator[int]:
    fd = netns.create()
    yield fd
    os.close(fd)


def _write() -> None:
    with Rtnl() as rtnl:
        rtnl.add_bridge("br0", up=True)
        rtnl.add_veth("left", "right", mac="02:00:00:00:00:01", mtu=1400)
        bridge, left = rtnl.link("br0"), rtnl.link("left")
        assert bridge is not None
        assert left is not None
        rtnl.set_link(left.ifindex, up=True, master=bridge.ifindex)
        rtnl.add_address(bridge.ifindex, "10.1.2.1", 24)
        rtnl.add_address(bridge.ifindex, "fd00:1:2::1", 64, nodad=True)
        rtnl.add_route("10.9.0.0/16", via="10.1.2.9", oif=bridge.ifindex, table=100)
        rtnl.add_neighbour(bridge.ifindex, "10.1.2.7", "02:00:00:00:00:07")


def _read() -> dict[str, Any]:
    from pyroute2 import IPRoute

    with IPRoute() as ip:
        bridge = ip.link_lookup(ifname="br0")[0]
        left = ip.get_links(ip.link_lookup(ifname="left")[0])[0]
        return {
            "left": (left.get("address"), left.get("mtu"), left.get("master"), bridge),
            "queues": (left.get("num_tx_queues"), left.get("num_rx_queues")),
            "kind": ip.get_links(bridge)[0].get("linkinfo").get("kind"),
            "addresses": {
                (a.get("address"), a["prefixlen"])
                for a in ip.get_addr(index=bridge)
                if not a.get("address").startswith("fe80")
            },
            "routes": {(r.get("dst"), r["dst_len"], r.get("gateway")) for r in ip.get_routes(table=100)},
            "neighbours": {
                (n.get("dst"), n.get("lladdr"))
                for n in ip.get_neighbours(ifindex=bridge, family=2)
                if n["state"]
                & NUD_PERMANENT  # the kernel's own reports to multicast groups leave entries too
            },
        }


def test_links_addresses_routes_and_neighbours(space: int) -> None:
    netns.run_in(space, _write)
    seen = netns.run_in(space, _read)
    mac, mtu, master, bridge = seen.pop("left")
    assert (mac, mtu, master) == ("02:00:00:00:00:01", 1400, bridge)
    assert seen == {
        "queues": (1, 1),
        "kind": "bridge",
        "addresses": {("10.1.2.1", 24), ("fd00:1:2::1", 64)},
        "routes": {("10.9.0.0", 16, "10.1.2.9")},
        "neighbours": {("10.1.2.7", "02:00:00:00:00:07")},
    }
