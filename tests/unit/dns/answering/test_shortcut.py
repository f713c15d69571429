"""The short way gives, byte for byte, the answers that the handlers give; and every answer is of the zone as it is."""

from __future__ import annotations

import time
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dns.answering.responder import Responder
from dns.answering.shortcut import MAX_SEARCHED
from dns.fakes.cluster import LocalServer, apply
from dns.fakes.objects import endpoint, endpoint_slice, example_cluster, namespace, service
from dns.wire import encode, message, names, numbers, records
from dns.wire.query import HEADER, Edns, Query, parse

KUBERNETES = (
    "kubernetes cluster.local in-addr.arpa ip6.arpa {\n pods insecure\n ttl 30\n fallthrough in-addr.arpa\n"
)
PLUGINS = "errors\n prometheus\n loadbalance\n cache 30\n loop\n forward . 192.0.2.1\n"
COREFILE = f". {{\n {KUBERNETES} }}\n {PLUGINS} }}"
SERVICE = "svc1.testns.svc.cluster.local."


def raise_again(problem: BaseException) -> None:
    raise problem


def objects() -> list[dict[str, object]]:
    many = [endpoint(f"10.9.0.{index + 1}") for index in range(MAX_SEARCHED + 1)]
    return [
        *example_cluster(),
        namespace("web"),
        service("both", ["10.96.9.1", "fd00:10:96::9"], ns="web"),
        service("twice", ["10.96.9.2", "10.96.9.3"], ns="web"),
        service("large", ["10.96.9.4"], ns="web"),
        endpoint_slice("large", *many, ns="web"),
        endpoint_slice("both", endpoint("10.9.1.1"), endpoint("10.9.1.2", hostname="one"), ns="web"),
    ]


def responder(server: LocalServer, proto: str = "udp") -> Responder:
    return Responder(
        next(iter(server.configuration.routers.values())),
        proto=proto,
        clock=time.monotonic,
        rng=Random(1),
        schedule=lambda awaited, done: None,
        panicked=raise_again,
    )


def ask(found: Responder, packet: bytes) -> bytes:
    """As the server's loop does: the short way first. What the memo holds is not asked for."""
    short = found.short_answer(packet[:2], packet[2:])
    if short is not None:
        return short
    reply = found.respond(packet, "192.0.2.1", 5, lambda late: None)
    assert reply is not None
    return reply


def taught(server: LocalServer, packet: bytes) -> Responder:
    """A responder that saw a question of this kind before."""
    found = responder(server)
    ask(found, packet)
    return found


SERVER = LocalServer(COREFILE, objects())
RESPONDER = responder(SERVER)
LEFT = (
    *(
        "svc1.testns.svc",
        "svc2.testns.svc",
        "both.web.svc",
        "twice.web.svc",
        "large.web.svc",
        "hdls1.testns.svc",
    ),
    *(
        "nosuch.web.svc",
        "svc1.nosuch.svc",
        "external-in.testns.svc",
        "one.both.web.svc",
        "10-9-1-1.both.web.svc",
    ),
    *("other.both.web.svc", "10-9-0-9.large.web.svc", "_http._tcp.svc1.testns.svc", "_tcp.svc1.testns.svc"),
    *(
        "www.example.com.web.svc",
        "www.example.com.svc",
        "www.example.com",
        "a.b.c.svc1.testns.svc",
        "web.svc",
    ),
    *(
        "svc",
        "pod",
        "10-0-0-1.web.pod",
        "x.10-0-0-1.web.pod",
        "dns-version",
        "ns.dns",
        "dns",
        "a.dns",
        "svc1",
    ),
    *(
        "svc1.testns.pod",
        "testns",
        "a",
        r"a\.b.web.svc",
        r"a\000.both.web.svc",
        r"\007cluster.web.svc",
        "é.svc1.web.svc",
    ),
)
labels = st.text(st.sampled_from("abcSVCtestnsweb-_09"), min_size=1, max_size=12)
lefts = st.one_of(
    st.sampled_from(LEFT),
    st.lists(labels, min_size=1, max_size=7).map(".".join),
    st.tuples(labels, st.sampled_from(LEFT)).map(".".join),
)
kinds = st.sampled_from((numbers.A, numbers.AAAA, numbers.HTTPS, numbers.SRV, numbers.TXT, numbers.SOA, 255))
flags = st.sampled_from((0, numbers.RD, numbers.RD | numbers.AD, numbers.CD, numbers.RD | numbers.CD))
edns = st.one_of(
    st.none(),
    st.builds(Edns, st.sampled_from((0, 512, 1232, 4096)), dnssec_ok=st.booleans()),
    st.just(Edns(1232, options=((numbers.COOKIE, b"12345678"),))),
)


def mixed(name: str, bits: int) -> str:
    """Large and small letters as the bits say."""
    return "".join(one.upper() if bits >> place % 32 & 1 else one for place, one in enumerate(name))


