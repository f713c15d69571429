"""Values to netlink and back, and transactions as sequences of messages."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from linux.netlink.codec import NLM_F_ACK, NLMSG_ERROR, iter_messages, parse_attrs
from linux.nft import batch, expression_codec, wire
from linux.nft import constants as k
from linux.nft import expressions as x
from linux.nft.phrases import DESTINATION_PORT, IP, IP6, L4_PROTOCOL, fields
from linux.nft.values import (
    AnonymousSet,
    Chain,
    Element,
    Hook,
    Rule,
    Set,
    Table,
    named_map,
    named_set,
    verdict_map,
)

TABLE = Table(k.NFPROTO_IPV4, "kproxy", k.TABLE_F_OWNER | k.TABLE_F_PERSIST)
_NUMBER = st.integers(0, 0xFFFFFFFF)
_REGISTER = st.sampled_from([1, 2, 3, 4, *range(8, 24)])
_BYTES = st.binary(min_size=1, max_size=16)
_NAME = st.text("abcdefghijklmnopqrstuvwxyz-/0123456789", min_size=1, max_size=60)
_EXPRESSIONS = st.one_of(
    st.builds(x.Payload, st.integers(0, 2), st.integers(0, 64), st.integers(1, 16), _REGISTER),
    st.builds(x.Meta, st.integers(0, 30), _REGISTER),
    st.builds(x.MetaSet, st.integers(0, 30), _REGISTER),
    st.builds(x.Ct, st.integers(0, 30), st.sampled_from([None, 0, 1]), _REGISTER),
    st.builds(x.Fib, _NUMBER, st.integers(1, 3), _REGISTER),
    st.builds(x.Compare, st.integers(0, 5), _BYTES, _REGISTER),
    st.builds(lambda m, r: x.Bitwise(m, bytes(len(m)), r, r), _BYTES, _REGISTER),
    st.builds(x.Lookup, _NAME, _REGISTER, st.sampled_from([None, 0, 1]), st.booleans()),
    st.builds(x.Immediate, _BYTES, _REGISTER),
    st.builds(x.Numgen, st.integers(1, 65536), st.integers(0, 1), st.integers(0, 9), _REGISTER),
    st.builds(
        x.Hash, st.integers(1, 65536), _NUMBER, _REGISTER, st.integers(1, 16), st.integers(0, 9), _REGISTER
    ),
    st.builds(
        x.Nat, st.integers(0, 1), st.sampled_from([2, 10]), _REGISTER, _REGISTER, st.sampled_from([0, 0x10])
    ),
    st.builds(x.Masquerade, st.sampled_from([0, 0x10])),
    st.sampled_from([x.Reject(0, 3), x.Reject(1), x.Reject(2, 1)]),
    st.builds(x.Counter, _NUMBER, _NUMBER),
    st.builds(
        x.DynamicSet, st.integers(0, 2), _NAME, _REGISTER, st.none() | _REGISTER, st.integers(0, 1 << 40)
    ),
    st.sampled_from([x.ACCEPT, x.DROP, x.RETURN, x.jump("a"), x.goto("b/c")]),
    st.builds(x.Opaque, st.just("unheard-of"), _BYTES),
)


@given(_EXPRESSIONS)
def test_an_expression_comes_back(expression: x.Expression) -> None:
    assert expression_codec.decode(expression_codec.encode(expression)) == expression


def test_an_operation_that_we_do_not_speak_is_kept_apart() -> None:
    shift = expression_codec.encode(x.Bitwise(b"\0\0\0\1", bytes(4)))
    parts = parse_attrs(shift)
    changed = x.Opaque("bitwise", parts[2] + bytes.fromhex("0800060000000001"))
    assert isinstance(expression_codec.decode(expression_codec.encode(changed)), x.Opaque)


@given(
    st.builds(
        Element,
        st.binary(min_size=1, max_size=40),
        st.none() | st.binary(min_size=1, max_size=20) | st.builds(x.goto, _NAME) | st.just(x.DROP),
        _NAME | st.just(""),
        st.just(b"") | st.binary(min_size=1, max_size=40),
        st.integers(0, 1 << 40),
        st.just(0),
        st.sampled_from([0, 1]),
        st.none(),
    )
)
def test_an_element_comes_back(element: Element) -> None:
    body = wire.encode_element(element)
    assert wire.parse_element(body[4:]) == element
    assert int.from_bytes(body[:2], "little") == len(body) or len(body) % 4 == 0


@pytest.mark.parametrize(
    "chain",
    [
        Chain("services"),
        Chain("nat-output", Hook("nat", k.HOOK_OUTPUT, -100)),
        Chain("f", Hook("filter", 1, 0, 0)),
    ],
    ids=lambda chain: chain.name,
)
def test_a_chain_comes_back(chain: Chain) -> None:
    assert wire.parse_chain(wire.chain_payload(TABLE, chain)) == ("kproxy", chain, 0)


def test_a_table_comes_back() -> None:
    assert wire.parse_table(wire.table_payload(TABLE)) == TABLE


_BY_IP = fields(IP.destination, L4_PROTOCOL, DESTINATION_PORT)


@pytest.mark.parametrize(
    "item",
    [
        named_set("ips", fields(IP.destination), size=12),
        verdict_map("services", _BY_IP, counters=True),
        named_map("m", fields(IP6.source), fields(IP6.destination, DESTINATION_PORT), dynamic=True, size=9),
        named_set("r", (*_BY_IP, IP.source.field), ranges=True),
    ],
    ids=lambda item: item.name,
)
def test_a_set_comes_back(item: Set) -> None:
    assert wire.parse_set(wire.set_payload(TABLE, item, 7)) == ("kproxy", item)


@given(st.lists(_EXPRESSIONS, max_size=5), _NAME)
def test_a_rule_comes_back(expressions: list[x.Expression], comment: str) -> None:
    rule = Rule(tuple(expressions), comment)
    assert wire.parse_rule(wire.rule_payload(TABLE, "c", rule), {}) == ("kproxy", "c", rule)


def test_a_rule_read_back_has_its_anonymous_set_in_it() -> None:
    protocols = AnonymousSet(fields(L4_PROTOCOL), (b"\x06", b"\x11"))
    sent = Rule((x.Lookup("__set0"),))
    _, _, rule = wire.parse_rule(wire.rule_payload(TABLE, "c", sent), {"__set0": protocols})
    assert rule.expressions == (x.Lookup(protocols),)


def test_elements_are_cut_where_an_attribute_ends() -> None:
    elements = [Element(i.to_bytes(4, "big"), None, "a comment of some length") for i in range(5000)]
    payloads = list(wire.elements_payloads(TABLE, "s", map(wire.encode_element, elements)))
    assert len(payloads) > 1
    assert all(len(payload) < 1 << 16 for payload in payloads)
    assert [e for payload in payloads for e in wire.parse_elements(payload)[2]] == elements


def _kinds(*operations: batch.Operation) -> list[int]:
    return [message.kind for message in batch.messages(operations)]


def test_an_anonymous_set_goes_before_its_rule_and_is_named_by_number() -> None:
    protocols = AnonymousSet(fields(L4_PROTOCOL), (b"\x06",))
    sent = list(batch.messages([batch.AddRule(TABLE, "c", Rule((x.Lookup(protocols),)))]))
    assert [message.kind for message in sent] == [k.NEWSET, k.NEWSETELEM, k.NEWRULE]
    set_id = parse_attrs(sent[0].payload, 4)[10]
    assert set_id in sent[2].payload
    assert parse_attrs(sent[1].payload, 4)[4] == set_id


def test_each_operation_is_its_message() -> None:
    chain, item = Chain("c"), named_set("s", fields(IP.source))
    assert _kinds(
        batch.AddTable(TABLE),
        batch.AddSet(TABLE, item),
        batch.AddChain(TABLE, chain),
        batch.FlushChain(TABLE, "c"),
        batch.AddElements(TABLE, "s", [Element(b"\x01\x02\x03\x04")]),
        batch.DeleteElements(TABLE, "s", [Element(b"\x01\x02\x03\x04")]),
        batch.DeleteChain(TABLE, "c"),
        batch.DeleteSet(TABLE, "s"),
        batch.DeleteTable(TABLE),
    ) == [
        k.NEWTABLE,
        k.NEWSET,
        k.NEWCHAIN,
        k.DELRULE,
        k.NEWSETELEM,
        k.DELSETELEM,
        k.DELCHAIN,
        k.DELSET,
        k.DELTABLE,
    ]
    assert _kinds(batch.AddElements(TABLE, "s", [])) == []


def test_a_transaction_begins_ends_and_asks_for_one_answer() -> None:
    encoded = batch.encode([batch.AddTable(TABLE), batch.DeleteTable(TABLE)], first_seq=10, generation=3)
    sent = list(iter_messages(encoded.data))
    assert sent[0].type == k.BATCH_BEGIN
    assert sent[-1].type == k.BATCH_END
    assert [m.seq for m in sent] == [10, 11, 12, 13]
    assert [bool(m.flags & NLM_F_ACK) for m in sent] == [False, False, True, False]
    assert encoded.last_seq == 12
    assert NLMSG_ERROR not in [m.type for m in sent]


def test_nothing_to_do_is_an_empty_transaction() -> None:
    encoded = batch.encode([], first_seq=5)
    assert encoded.first_seq == encoded.last_seq == 5
