"""nf_tables transactions of plugins: those of linux.nft, and deleting a single rule."""

from __future__ import annotations

import os

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
    from types import TracebackType
    from typing import Any, NamedTuple

    from linux.nft.batch import Operation
    from linux.nft.values import Rule, Table
else:
    from linux.records import NamedTuple

_NLM_F_CREATE = 0x400
_idle: dict[tuple[type, int], list[Any]] = {}


class DeleteRule(NamedTuple):
    table: Table
    chain: str
    handle: int


class InsertRule(NamedTuple):
    """At the head of the chain."""

    table: Table
    chain: str
    rule: Rule


class _Kept:
    """A socket that is kept open for the next use in this namespace.

    Closing one waits until the kernel has freed what was deleted: an RCU grace period, some 10 ms.
    """

    def __init__(self) -> None:
        self._idle = _idle.setdefault((type(self), os.stat("/proc/thread-self/ns/net").st_ino), [])
        self._socket: Any = None

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None or isinstance(error, NetlinkError):
            self._idle.append(self._socket)
        else:
            self._socket.close()


class Writing(_Kept):
    """For transactions."""

    def __enter__(self) -> NetlinkSocket:
        self._socket = self._idle.pop() if self._idle else NetlinkSocket(NETLINK_NETFILTER)
        socket: NetlinkSocket = self._socket
        return socket


class Reading(_Kept):
    """For tables, chains, rules and elements."""

    def __enter__(self) -> NftSocket:
        self._socket = self._idle.pop() if self._idle else NftSocket()
        socket: NftSocket = self._socket
        return socket


def transact(operations: Iterable[Operation | DeleteRule | InsertRule]) -> None:
    """All or nothing; NetlinkError is the kernel's first refusal."""
    messages = list(_messages(operations))
    if not messages:
        return
    with Writing() as netlink:
        header = wire.header(0, k.SUBSYSTEM)
        first = netlink.next_seq()
        parts = [pack_message(k.BATCH_BEGIN, NLM_F_REQUEST, first, header)]
        last = first + len(messages)
        for kind, flags, payload in messages:
            seq = netlink.next_seq()
            ack = NLM_F_ACK if seq == last else 0
            parts.append(pack_message(wire.message_type(kind), flags | NLM_F_REQUEST | ack, seq, payload))
        parts.append(pack_message(k.BATCH_END, NLM_F_REQUEST, netlink.next_seq(), header))
        netlink.send_raw(b"".join(parts))
        _read_outcome(netlink, first, last)


def _messages(operations: Iterable[Operation | DeleteRule | InsertRule]) -> Iterator[tuple[int, int, bytes]]:
    set_ids = batch.numbers()
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
            yield from batch.messages([operation], set_ids)


def _read_outcome(netlink: NetlinkSocket, first: int, last: int) -> None:
    refused: NetlinkError | None = None
    while True:
        for message in iter_messages(netlink.recv_raw()):
            if message.type != NLMSG_ERROR or not first <= message.seq <= last:
                continue
            error = parse_error(message)
            if error.errno and refused is None:
                refused = NetlinkError(error.errno, error.text, error.offset)
            if message.seq == last or (message.seq == first and error.errno):
                if refused is not None:
                    raise refused
                return


def rules_of(table: Table) -> dict[str, tuple[Rule, ...]]:
    """Rules by chain; empty if there is no such table."""
    with Reading() as nft:
        if all(item.name != table.name for item in nft.tables(table.family)):
            return {}
        return nft.rules(table, {})


def has_chain(table: Table, name: str) -> bool:
    """One question, however large the table: iptables-nft keeps its chains there under their own names."""
    with Writing() as netlink:
        try:
            netlink.request(wire.message_type(k.GETCHAIN), wire.named_reference(table, name, 3))
        except NetlinkError as error:
            if error.missing:
                return False
            raise
    return True