@settings(max_examples=500, deadline=None)
@given(left=lefts, kind=kinds, word=flags, opt=edns, bits=st.integers(0, 2**32 - 1))
def test_both_ways_give_the_same_bytes(left: str, kind: int, word: int, opt: Edns | None, bits: int) -> None:
    name = mixed(left + ".cluster.local.", bits)
    packet = encode.question(7, name, kind, flags=word, edns=opt)
    RESPONDER.memo.clear()
    short = RESPONDER.short_answer(packet[:2], packet[2:])
    long = SERVER.raw(packet)
    assert long is not None
    if short is not None:
        assert short == long
    else:
        RESPONDER.respond(packet, "192.0.2.1", 5, lambda late: None)  # from which it learns


@pytest.mark.parametrize(
    ("left", "kind"),
    [
        ("svc1.testns.svc", "A"),
        ("svc1.testns.svc", "AAAA"),
        ("svc1.testns.svc", "HTTPS"),
        ("both.web.svc", "AAAA"),
        ("nosuch.web.svc", "A"),
        ("www.example.com.web.svc", "AAAA"),
        ("www.example.com.svc", "A"),
        ("www.example.com", "A"),
        ("none.both.web.svc", "A"),
    ],
)
@pytest.mark.parametrize("opt", [None, Edns(1232)])
def test_the_second_question_of_a_kind_takes_the_short_way(left: str, kind: str, opt: Edns | None) -> None:
    packet = encode.question(1, left + ".cluster.local.", numbers.type_number(kind), edns=opt)
    found = taught(SERVER, packet)
    assert found.short_answer(packet[:2], packet[2:]) == SERVER.raw(packet)


@pytest.mark.parametrize(
    ("left", "kind"),
    [
        ("svc1.testns.svc", "SRV"),
        ("twice.web.svc", "A"),  # in changing order
        ("hdls1.testns.svc", "A"),
        ("external-in.testns.svc", "A"),
        ("10-9-0-9.large.web.svc", "A"),
        ("one.both.web.svc", "A"),
        ("10-0-0-1.web.pod", "A"),
        ("_http._tcp.svc1.testns.svc", "SRV"),
    ],
)
def test_other_questions_never_do(left: str, kind: str) -> None:
    packet = encode.question(1, left + ".cluster.local.", numbers.type_number(kind))
    found = taught(SERVER, packet)
    assert found.short_answer(packet[:2], packet[2:]) is None


def test_a_label_that_ends_like_the_zone_is_not_taken_for_it() -> None:
    wire = b"\x12svc1\x03svc\x07cluster\x05local\0"
    packet = HEADER.pack(1, numbers.RD, 1, 0, 0, 0) + wire[:1] + wire[1:] + b"\0\1\0\1"
    assert RESPONDER.short_answer(packet[:2], packet[2:]) is None


def test_what_was_learned_of_one_name_is_answered_for_another() -> None:
    server = LocalServer(COREFILE, [*objects(), service("same", ["10.96.9.7"], ns="web")])
    found = taught(server, encode.question(1, "both.web.svc.cluster.local.", numbers.A))
    packet = encode.question(3, "same.web.svc.cluster.local.", numbers.A)
    short = found.short_answer(packet[:2], packet[2:])
    assert short is not None
    assert [records.text_of(one) for one in message.decode(short).answer] == ["10.96.9.7"]


def test_a_change_is_seen_by_the_next_question() -> None:
    server = LocalServer(COREFILE, objects())
    packet = encode.question(1, "both.web.svc.cluster.local.", numbers.A)
    found = taught(server, packet)

    def answers() -> list[str]:
        reply = found.short_answer(packet[:2], packet[2:])
        assert reply is not None
        return [records.text_of(one) for one in message.decode(reply).answer]

    assert answers() == ["10.96.9.1"]
    found.invalidate(apply(server.clusters[0], service("both", ["10.96.9.99"], ns="web")))
    assert answers() == ["10.96.9.99"]
    missing = encode.question(1, "gone.web.svc.cluster.local.", numbers.A)
    ask(found, missing)
    found.invalidate(apply(server.clusters[0], service("both", ["10.96.9.99"], ns="web"), remove=True))
    reply = found.short_answer(packet[:2], packet[2:])
    assert reply is not None
    assert message.decode(reply).rcode == numbers.NXDOMAIN


def test_denials_are_learned_anew_when_the_serial_changed() -> None:
    server = LocalServer(COREFILE, objects())
    packet = encode.question(1, "gone.web.svc.cluster.local.", numbers.A)
    found = taught(server, packet)
    server.clusters[0].serial += 5
    found.invalidate(frozenset(("serial",)))
    assert found.short_answer(packet[:2], packet[2:]) is None
    assert ask(found, packet) == made_by_handlers(server, packet)
    assert found.short_answer(packet[:2], packet[2:]) == made_by_handlers(server, packet)


