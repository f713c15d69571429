"""Transactions to the kernel, and whole tables from it."""

from __future__ import annotations

import os
from _socket import SOL_SOCKET, socket
from errno import EBUSY, EINTR, ENOBUFS, ENOENT

from linux.netlink.codec import NLM_F_DUMP, NLMSG_ERROR, attr_str, iter_messages, parse_error
from linux.netlink.socket import NETLINK_NETFILTER, Closing, NetlinkError, NetlinkSocket
from linux.nft import batch, wire
from linux.nft import constants as k
from linux.nft.userdata import DESTINATION_PORT, IP6_SOURCE, IP_SOURCE, L4_PROTOCOL
from linux.nft.values import AnonymousSet, Chain, Content, Element, Rule, Set, Table

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

_SO_SNDBUF = 7
_SO_SNDBUFFORCE = 32
_SNDBUF_MARGIN_BYTES = 1 << 16
_DUMP_TRIES = 5
_FIELDS_BY_TYPE = {field.type: field for field in (IP_SOURCE, IP6_SOURCE, L4_PROTOCOL, DESTINATION_PORT)}


def set_option(netlink: NetlinkSocket, level: int, option: int, value: int | bytes) -> None:
    """Options belong to the open socket, whichever descriptor they are set through."""
    same = socket(fileno=os.dup(netlink.fileno()))
    try:
        same.setsockopt(level, option, value)
    finally:
        same.close()


class NftSocket(Closing):
    """One socket; a table with the owner flag belongs to it and is left behind, or removed, when it closes."""

    def __init__(self) -> None:
        self._socket = NetlinkSocket(NETLINK_NETFILTER)
        self._sndbuf_bytes = 0

    def close(self) -> None:
        self._socket.close()

    @property
    def port_id(self) -> int:
        return self._socket.port_id

    def apply(self, operations: Iterable[batch.Operation], *, generation: int | None = None) -> int:
        """Carry out all of it or none; number of bytes sent.

        Raises the kernel's first refusal. Acknowledgements are few (one, and one a refusal), so that
        reading them after sending everything cannot block.
        """
        first = self._socket.next_seq()
        encoded = batch.encode(operations, first_seq=first, generation=generation)
        if encoded.last_seq == encoded.first_seq:
            return 0
        while self._socket.next_seq() <= encoded.last_seq:
            pass
        self._make_room(len(encoded.data))
        self._socket.send_raw(encoded.data)
        self._read_outcome(encoded)
        return len(encoded.data)

    def _read_outcome(self, encoded: batch.Encoded) -> None:
        refused: NetlinkError | None = None
        while True:
            for message in iter_messages(self._socket.recv_raw()):
                if message.type != NLMSG_ERROR or not encoded.first_seq <= message.seq <= encoded.last_seq:
                    continue
                error = parse_error(message)
                if error.errno and refused is None:
                    refused = NetlinkError(error.errno, error.text, error.offset)
                # A refusal of the whole (no permission, no memory, a loop of chains) names the begin.
                if message.seq == encoded.last_seq or (message.seq == encoded.first_seq and error.errno):
                    if refused is not None:
                        raise refused
                    return

    def _make_room(self, size_bytes: int) -> None:
        """One transaction is one send: the socket's buffer must hold it whole."""
        wanted = size_bytes + _SNDBUF_MARGIN_BYTES
        if wanted <= self._sndbuf_bytes:
            return
        try:
            set_option(self._socket, SOL_SOCKET, _SO_SNDBUFFORCE, wanted)
        except PermissionError:
            set_option(self._socket, SOL_SOCKET, _SO_SNDBUF, wanted)
        self._sndbuf_bytes = wanted

    def _dump(self, kind: int, family: int, attributes: bytes = b"") -> list[bytes]:
        payload = wire.header(family) + attributes
        return [bytes(m.payload) for m in self._socket.request(wire.message_type(kind), payload, NLM_F_DUMP)]

    def generation(self) -> int:
        """Counts everybody's commits in this namespace."""
        for message in self._socket.request(wire.message_type(k.GETGEN), wire.header(0)):
            return wire.parse_generation(bytes(message.payload)).number
        raise NetlinkError(ENOENT, "the kernel did not say its nf_tables generation")

    def tables(self, family: int = 0) -> list[Table]:
        """Of one family, or of all (0)."""
        return [wire.parse_table(payload) for payload in self._dump(k.GETTABLE, family)]

    def chains(self, table: Table) -> dict[str, Chain]:
        """Without their rules."""
        found = map(wire.parse_chain, self._dump(k.GETCHAIN, table.family))
        return {chain.name: chain for name, chain, _ in found if name == table.name}

    def sets(self, table: Table) -> dict[str, Set]:
        """Anonymous ones included."""
        found = map(wire.parse_set, self._dump(k.GETSET, table.family, attr_str(1, table.name)))
        return {item.name: item for name, item in found if name == table.name}

    def elements(self, table: Table, name: str) -> list[Element]:
        """Empty for a set that is not there."""
        attributes = attr_str(1, table.name) + attr_str(2, name)
        try:
            dumped = self._dump(k.GETSETELEM, table.family, attributes)
        except NetlinkError as error:
            if error.missing:
                return []
            raise
        return [element for payload in dumped for element in wire.parse_elements(payload)[2]]

    def rules(self, table: Table, sets: dict[str, Set] | None = None) -> dict[str, tuple[Rule, ...]]:
        """By chain, in order."""
        known = self.sets(table) if sets is None else sets
        anonymous = {
            name: AnonymousSet(
                (_FIELDS_BY_TYPE[item.key_type],), tuple(sorted(e.key for e in self.elements(table, name)))
            )
            for name, item in known.items()
            if item.flags & k.SET_ANONYMOUS and item.key_type in _FIELDS_BY_TYPE
        }
        rules: dict[str, list[Rule]] = {}
        for payload in self._dump(k.GETRULE, table.family, attr_str(1, table.name)):
            name, chain, rule = wire.parse_rule(payload, anonymous)
            if name == table.name:
                rules.setdefault(chain, []).append(rule)
        return {chain: tuple(found) for chain, found in rules.items()}

    def content(self, table: Table, *, tries: int = _DUMP_TRIES) -> Content | None:
        """The whole table as of one generation; None where there is none.

        While others commit it is read again, and the last time taken as it is.
        """
        for left in reversed(range(tries)):
            before = self.generation()
            try:
                content = self._read(table)
            except NetlinkError as error:
                if left and error.errno in (ENOENT, EINTR, EBUSY, ENOBUFS):
                    continue
                raise
            if not left or self.generation() == before:
                return content
        return None

    def _read(self, table: Table) -> Content | None:
        same = [t for t in self.tables(table.family) if t.name == table.name]
        if not same:
            return None
        sets = self.sets(table)
        rules = self.rules(table, sets)
        chains = {
            name: chain._replace(rules=rules.get(name, ())) for name, chain in self.chains(table).items()
        }
        named = {name: item for name, item in sets.items() if not item.flags & k.SET_ANONYMOUS}
        elements = {name: {e.key: e for e in self.elements(table, name)} for name in named}
        return Content(same[0], chains, named, elements)

    def element(self, table: Table, name: str, key: bytes) -> Element | None:
        """One element with its counters; None where it is not there."""
        payload = next(wire.elements_payloads(table, name, [wire.encode_key(key)]))
        try:
            answers = self._socket.request(wire.message_type(k.GETSETELEM), payload)
        except NetlinkError as error:
            if error.missing:
                return None
            raise
        found = [e for m in answers for e in wire.parse_elements(bytes(m.payload))[2]]
        return found[0] if found else None
