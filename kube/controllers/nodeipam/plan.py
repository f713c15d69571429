"""Which range of the cluster's pod addresses a node gets. Pure, but for the cursor that it hands back."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import TypeAlias

import msgspec

Network: TypeAlias = IPv4Network | IPv6Network


class RangePool(msgspec.Struct, frozen=True, kw_only=True):
    """The cluster's range of one family, cut into ranges of `node_prefix` bits."""

    network: Network
    node_prefix: int

    @property
    def count(self) -> int:
        return 1 << (self.node_prefix - self.network.prefixlen)

    def at(self, index: int) -> Network:
        size = 1 << (self.network.max_prefixlen - self.node_prefix)
        return ip_network((int(self.network.network_address) + index * size, self.node_prefix))

    def indexes(self, taken: Network) -> range:
        """The places that a range, of whatever size, covers; empty if it is not ours."""
        if taken.version != self.network.version or not taken.overlaps(self.network):
            return range(0)
        size = 1 << (self.network.max_prefixlen - self.node_prefix)
        first = (int(taken.network_address) - int(self.network.network_address)) // size
        last = (int(taken.broadcast_address) - int(self.network.network_address)) // size
        return range(max(0, first), min(self.count - 1, last) + 1)


def pools(cluster_cidrs: Iterable[str], prefix_ipv4: int, prefix_ipv6: int) -> tuple[RangePool, ...]:
    """One pool a cluster range, in the order given: the first is the primary family's. Raises ValueError."""
    found = []
    for text in cluster_cidrs:
        network = ip_network(text)
        prefix = prefix_ipv4 if network.version == 4 else prefix_ipv6
        if prefix < network.prefixlen:
            raise ValueError(f"--cluster-cidr {text} is smaller than a node's range of /{prefix}")
        found.append(RangePool(network=network, node_prefix=prefix))
    return tuple(found)


def free_index(pool: RangePool, taken: set[int], start: int) -> int | None:
    """The first free place from `start` on, around; a range that was just given up is used again last."""
    for step in range(pool.count):
        index = (start + step) % pool.count
        if index not in taken:
            return index
    return None


def taken_indexes(pool: RangePool, ranges: Iterable[str]) -> set[int]:
    return {index for text in ranges for index in _places(pool, text)}


@lru_cache(maxsize=65536)
def _places(pool: RangePool, text: str) -> range:
    return pool.indexes(ip_network(text, strict=False))
