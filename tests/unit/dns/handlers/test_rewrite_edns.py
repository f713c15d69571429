"""What `rewrite edns0` makes of a question's options, and of the answer's on the way back."""

from __future__ import annotations

import msgspec
import pytest

from dns.handlers.request import Request, Response
from dns.handlers.rewrite_edns import apply_rule, make_rule, undone
from dns.wire import encode, numbers
from dns.wire.query import Edns, Query, parse

OURS, COOKIE = (0xFFEE, b"ours"), (numbers.COOKIE, b"12345678")
MADE = (0xFFEE, b"made")


def query(*options: tuple[int, bytes], edns: bool = True) -> Query:
    found = parse(encode.question(1, "www.example.org.", numbers.A))
    assert isinstance(found, Query)
    return msgspec.structs.replace(found, edns=Edns(1400, options=options) if edns else None)


def request(client: str = "192.0.2.9") -> Request:
    return Request(query(), client, 4321, "tls", "dns://:53", local="192.0.2.53")


@pytest.mark.parametrize(
    ("words", "before", "after", "fits"),
    [
        ("local set 0xffee made", (), (MADE,), True),
        ("local set 0xffee made", (COOKIE, OURS, OURS), (COOKIE, MADE, OURS), True),
        ("local append 0xffee made", (OURS,), (OURS, MADE), True),
        ("local append 65518 {qname}", (OURS,), (OURS,), False),
        ("local replace 0xffee 0x6d616465", (OURS,), (MADE,), True),
        ("local replace 0xffee made", (COOKIE,), (COOKIE,), False),
        ("local unset 0xffee", (OURS, COOKIE), (COOKIE,), True),
        ("local set 0xffee {some/label}", (OURS,), (OURS,), False),
        ("local set 0xffee {qtype}", (), ((0xFFEE, b"\0\1"),), True),
        ("local set 0xffee {client_ip}", (), ((0xFFEE, bytes((192, 0, 2, 9))),), True),
        ("local set 0xffee {client_port}", (), ((0xFFEE, (4321).to_bytes(2, "big")),), True),
        ("local set 0xffee {protocol}", (), ((0xFFEE, b"tcp"),), True),
        ("local set 0xffee {server_ip}", (), ((0xFFEE, bytes((192, 0, 2, 53))),), True),
        ("local set 0xffee {server_port}", (), ((0xFFEE, b"\0\x35"),), True),
        ("nsid set", ((numbers.NSID, b"x"),), ((numbers.NSID, b""),), True),
        ("subnet set 24 56", (), ((8, bytes((0, 1, 24, 0, 192, 0, 2))),), True),
        ("subnet append 24 56", ((8, b"x"),), ((8, b"x"),), False),
        ("subnet unset", ((8, b"x"), OURS), (OURS,), True),
    ],
)
def test_options_of_a_question(
    words: str, before: tuple[tuple[int, bytes], ...], after: tuple[tuple[int, bytes], ...], fits: bool
) -> None:
    changed, undo, fitted = apply_rule(make_rule(False, words.split()), query(*before), request())
    assert changed.edns is not None
    assert (changed.edns.options, undo, fitted) == (after, (), fits)


def test_a_question_without_an_opt_record_is_given_one() -> None:
    changed, _, _ = apply_rule(make_rule(True, ["local", "unset", "0xffee"]), query(edns=False), request())
    assert changed.edns == Edns(4096)


def test_an_ipv6_client_has_its_own_prefix() -> None:
    changed, _, _ = apply_rule(
        make_rule(False, ["subnet", "set", "24", "32"]), query(), request("2001:db8::9")
    )
    assert changed.edns is not None
    assert changed.edns.options == ((8, bytes((0, 2, 32, 0, 0x20, 1, 0x0D, 0xB8))),)


@pytest.mark.parametrize(
    ("words", "before", "replied", "after"),
    [
        ("local set 0xffee made revert", (OURS,), (MADE, COOKIE), (OURS, COOKIE)),
        ("local set 0xffee made revert", (), (MADE, COOKIE), (COOKIE,)),
        ("local set 0xffee made revert", (OURS,), (), ()),
        ("local set 0xffee made", (OURS,), (MADE,), (MADE,)),
        ("local set 0xffee made", (OURS, COOKIE, (9999, b"")), None, (MADE, COOKIE)),  # nobody made others
    ],
)
def test_options_of_the_answer(
    words: str,
    before: tuple[tuple[int, bytes], ...],
    replied: tuple[tuple[int, bytes], ...] | None,
    after: tuple[tuple[int, bytes], ...],
) -> None:
    rule = make_rule(False, words.split())
    changed, undo, _ = apply_rule(rule, query(*before), request())
    found = undone(Response(options=replied), changed.edns, frozenset((rule.code,)), undo)
    assert found.options == after
