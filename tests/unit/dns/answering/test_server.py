"""Which block answers, and what strictness changes."""

from __future__ import annotations

import struct

import pytest

from dns.corefile.tokens import CorefileError
from dns.fakes.cluster import LocalServer
from dns.fakes.objects import example_cluster
from dns.wire import encode, message, names, numbers, records
from dns.wire.query import Edns

BLOCKS = """
. {
    template ANY ANY {
        answer "{{ .Name }} 1 IN A 192.0.2.1"
    }
}
example.org {
    template ANY ANY {
        answer "{{ .Name }} 1 IN A 192.0.2.2"
    }
}
deep.example.org {
    template ANY ANY {
        answer "{{ .Name }} 1 IN A 192.0.2.3"
    }
}
"""
STRICT = ". {\n kubernetes cluster.local {\n strict\n pods insecure\n }\n forward . 192.0.2.1\n}"
NAME = names.encode("svc1.testns.svc.cluster.local.")


@pytest.mark.parametrize(
    ("name", "kind", "ip"),
    [
        ("a.net.", "A", "192.0.2.1"),
        (".", "A", "192.0.2.1"),
        ("example.org.", "A", "192.0.2.2"),
        ("a.EXAMPLE.org.", "A", "192.0.2.2"),
        ("xexample.org.", "A", "192.0.2.1"),
        ("a.deep.example.org.", "A", "192.0.2.3"),
        ("deep.example.org.", "DS", "192.0.2.1"),  # the parent's to answer, up to the root
    ],
)
def test_the_longest_zone_answers(name: str, kind: str, ip: str) -> None:
    reply = LocalServer(BLOCKS).ask(name, kind)
    assert [records.text_of(record) for record in reply.answer] == [ip]


def test_names_of_no_block_are_refused() -> None:
    server = LocalServer("example.org {\n whoami\n}")
    assert server.ask("example.net.").rcode == numbers.REFUSED


def test_a_block_without_plugins_refuses() -> None:
    assert LocalServer(". {\n}").ask("x.").rcode == numbers.REFUSED


def test_the_last_handler_without_an_answer_fails() -> None:
    assert LocalServer(". {\n kubernetes cluster.local\n}").ask("x.").rcode == numbers.SERVFAIL


@pytest.mark.parametrize(
    ("packet", "rcode"),
    [
        (struct.pack("!HHHHHH", 1, 0x2100, 1, 0, 0, 0) + NAME + b"\0\1\0\1", numbers.NOTIMP),
        (
            struct.pack("!HHHHHH", 1, 0x100, 1, 0, 0, 2)
            + NAME
            + b"\0\1\0\1"
            + encode.opt_record(Edns(512)) * 2,
            numbers.FORMERR,
        ),
        (struct.pack("!HHHHHH", 1, 0x100, 1, 0, 0, 0) + NAME + b"\0\1\0\4", numbers.REFUSED),
        (
            encode.question(
                1, "svc1.testns.svc.cluster.local.", 1, edns=Edns(512, options=((10, b"short"),))
            ),
            numbers.FORMERR,
        ),
    ],
)
def test_strict_refuses_what_the_rfcs_want_refused(packet: bytes, rcode: int) -> None:
    reply = LocalServer(STRICT, example_cluster()).raw(packet)
    assert reply is not None
    assert reply[3] & 15 == rcode


def test_strict_bakes_cookies() -> None:
    server = LocalServer(STRICT, example_cluster())

    def cookie(sent: bytes, client: str) -> bytes:
        edns = Edns(1232, options=((numbers.COOKIE, sent),))
        reply = server.ask("svc1.testns.svc.cluster.local.", edns=edns, client=client)
        assert reply.edns is not None
        return dict(reply.edns.options)[numbers.COOKIE]

    first = cookie(b"abcdefgh", "192.0.2.1")
    assert (first[:8], len(first)) == (b"abcdefgh", 24)
    assert cookie(first, "192.0.2.1") == first
    assert cookie(b"abcdefgh", "192.0.2.2") != first


@pytest.mark.parametrize(
    ("name", "kind", "rcode", "count"),
    [
        ("dns.cluster.local.", "A", numbers.NOERROR, 0),
        ("dns-version.cluster.local.", "A", numbers.NOERROR, 0),
        ("cluster.local.", "TXT", numbers.NOERROR, 0),
        ("_tcp.svc1.testns.svc.cluster.local.", "A", numbers.NOERROR, 0),
        ("_sctp.svc1.testns.svc.cluster.local.", "A", numbers.NXDOMAIN, 0),
        ("nosuch.testns.svc.cluster.local.", "SOA", numbers.NXDOMAIN, 0),
        ("svc1.testns.svc.cluster.local.", "SRV", numbers.NOERROR, 0),
        ("_http._tcp.svc1.testns.svc.cluster.local.", "SRV", numbers.NOERROR, 1),
        ("x.1-2-3-4.testns.pod.cluster.local.", "A", numbers.NXDOMAIN, 0),
    ],
)
def test_strict_answers_follow_the_specification(name: str, kind: str, rcode: int, count: int) -> None:
    reply = LocalServer(STRICT, example_cluster()).ask(name, kind)
    assert (reply.rcode, len(reply.answer)) == (rcode, count)


def test_two_blocks_may_not_serve_one_zone() -> None:
    with pytest.raises(CorefileError, match="is served twice"):
        LocalServer("a.org {\n bind 127.0.0.1\n}\na.org {\n bind 127.0.0.1\n}")


def test_repeated_answers_rotate_their_addresses() -> None:
    from random import Random

    from dns.answering.server import rotations

    server = LocalServer(". {\n loadbalance\n kubernetes cluster.local\n}", example_cluster())
    request = server.request("hdls1.testns.svc.cluster.local.")
    response = server._resolve(request)
    variants = [message.decode(one).answer for one in rotations(request, response, Random(1))]  # type: ignore[arg-type]
    assert len(variants) == 8
    assert {frozenset(one) for one in variants} == {frozenset(variants[0])}
    assert len(set(variants)) > 3
