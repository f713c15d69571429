"""The short way of a forwarded question gives the answer that the way through records gives."""

from __future__ import annotations

from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from dns.answering.server import reply_bytes
from dns.handlers.cache_items import with_ttl
from dns.handlers.forward import forwarded
from dns.handlers.request import Request
from dns.wire import encode, message, numbers, records
from dns.wire.passage import MAX_REPLY_BYTES, passed_on, read
from dns.wire.query import Edns, Query, parse

WWW = "www.Example.com."


def reply_to(packet: bytes, *ips: str, ttl: int = 300, flags: int = numbers.RA, edns: bool = True) -> bytes:
    """What another server would send."""
    query = parse(packet)
    assert isinstance(query, Query)
    answer = tuple(records.address(query.name, ttl, ip) for ip in ips)
    opt = encode.opt_record(Edns(4096)) if edns and query.edns is not None else b""
    return encode.message(query, flags, 0, (answer, (), ()), limit_bytes=MAX_REPLY_BYTES, opt=opt)


def long_way(packet: bytes, reply: bytes, bounds_s: tuple[int, int] | None) -> bytes:
    query = parse(packet)
    assert isinstance(query, Query)
    response = forwarded(message.decode(reply))
    if bounds_s is not None:
        ttl_s = max(bounds_s[0], min(bounds_s[1], *(one.ttl for one in response.answer)))
        response = with_ttl(response, ttl_s)
    return reply_bytes(Request(query), response, Random(1))


@given(
    flags=st.sampled_from([0, numbers.RD, numbers.RD | numbers.CD, numbers.RD | numbers.AD]),
    edns=st.none() | st.builds(Edns, st.integers(512, 4096), st.just(0), st.booleans()),
    count=st.integers(1, 12),
    ttl=st.integers(0, 100_000),
    bounds_s=st.none() | st.just((5, 30)),
    aa=st.sampled_from([0, numbers.AA]),
    kind=st.sampled_from([numbers.A, numbers.AAAA]),
)
@settings(max_examples=300, deadline=None)
def test_both_ways_give_the_same_bytes(
    flags: int, edns: Edns | None, count: int, ttl: int, bounds_s: tuple[int, int] | None, aa: int, kind: int
) -> None:
    packet = encode.question(7, WWW, kind, flags=flags, edns=edns)
    form = "192.0.2.{}" if kind == numbers.A else "2001:db8::{}"
    reply = reply_to(packet, *(form.format(i + 1) for i in range(count)), ttl=ttl, flags=numbers.RA | aa)
    asked = read(packet[2:])
    assert asked is not None
    found = passed_on(reply, asked, bounds_s, None)
    assert found is not None
    assert packet[:2] + found[0] == long_way(packet, reply, bounds_s)


def test_what_is_not_plain_goes_the_long_way() -> None:
    def question(**fields: object) -> bytes:
        return encode.question(1, WWW, numbers.A, **fields)[2:]  # type: ignore[arg-type]

    plain = question()
    assert read(plain) is not None
    assert read(encode.question(1, WWW, numbers.MX)[2:]) is None  # names inside its data
    assert read(question(edns=Edns(1232, 0, False, ((10, b"12345678"),)))) is None  # a cookie
    opt = question(edns=Edns(1232))
    assert read(opt) is not None
    assert read(opt[:-5] + b"\1" + opt[-4:]) is None  # EDNS version 1
    assert read(opt[:-1] + b"\1") is None
    assert read(question(flags=numbers.QR)) is None
    assert read(question(flags=0x2100)) is None  # NOTIFY
    assert read(plain + b"x") is None
    assert read(plain[:-1]) is None
    assert read(plain[:-1] + b"\3") is None  # class CHAOS
    assert read(plain[:10] + b"\xc0\x0c\0\1\0\1") is None


def test_replies_that_are_not_plain_go_the_long_way() -> None:
    packet = encode.question(1, WWW, numbers.A)
    asked = read(packet[2:])
    assert asked is not None
    good = reply_to(packet, "192.0.2.1")
    assert passed_on(good, asked, None, None) is not None
    truncated = good[:2] + bytes((good[2] | 2,)) + good[3:]
    servfail = good[:3] + bytes((good[3] | 2,)) + good[4:]
    other = reply_to(encode.question(1, "other.example.com.", numbers.A), "192.0.2.1")
    other_kind = reply_to(encode.question(1, WWW, numbers.AAAA), "2001:db8::1")
    for reply in (truncated, servfail, other, other_kind, good[:-1], good[:20], reply_to(packet), packet):
        assert passed_on(reply, asked, None, None) is None


def test_another_spelling_of_the_same_name_is_the_same_question_and_the_clients_comes_back() -> None:
    packet = encode.question(1, "wWw.eXample.COM.", numbers.A)
    asked = read(packet[2:])
    assert asked is not None
    found = passed_on(
        reply_to(encode.question(1, "www.example.com.", numbers.A), "192.0.2.1"), asked, None, None
    )
    assert found is not None
    assert message.decode(packet[:2] + found[0]).name == "wWw.eXample.COM."


def test_an_answer_too_large_for_the_client_goes_the_long_way() -> None:
    packet = encode.question(1, WWW, numbers.A)
    asked = read(packet[2:])
    assert asked is not None
    reply = reply_to(packet, *(f"10.0.0.{i}" for i in range(60)))
    assert len(reply) > 512
    assert passed_on(reply, asked, None, None) is None


def test_addresses_change_places() -> None:
    packet = encode.question(1, WWW, numbers.A)
    asked = read(packet[2:])
    assert asked is not None
    reply = reply_to(packet, "10.0.0.1", "10.0.0.2", "10.0.0.3")
    rng = Random(4)
    firsts = set()
    for _ in range(30):
        found = passed_on(reply, asked, None, rng)
        assert found is not None
        shown = message.decode(packet[:2] + found[0]).answer
        assert sorted(map(records.text_of, shown)) == ["10.0.0.1", "10.0.0.2", "10.0.0.3"]
        firsts.add(records.text_of(shown[0]))
    assert len(firsts) == 3


@given(st.binary(max_size=80), st.binary(max_size=120))
@settings(max_examples=300, deadline=None)
def test_any_bytes_are_read_without_an_error(question: bytes, tail: bytes) -> None:
    read(question)
    packet = encode.question(1, WWW, numbers.A)
    asked = read(packet[2:])
    assert asked is not None
    passed_on(tail, asked, (5, 30), None)
    passed_on(reply_to(packet, "192.0.2.1")[:34] + tail, asked, (5, 30), None)
