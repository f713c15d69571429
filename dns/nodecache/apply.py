"""Puts a node-local cache's addresses and rules in place, and takes them away again."""

from __future__ import annotations

from errno import EEXIST, EOPNOTSUPP

from dns.nodecache import plan
from linux.netlink.socket import NetlinkError
from linux.nft.socket import NftSocket
from linux.rtnl import Rtnl


def setup_link(name: str, addresses: tuple[str, ...]) -> None:
    """A dummy link with the addresses. What is there stays. Raises OSError."""
    with Rtnl() as rtnl:
        if rtnl.link(name) is None:
            try:
                rtnl.add_link("dummy", name)
            except NetlinkError as problem:
                if problem.errno != EOPNOTSUPP:
                    raise
                rtnl.add_bridge(name)  # a kernel without dummy links: one without ports serves as well
        link = rtnl.link(name)
        assert link is not None
        rtnl.set_link(link.ifindex, up=True)
        for address in addresses:
            try:
                rtnl.add_address(link.ifindex, address, plan.prefix_of(address), nodad=True)
            except NetlinkError as problem:
                if problem.errno != EEXIST:
                    raise


def setup_rules(addresses: tuple[str, ...], port: int) -> None:
    """Raises OSError."""
    with NftSocket() as nft:
        nft.apply(plan.setup(addresses, port))


def teardown(name: str, addresses: tuple[str, ...], *, rules: bool) -> None:
    """Link and rules gone; nothing is there twice or missing afterwards."""
    if rules:
        with NftSocket() as nft:
            nft.apply(plan.teardown(addresses))
    with Rtnl() as rtnl:
        rtnl.delete_link_named(name)
