"""The interfaces that default routes leave by, which `"mtu": "auto"` goes by."""

from __future__ import annotations

from linux.rtnl.default_routes import default_routes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from linux.rtnl import Link, Rtnl


def uplink_mtus(host: Rtnl, links: Iterable[Link]) -> dict[int, int]:
    """By interface index."""
    indexes = {
        index
        for route in default_routes(host.socket)
        for index in ([route.oif] if route.oif else [hop for _, hop in route.hops])
    }
    return {link.ifindex: link.mtu for link in links if link.ifindex in indexes}