def made_by_handlers(server: LocalServer, packet: bytes) -> bytes:
    reply = server.raw(packet)
    assert reply is not None
    return reply


def test_nothing_is_answered_this_way_before_the_first_sync_and_from_a_snapshot() -> None:
    server = LocalServer(COREFILE, objects())
    packet = encode.question(1, SERVICE, numbers.A)
    found = taught(server, packet)
    cluster = server.clusters[0]
    cluster.synced = False
    assert found.short_answer(packet[:2], packet[2:]) is None
    cluster.synced, cluster.stale_since_s = True, 1.0
    assert found.short_answer(packet[:2], packet[2:]) is None
    cluster.stale_since_s = 0.0
    assert found.short_answer(packet[:2], packet[2:]) is not None


@pytest.mark.parametrize("opt", [None, Edns(1232)])
def test_every_answer_is_counted(opt: Edns | None) -> None:
    server = LocalServer(COREFILE, objects())
    found = responder(server)
    for index in range(300):
        ask(found, encode.question(1, f"w{index:03}.web.svc.cluster.local.", numbers.A, edns=opt))
    found.settle()
    text = server.configuration.world.registry.render()
    assert 'rcode="NXDOMAIN",plugin="kubernetes"} 300' in text
    assert (
        'coredns_dns_requests_total{server="dns://:53",zone=".",view="",proto="udp",family="1",type="A"} 300'
        in text
    )
    assert "coredns_dns_response_size_bytes_count" in text


def test_a_question_asked_often_is_kept_ready() -> None:
    found = taught(SERVER, encode.question(1, "gone.web.svc.cluster.local.", numbers.A))
    packet = encode.question(1, "lost.web.svc.cluster.local.", numbers.A)
    for held in (False, True):
        assert found.short_answer(packet[:2], packet[2:]) is not None
        assert (packet[2:] in found.memo.lasting) == held


def test_half_of_the_memory_is_left_to_answers_that_cost_more() -> None:
    found = taught(SERVER, encode.question(1, "gone.web.svc.cluster.local.", numbers.A))
    found.memo.max_bytes = 20_000
    for index in range(200):
        packet = encode.question(1, f"w{index:03}.web.svc.cluster.local.", numbers.A)
        ask(found, packet)
        ask(found, packet)
    kept = len(found.memo.lasting)
    assert 5 < kept < 20
    for index in range(3):
        ask(found, encode.question(1, "hdls1.testns.svc.cluster.local.", numbers.A, edns=Edns(600 + index)))
    assert len(found.memo.lasting) == kept + 3


@pytest.mark.parametrize(
    ("corefile", "expected"),
    [
        (COREFILE, True),
        (f". {{\n {KUBERNETES} strict\n }}\n {PLUGINS} }}", True),
        (
            f"cluster.local {{\n {KUBERNETES} }}\n}}\n. {{\n {PLUGINS} }}",
            False,
        ),  # its reverse zones are another's
        ("cluster.local {\n kubernetes\n}\n. {\n forward . 192.0.2.1\n}", True),
        (f". {{\n {KUBERNETES} }}\n log\n }}", False),
        (f". {{\n {KUBERNETES} }}\n hosts {{\n 10.0.0.1 a.cluster.local\n }}\n }}", False),
        (f". {{\n {KUBERNETES} }}\n rewrite name a.b c.d\n }}", False),
        (f". {{\n {KUBERNETES} zonal\n }}\n }}", False),
        (f". {{\n {KUBERNETES} }}\n cache 30 example.org\n }}", False),
        (f". {{\n {KUBERNETES} }}\n }}\nx.cluster.local {{\n whoami\n}}", False),
        (". {\n forward . 192.0.2.1\n}", False),
    ],
)
def test_which_blocks_have_one(corefile: str, expected: bool) -> None:
    router = next(iter(LocalServer(corefile).configuration.routers.values()))
    assert (router.shortcut is not None) == expected


def test_names_that_fall_through_are_not_denied_here() -> None:
    server = LocalServer(". {\n kubernetes cluster.local {\n fallthrough\n }\n whoami\n}", objects())
    packet = encode.question(1, "gone.web.svc.cluster.local.", numbers.A)
    query = parse(packet)
    assert isinstance(query, Query)
    assert taught(server, packet).short_answer(packet[:2], packet[2:]) is None


def test_a_name_too_long_is_left_to_the_parser() -> None:
    label = b"\x3f" + b"a" * 63
    wire = label * 4 + names.encode("cluster.local.")
    packet = HEADER.pack(1, numbers.RD, 1, 0, 0, 0) + wire + b"\0\1\0\1"
    found = taught(SERVER, encode.question(1, "a.b.cluster.local.", numbers.A))
    assert found.short_answer(packet[:2], packet[2:]) is None
