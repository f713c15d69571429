"""A transaction: operations as values, one after the other, carried out by the kernel together or not at all."""

from __future__ import annotations

from linux.netlink.codec import (
    NLM_F_ACK,
    NLM_F_APPEND,
    NLM_F_CREATE,
    NLM_F_EXCL,
    NLM_F_REQUEST,
    attr_be32,
    pack_message,
)
from linux.nft import constants as k
from linux.nft import wire
from linux.nft.expressions import Lookup, SetById
from linux.nft.values import AnonymousSet, Chain, Element, Rule, Set, Table

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from typing import NamedTuple, TypeAlias

    from linux.nft.expressions import Expression
else:
    from linux.records import NamedTuple


class AddTable(NamedTuple):
    """Makes it, or does nothing where it exists."""

    table: Table


class DeleteTable(NamedTuple):
    """With all that is in it."""

    table: Table


class AddChain(NamedTuple):
    """Makes it without its rules, or does nothing where it exists."""

    table: Table
    chain: Chain


class DeleteChain(NamedTuple):
    table: Table
    name: str


class FlushChain(NamedTuple):
    table: Table
    name: str


class AddRule(NamedTuple):
    table: Table
    chain: str
    rule: Rule


class AddSet(NamedTuple):
    table: Table
    set: Set


class DeleteSet(NamedTuple):
    table: Table
    name: str


class AddElements(NamedTuple):
    table: Table
    set: str
    elements: Sequence[Element]


class DeleteElements(NamedTuple):
    """`elements` need only key and end."""

    table: Table
    set: str
    elements: Sequence[Element]


if TYPE_CHECKING:
    Operation: TypeAlias = (
        AddTable
        | DeleteTable
        | AddChain
        | DeleteChain
        | FlushChain
        | AddRule
        | AddSet
        | DeleteSet
        | AddElements
        | DeleteElements
    )
else:
    Operation = object  # only ever an annotation


class Message(NamedTuple):
    kind: int
    flags: int
    payload: bytes


def numbers() -> Iterator[int]:
    """For the sets of one transaction: Debian 12's kernel takes the first of two that share a number."""
    return iter(range(1, 1 << 31))


def messages(operations: Iterable[Operation], set_ids: Iterator[int] | None = None) -> Iterator[Message]:
    """The netlink messages of a transaction, without its begin and end, or of a part of it with `set_ids`."""
    set_ids = numbers() if set_ids is None else set_ids
    for operation in operations:
        if isinstance(operation, AddElements):
            encoded = map(wire.encode_element, operation.elements)
            for payload in wire.elements_payloads(operation.table, operation.set, encoded):
                yield Message(k.NEWSETELEM, NLM_F_CREATE, payload)
        elif isinstance(operation, DeleteElements):
            keys = (wire.encode_key(e.key, e.end) for e in operation.elements)
            for payload in wire.elements_payloads(operation.table, operation.set, keys):
                yield Message(k.DELSETELEM, 0, payload)
        elif isinstance(operation, AddRule):
            yield from _add_rule(operation, set_ids)
        elif isinstance(operation, AddSet):
            yield Message(
                k.NEWSET, NLM_F_CREATE, wire.set_payload(operation.table, operation.set, next(set_ids))
            )
        else:
            yield _simple(operation)


def _simple(
    operation: AddTable | DeleteTable | AddChain | DeleteChain | FlushChain | DeleteSet,
) -> Message:
    if isinstance(operation, AddTable):
        return Message(k.NEWTABLE, NLM_F_CREATE, wire.table_payload(operation.table))
    if isinstance(operation, DeleteTable):
        return Message(k.DELTABLE, 0, wire.table_payload(operation.table._replace(flags=0)))
    if isinstance(operation, AddChain):
        return Message(k.NEWCHAIN, NLM_F_CREATE, wire.chain_payload(operation.table, operation.chain))
    if isinstance(operation, DeleteChain):
        return Message(k.DELCHAIN, 0, wire.named_reference(operation.table, operation.name, 3))
    if isinstance(operation, FlushChain):
        return Message(k.DELRULE, 0, wire.rule_reference(operation.table, operation.name))
    return Message(k.DELSET, 0, wire.named_reference(operation.table, operation.name, 2))


def _add_rule(operation: AddRule, set_ids: Iterator[int]) -> Iterator[Message]:
    """Anonymous sets go before their rule, which then names them by number within the transaction."""
    table, rule = operation.table, operation.rule
    numbered: list[Expression] = []
    for expression in rule.expressions:
        if isinstance(expression, Lookup) and isinstance(expression.set, AnonymousSet):
            set_id = next(set_ids)
            yield from _add_anonymous(table, expression.set, set_id)
            numbered.append(expression._replace(set=SetById(_ANONYMOUS_NAME, set_id)))
        else:
            numbered.append(expression)
    payload = wire.rule_payload(table, operation.chain, rule._replace(expressions=tuple(numbered)))
    yield Message(k.NEWRULE, NLM_F_CREATE | NLM_F_APPEND, payload)


_ANONYMOUS_NAME = "__set%d"  # the kernel fills in a free number


def _add_anonymous(table: Table, item: AnonymousSet, set_id: int) -> Iterator[Message]:
    named = wire.anonymous_set(item, _ANONYMOUS_NAME)
    yield Message(k.NEWSET, NLM_F_CREATE | NLM_F_EXCL, wire.set_payload(table, named, set_id))
    encoded = (wire.encode_element(Element(key)) for key in item.elements)
    for payload in wire.elements_payloads(table, _ANONYMOUS_NAME, encoded, set_id):
        yield Message(k.NEWSETELEM, NLM_F_CREATE, payload)


class Encoded(NamedTuple):
    """A transaction's bytes; answers carry `first_seq` (the begin) to `last_seq` (the last operation)."""

    data: bytes
    first_seq: int
    last_seq: int


def encode(operations: Iterable[Operation], *, first_seq: int = 1, generation: int | None = None) -> Encoded:
    """Begin, operations, end. Only the last operation asks to be acknowledged; refusals come unasked.

    With `generation` the kernel refuses (ERESTART) when anybody committed something since then.
    """
    seq = first_seq
    begin = wire.header(0, k.SUBSYSTEM)
    if generation is not None:
        begin += attr_be32(1, generation)
    parts = [pack_message(k.BATCH_BEGIN, NLM_F_REQUEST, seq, begin)]
    last: Message | None = None
    for message in messages(operations):
        if last is not None:
            seq += 1
            kind = wire.message_type(last.kind)
            parts.append(pack_message(kind, last.flags | NLM_F_REQUEST, seq, last.payload))
        last = message
    if last is not None:
        seq += 1
        kind = wire.message_type(last.kind)
        parts.append(pack_message(kind, last.flags | NLM_F_REQUEST | NLM_F_ACK, seq, last.payload))
    parts.append(pack_message(k.BATCH_END, NLM_F_REQUEST, seq + 1, wire.header(0, k.SUBSYSTEM)))
    return Encoded(b"".join(parts), first_seq, seq)
