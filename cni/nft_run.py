"""nf_tables transactions of plugins: those of linux.nft, and deleting a single rule."""

from __future__ import annotations

from linux.netlink.codec import (
    NLM_F_ACK,
    NLM_F_REQUEST,
    NLMSG_ERROR,
    attr_be64,
    iter_messages,
    pack_message,
    parse_error,
)
from linux.netlink.socket import NETLINK_NETFILTER, NetlinkError, NetlinkSocket
from linux.nft import batch, wire
from linux.nft import constants as k
from linux.nft.socket import NftSocket

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import NamedTuple

    from linux.nft.batch import Operation
    from linux.nft.values import Rule, Table
else:
    from linux.records import NamedTuple

_NLM_F_CREATE = 0x400


class DeleteRule(NamedTuple):
    table: Table
    chain: str
    handle: int


class InsertRule(NamedTuple):
    """At the head of the chain."""

    table: Table
    chain: str
    rule: Rule


def transact(operations: Iterable[Operation | DeleteRule | InsertRule]) -> None:
    """All or nothing; NetlinkError is the kernel's first refusal."""
    messages = list(_messages(operations))
    if not messages:
        return
    with NetlinkSocket(NETLINK_NETFILTER) as netlink:
        header = wire.header(0, k.SUBSYSTEM)
        parts = [pack_message(k.BATCH_BEGIN, NLM_F_REQUEST, 1, header)]
        last = len(messages) + 1
        for seq, (kind, flags, payload) in enumerate(messages, 2):
            ack = NLM_F_ACK if seq == last else 0
            parts.append(pack_message(wire.message_type(kind), flags | NLM_F_REQUEST | ack, seq, payload))
        parts.append(pack_message(k.BATCH_END, NLM_F_REQUEST, last + 1, header))
        netlink.send_raw(b"".join(parts))
        _read_outcome(netlink, last)


def _messages(operations: Iterable[Operation | DeleteRule | InsertRule]) -> Iterator[tuple[int, int, bytes]]:
    for operation in operations:
        if isinstance(operation, DeleteRule):
            reference = wire.rule_reference(operation.table, operation.chain)
            yield k.DELRULE, 0, reference + attr_be64(3, operation.handle)
        elif isinstance(operation, InsertRule):
            # Without NLM_F_APPEND the kernel puts a rule first.
            yield (
                k.NEWRULE,
                _NLM_F_CREATE,
                wire.rule_payload(operation.table, operation.chain, operation.rule),
            )
        else:
            yield from batch.messages([operation])


def _read_outcome(netlink: NetlinkSocket, last: int) -> None:
    refused: NetlinkError | None = None
    while True:
        for message in iter_messages(netlink.recv_raw()):
            if message.type != NLMSG_ERROR:
                continue
            error = parse_error(message)
            if error.errno and refused is None:
                refused = NetlinkError(error.errno, error.text, error.offset)
            if message.seq == last or (message.seq == 1 and error.errno):
                if refused is not None:
                    raise refused
                return


def rules_of(table: Table) -> dict[str, tuple[Rule, ...]]:
    """Rules by chain; empty if there is no such table."""
    with NftSocket() as nft:
        if all(item.name != table.name for item in nft.tables(table.family)):
            return {}
        return nft.rules(table, {})


def has_chain(table: Table, name: str) -> bool:
    """One question, however large the table: iptables-nft keeps its chains there under their own names."""
    with NetlinkSocket(NETLINK_NETFILTER) as netlink:
        try:
            netlink.request(wire.message_type(k.GETCHAIN), wire.named_reference(table, name, 3))
        except NetlinkError as error:
            if error.missing:
                return False
            raise
    return True
