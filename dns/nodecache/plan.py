"""What a node-local cache needs on its host: its addresses on a dummy link, and packets that bypass conntrack.

Conntrack loses one of two packets that a resolver sends at the same time from one socket; packets to and from the
cache are therefore not tracked, and so not translated either: a Service address given here is answered on the node.
"""

from __future__ import annotations

from ipaddress import ip_address

from linux.nft import constants as k
from linux.nft.batch import AddChain, AddRule, AddTable, DeleteTable, Operation
from linux.nft.expressions import Compare, Expression, Opaque, Payload
from linux.nft.phrases import DESTINATION_PORT, L4_PROTOCOL, headers
from linux.nft.values import Chain, Hook, Rule, Table

TABLE = "kdns_nodecache"
RAW_PRIORITY = -300  # before connection tracking (-200)
_SOURCE_PORT = Payload(k.BASE_TRANSPORT, 0, 2)
_TCP, _UDP = b"\x06", b"\x11"
_NOTRACK = Opaque("notrack", b"")


def family_of(address: str) -> int:
    return k.NFPROTO_IPV6 if ip_address(address).version == 6 else k.NFPROTO_IPV4


def prefix_of(address: str) -> int:
    return 128 if ip_address(address).version == 6 else 32


def setup(addresses: tuple[str, ...], port: int) -> list[Operation]:
    """One table for each family in use, made anew."""
    operations: list[Operation] = []
    for family in sorted({family_of(address) for address in addresses}):
        table = Table(family, TABLE)
        operations += [AddTable(table), DeleteTable(table), AddTable(table)]
        prerouting = Chain("prerouting", Hook("filter", k.HOOK_PREROUTING, RAW_PRIORITY))
        output = Chain("output", Hook("filter", k.HOOK_OUTPUT, RAW_PRIORITY))
        operations += [AddChain(table, prerouting), AddChain(table, output)]
        for address in addresses:
            if family_of(address) != family:
                continue
            for protocol in (_UDP, _TCP):
                asked = _rule(family, address, protocol, port, answer=False)
                operations += [
                    AddRule(table, "prerouting", asked),
                    AddRule(table, "output", asked),
                    AddRule(table, "output", _rule(family, address, protocol, port, answer=True)),
                ]
    return operations


def teardown(addresses: tuple[str, ...]) -> list[Operation]:
    """The tables of setup, gone; also when they were not there."""
    operations: list[Operation] = []
    for family in sorted({family_of(address) for address in addresses}):
        table = Table(family, TABLE)
        operations += [AddTable(table), DeleteTable(table)]
    return operations


def _rule(family: int, address: str, protocol: bytes, port: int, *, answer: bool) -> Rule:
    """`ip daddr A udp dport P notrack`, or with source for answers."""
    names = headers(family)
    part = names.source if answer else names.destination
    number = _SOURCE_PORT if answer else DESTINATION_PORT.load
    expressions: tuple[Expression, ...] = (
        part.load,
        Compare(k.COMPARE_EQ, ip_address(address).packed),
        L4_PROTOCOL.load,
        Compare(k.COMPARE_EQ, protocol),
        number,
        Compare(k.COMPARE_EQ, port.to_bytes(2, "big")),
        _NOTRACK,
    )
    return Rule(expressions, comment="kdns node-local cache")
