"""Pods' packets to the world outside leave with the node's address: nobody there knows the way to a pod. Pure.

One table a family, built as a whole; packets to pods of any node, and to groups, keep their source.
"""

from collections.abc import Iterable
from ipaddress import IPv4Network, IPv6Network, ip_network

from linux.nft import constants as k
from linux.nft.batch import AddChain, AddElements, AddRule, AddSet, AddTable, DeleteTable, Operation
from linux.nft.phrases import fields, headers, masquerade, not_in_set, outside, within
from linux.nft.values import Chain, Element, Hook, Rule, Table, named_set

TABLE = "podnet-overlay"
FAMILIES = (k.NFPROTO_IPV4, k.NFPROTO_IPV6)
_CHAIN = "postrouting"
_SET = "pod-ranges"
_HOOK = Hook("nat", k.HOOK_POSTROUTING, 100)  # srcnat
_GROUPS = {k.NFPROTO_IPV4: "224.0.0.0/4", k.NFPROTO_IPV6: "ff00::/8"}


def table(family: int) -> Table:
    return Table(family, TABLE)


def replace_table(family: int, own: Iterable[str], everybody: Iterable[str]) -> tuple[Operation, ...]:
    """`own` are this node's pod ranges, `everybody` all nodes', merged; only those of the family count."""
    mine = [text for text in own if _family_of(text) == family]
    ranges = [ip_network(text) for text in everybody if _family_of(text) == family]
    made = AddTable(table(family))
    if not mine:
        return (made, DeleteTable(table(family)))
    header = headers(family)
    known = named_set(_SET, fields(header.destination), ranges=True)
    rules = tuple(
        AddRule(
            table(family),
            _CHAIN,
            Rule(
                (
                    *within(header.source, cidr),
                    *not_in_set(_SET, header.destination),
                    *outside(header.destination, _GROUPS[family]),
                    *masquerade(),
                )
            ),
        )
        for cidr in mine
    )
    return (
        made,  # deleting what is not there would fail
        DeleteTable(table(family)),
        made,
        AddSet(table(family), known),
        AddElements(table(family), _SET, tuple(_elements(ranges))),
        AddChain(table(family), Chain(_CHAIN, _HOOK)),
        *rules,
    )


def remove_table(family: int) -> tuple[Operation, ...]:
    return (AddTable(table(family)), DeleteTable(table(family)))


def _family_of(cidr: str) -> int:
    return k.NFPROTO_IPV6 if ":" in cidr else k.NFPROTO_IPV4


def _elements(ranges: Iterable[IPv4Network | IPv6Network]) -> Iterable[Element]:
    """A range is two elements: its first address, and the one after its last as its end."""
    for network in ranges:
        yield Element(network.network_address.packed)
        try:
            after = network.broadcast_address + 1
        except ValueError:  # nothing comes after the last address of all
            continue
        yield Element(after.packed, flags=k.ELEMENT_INTERVAL_END)
