"""What is answered to odd packets, against CoreDNS 1.14's measured behaviour."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dns.fakes.cluster import LocalServer
from dns.wire import message, names, numbers
from dns.wire.query import Malformed, Query, parse

NAME = names.encode("svc1.testns.svc.cluster.local.")
QUESTION = NAME + b"\0\1\0\1"


def header(flags: int = 0x100, qd: int = 1, an: int = 0, ns: int = 0, ar: int = 0) -> bytes:
    return struct.pack("!HHHHHH", 0x1234, flags, qd, an, ns, ar)


def opt(size: int = 1232, version: int = 0, flags: int = 0, data: bytes = b"") -> bytes:
    return b"\0" + struct.pack("!HHBBHH", 41, size, 0, version, flags, len(data)) + data


def option(code: int, data: bytes) -> bytes:
    return struct.pack("!HH", code, len(data)) + data


@pytest.mark.parametrize("packet", [b"", b"123", b"\0" * 11, header(0x8100) + QUESTION])
def test_fragments_and_replies_are_not_answered(server: LocalServer, packet: bytes) -> None:
    assert server.raw(packet) is None


@pytest.mark.parametrize(
    ("packet", "flags", "length"),
    [
        (header(0x0900) + QUESTION, 0x8904, 12),  # inverse query
        (header(0x1100) + QUESTION, 0x9104, 12),  # status
        (header(0x2900) + QUESTION, 0xA904, 12),  # update
        (header(qd=0), 0x8101, 12),
        (header(qd=2) + QUESTION + QUESTION, 0x8101, 12),
        (header(an=2) + QUESTION, 0x8101, 12),
        (header(ns=2) + QUESTION, 0x8101, 12),
        (header(ar=3) + QUESTION, 0x8101, 12),
        (header(), 0x8102, 12),  # the question is missing
        (header() + b"\x41a\0\0\1\0\1", 0x8101, 12),  # label type
        (header() + b"\xc0\x0c\0\1\0\1", 0x8101, 12),  # pointer to itself
        (header() + b"\xc0\x20\0\1\0\1", 0x8101, 12),  # pointer ahead
        (header() + (b"\x3f" + b"a" * 63) * 4 + b"\0\0\1\0\1", 0x8101, 12),  # over 255 bytes
        (header() + NAME[:6], 0x8101, 12),
        (header(ar=1) + QUESTION + opt()[:-1], 0x8101, 12 + len(QUESTION)),
        (header(ar=1) + QUESTION + opt(data=b"\0\3\0\x09"), 0x8101, 12 + len(QUESTION)),
    ],
)
def test_malformed_packets_get_a_bare_header(
    server: LocalServer, packet: bytes, flags: int, length: int
) -> None:
    reply = server.raw(packet)
    assert reply is not None
    assert reply[:2] == b"\x12\x34"
    assert (int.from_bytes(reply[2:4], "big"), len(reply)) == (flags, length)


@pytest.mark.parametrize(
    "packet",
    [
        header() + QUESTION + b"trailing garbage",
        header(an=1) + QUESTION,
        header(ns=1) + QUESTION,
        header(ar=2) + QUESTION,
        header(0x2100) + QUESTION,  # NOTIFY is answered like a question
        header(0x0700) + QUESTION,
        header(ar=1) + QUESTION + opt(data=option(65001, b"zz")),
    ],
)
def test_odd_but_readable_packets_are_answered(server: LocalServer, packet: bytes) -> None:
    reply = server.raw(packet)
    assert reply is not None
    assert len(message.decode(reply).answer) == 1


@pytest.mark.parametrize(
    ("sent", "returned"),
    [
        (0x0100, 0x8500),  # RD copied, AA set
        (0x0110, 0x8510),  # CD copied
        (0x0120, 0x8500),  # AD cleared
        (0x0140, 0x8500),  # Z ignored
        (0x0000, 0x8400),
        (0x2100, 0xA400),  # a NOTIFY's RD is not copied
    ],
)
def test_flags_of_the_answer(server: LocalServer, sent: int, returned: int) -> None:
    reply = server.raw(header(sent) + QUESTION)
    assert reply is not None
    assert int.from_bytes(reply[2:4], "big") == returned


def test_opt_is_echoed_with_size_and_do_but_only_known_options(server: LocalServer) -> None:
    options = option(10, b"abcdefgh") + option(8, b"\0\1\x18\0\1\2\3") + option(3, b"") + option(65001, b"x")
    reply = server.raw(header(ar=1) + QUESTION + opt(100, flags=0xFFFF, data=options))
    assert reply is not None
    edns = message.decode(reply).edns
    assert edns is not None
    assert (edns.size_bytes, edns.version, edns.dnssec_ok) == (100, 0, True)
    assert edns.options == ((10, b"abcdefgh"), (3, b""))


def test_no_opt_in_the_answer_without_one_in_the_question(server: LocalServer) -> None:
    reply = server.raw(header() + QUESTION)
    assert reply is not None
    assert message.decode(reply).edns is None


def test_the_last_of_two_opts_counts(server: LocalServer) -> None:
    reply = server.raw(header(ar=2) + QUESTION + opt(1232) + opt(4096))
    assert reply is not None
    edns = message.decode(reply).edns
    assert edns is not None
    assert edns.size_bytes == 4096


def test_another_edns_version_is_badvers(server: LocalServer) -> None:
    reply = server.raw(header(ar=1) + QUESTION + opt(version=1))
    assert reply is not None
    found = message.decode(reply)
    assert (found.rcode, found.flags, found.answer) == (numbers.BADVERS, 0x8100, ())
    assert found.edns is not None
    assert found.edns.size_bytes == 0


@pytest.mark.parametrize("dns_class", [b"\0\3", b"\0\4", b"\0\xff"])
def test_other_classes_are_refused(server: LocalServer, dns_class: bytes) -> None:
    reply = server.raw(header() + QUESTION[:-2] + dns_class)
    assert reply is not None
    assert reply[3] & 15 == numbers.REFUSED


def test_a_compressed_question_is_read_and_sent_back_plain() -> None:
    packet = header() + b"\4svc1\xc0\x00\0\1\0\1"
    query = parse(packet)
    assert isinstance(query, Query | Malformed)


@given(st.binary(max_size=600))
@settings(max_examples=300, deadline=None)
def test_any_bytes_are_silence_a_refusal_or_a_question(data: bytes) -> None:
    found = parse(data)
    assert found is None or isinstance(found, Malformed | Query)
    if isinstance(found, Query):
        assert len(names.encode(found.name)) <= 255
        assert found.lower == found.name.lower()


@given(st.binary(min_size=0, max_size=40), st.integers(0, 60), st.integers(0, 255))
@settings(max_examples=300, deadline=None)
def test_a_damaged_question_never_raises(tail: bytes, place: int, value: int) -> None:
    packet = bytearray(header(ar=1) + QUESTION + opt(data=option(10, b"abcdefgh")) + tail)
    packet[place % len(packet)] = value
    found = parse(bytes(packet))
    assert found is None or isinstance(found, Malformed | Query)


def test_many_random_packets_leave_no_trace(server: LocalServer) -> None:
    """A bounded run of the fuzzer: mutated questions, answered whole."""
    from random import Random

    rng = Random(7)
    seeds = [header() + QUESTION, header(ar=1) + QUESTION + opt(data=option(10, b"abcdefgh"))]
    for _ in range(5000):
        packet = bytearray(rng.choice(seeds))
        for _ in range(rng.randrange(1, 6)):
            packet[rng.randrange(len(packet))] = rng.randrange(256)
        reply = server.raw(bytes(packet[: rng.randrange(len(packet) + 1)] if rng.random() < 0.3 else packet))
        assert reply is None or (len(reply) >= 12 and reply[2] & 0x80)
