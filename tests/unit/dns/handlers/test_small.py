"""Handlers of a few lines each."""

from __future__ import annotations

import pytest

from dns.corefile.tokens import CorefileError
from dns.fakes.cluster import LocalServer
from dns.fakes.objects import example_cluster
from dns.wire import message, numbers, records
from dns.wire.encode import question
from dns.wire.query import Edns

T = "testns.svc.cluster.local."
KUBERNETES = "kubernetes cluster.local in-addr.arpa {\n pods verified\n ttl 30\n }"


def server(plugins: str) -> LocalServer:
    return LocalServer(
        f". {{\n{plugins}\n}}", example_cluster(), files={"/etc/resolv.conf": "search host.example\n"}
    )


def texts(reply: message.Message) -> list[str]:
    return [records.text_of(record) for record in reply.answer]


def test_acl_by_client_and_type() -> None:
    found = server(
        f"acl {{\n allow net 10.0.0.0/8\n filter type AAAA\n drop net 192.0.2.9\n block\n }}\n {KUBERNETES}"
    )
    name = f"svc1.{T}"
    assert found.ask(name, client="10.1.2.3").rcode == numbers.NOERROR
    assert found.ask(name, client="192.0.2.1").rcode == numbers.REFUSED
    filtered = found.ask(name, "AAAA", client="192.0.2.1")
    assert (filtered.rcode, filtered.answer, filtered.authority) == (numbers.NOERROR, (), ())


def test_answers_behind_an_acl_are_not_repeated_from_memory() -> None:
    found = server(f"acl {{\n block net 192.0.2.0/24\n }}\n {KUBERNETES}")
    response = found._resolve(found.request(f"svc1.{T}", client="10.0.0.1"))
    assert response.lifetime is None  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("name", "client", "expected"),
    [
        ("svc1.testns.svc.cluster.local.", "172.0.0.2", ["10.0.0.100"]),
        (
            "svc1.testns.testns.svc.cluster.local.",
            "172.0.0.2",
            ["svc1.testns.svc.cluster.local.", "10.0.0.100"],
        ),
        (
            "kube-dns.kube-system.testns.svc.cluster.local.",
            "172.0.0.2",
            ["kube-dns.kube-system.svc.cluster.local.", "10.0.0.10"],
        ),
        ("svc1.testns.testns.svc.cluster.local.", "203.0.113.1", []),
    ],
)
def test_autopath_walks_the_search_path_of_the_pod_that_asks(
    name: str, client: str, expected: list[str]
) -> None:
    assert texts(server(f"autopath @kubernetes\n {KUBERNETES}").ask(name, client=client)) == expected


def test_autopath_gives_the_first_denial_when_nothing_is_found() -> None:
    reply = server(f"autopath @kubernetes\n {KUBERNETES}").ask(f"no.such.{T}", client="172.0.0.2")
    assert reply.rcode in {numbers.NXDOMAIN, numbers.SERVFAIL}


def test_chaos_says_its_version_in_class_chaos() -> None:
    packet = question(1, "version.bind.", numbers.TXT)[:-2] + b"\0\3"
    reply = server("chaos podnet-1 author").raw(packet)
    assert reply is not None
    found = message.decode(reply)
    assert [records.text_of(record) for record in found.answer] == ['"podnet-1"']
    assert found.answer[0].dns_class == numbers.CHAOS


def test_any_is_answered_shortly() -> None:
    assert texts(server(f"any\n {KUBERNETES}").ask(f"svc1.{T}", "ANY")) == ['"ANY obsoleted" "See RFC 8482"']


def test_nsid_names_the_server_to_those_who_ask() -> None:
    found = server(f"nsid here\n {KUBERNETES}")
    reply = found.ask(f"svc1.{T}", edns=Edns(1232, options=((numbers.NSID, b""),)))
    assert reply.edns is not None
    assert reply.edns.options == ((numbers.NSID, b"here"),)


def test_bufsize_limits_what_a_client_says() -> None:
    reply = server(f"bufsize 700\n {KUBERNETES}").ask(f"svc1.{T}", edns=Edns(4096))
    assert reply.edns is not None
    assert reply.edns.size_bytes == 700


def test_minimal_leaves_the_additional_section_out() -> None:
    assert server(f"minimal\n {KUBERNETES}").ask(f"svc1.{T}", "SRV").additional == ()


def test_erratic_drops_every_second_query_unless_told_else() -> None:
    found = server("erratic")
    assert [found.raw(question(1, "x.", numbers.A)) is None for _ in range(4)] == [True, False, True, False]
    found = server("erratic . {\n truncate\n large\n }")
    assert [len(found.ask("x.").answer) for _ in range(2)] == [30, 30]
    assert found.ask("x.", "MX").rcode == numbers.SERVFAIL


def test_whoami() -> None:
    reply = server("whoami").ask("x.", client="192.0.2.4", client_port=99)
    assert [records.text_of(record) for record in reply.additional] == ["192.0.2.4", "0 0 99 ."]


@pytest.mark.parametrize(
    ("name", "kind", "expected"),
    [
        ("localhost.", "A", ["127.0.0.1"]),
        ("a.localhost.", "AAAA", ["::1"]),
        ("localhost.example.", "A", ["127.0.0.1"]),
        ("1.0.0.127.in-addr.arpa.", "PTR", ["localhost."]),
    ],
)
def test_local_names(name: str, kind: str, expected: list[str]) -> None:
    assert texts(server("local").ask(name, kind)) == expected


def test_localhost_in_front_may_be_left_to_others() -> None:
    found = server("local {\n localhost_prefix off\n }\n whoami")
    assert found.ask("localhost.example.").additional  # of whoami
    assert texts(found.ask("x.localhost.")) == ["127.0.0.1"]


def test_header_flags_of_answers() -> None:
    def flags(rules: str) -> tuple[bool, bool, bool]:
        reply = server(f"header {{\n{rules}\n}}\n {KUBERNETES}").ask(f"svc1.{T}")
        return tuple(bool(reply.flags & bit) for bit in (numbers.AA, numbers.RA, numbers.RD))  # type: ignore[return-value]

    assert flags("response set ra\n response clear aa") == (False, True, True)
    assert flags("response clear RD") == (True, False, False)
    assert flags("query clear rd") == (True, False, False)  # as the handlers behind saw it
    assert flags("query clear rd\n response set rd") == (True, False, True)
    assert flags("response set ra aa\n response clear ra") == (True, False, True)


def test_limits_of_connections() -> None:
    found = server("timeouts {\n read 5\n idle 20s\n maxtcpqueries 128\n }\n whoami").configuration.world
    assert (found.stream_idle_s, found.stream_questions) == (20.0, 128)
    assert server("timeouts {\n maxtcpqueries -1\n }").configuration.world.stream_questions == 0


def test_loadbalance_changes_the_order_of_addresses_and_puts_aliases_first() -> None:
    found = server(f"loadbalance\n {KUBERNETES}")
    orders = {tuple(texts(found.ask(f"hdls1.{T}"))) for _ in range(40)}
    assert len(orders) > 5
    reply = found.ask(f"external-hdls.{T}")
    assert reply.answer[0].kind == numbers.CNAME


def test_log_lines_look_like_coredns() -> None:
    from dns.handlers.log import COMMON, line_of
    from dns.handlers.request import Response

    found = server("whoami")
    request = found.request("x.org.", client="2001:db8::1", client_port=40212)
    line = line_of(COMMON, request, Response(flags=numbers.AA), 106, 0.000045)
    assert line == '[2001:db8::1]:40212 - 1 "A IN x.org. udp 23 false 512" NOERROR qr,aa,rd 106 0.000045s'


def test_errors_are_said_and_equal_ones_gathered() -> None:
    found = server("errors {\n consolidate 1m .*next.* error show_first\n }\n kubernetes cluster.local")
    for _ in range(3):
        found.ask("www.example.com.")
    assert found.lines == ["error 2 www.example.com. A: no next plugin found"]


def test_ready_names_what_is_waited_for() -> None:
    found = server(f"ready\n {KUBERNETES}")
    (route,) = found.configuration.world.routes
    found.clusters[0].synced = False
    assert route.answer({})[::2] == (503, b"kubernetes")
    found.clusters[0].synced = True
    assert route.answer({})[::2] == (200, b"OK")
    found.clusters[0].synced = False
    assert route.answer({})[0] == 200


@pytest.mark.parametrize(
    ("plugins", "message_"),
    [
        ("health {\n lameduck 5\n }", "needs a unit"),
        ("reload 1s", "2s or more"),
        ("reload 0s", "2s or more"),
        ("reload 3s 0.5s", "the jitter must be"),
        ("errors {\n consolidate 1m " + "a" * 10_001 + "\n }", "10000 are the most"),
        ("template IN A {\n match " + "a" * 10_001 + "\n }", "10000 are the most"),
        ("cache {\n serve_stale_policy prefer_positive\n }", "needs serve_stale"),
        (
            "cache {\n serve_stale\n serve_stale_policy prefer_positive\n"
            " serve_stale_policy prefer_positive\n }",
            "may stand once",
        ),
        ("cache {\n serve_stale 1h immediate 4294967296s\n }", "below 2"),
        ("erratic {\n drop 1 2\n }", "drop takes a number"),
        ("multisocket 2\n}\n.:0 {", "ports other than 0"),
        ("header", "takes a block"),
        ("header {\n answer set aa\n }", "begins with query or response"),
        ("header {\n response change aa\n }", "takes set or clear"),
        ("header {\n response set tc\n }", "the flags are"),
        ("timeouts", "takes a block"),
        ("timeouts {\n maxtcpqueries 0\n }", "from 1, or -1"),
        ("timeouts {\n idle 25h\n }", "from 1s to 24h"),
        ("tls a b {\n client_auth maybe\n }", "client_auth is one of"),
        ("tls a b {\n client_auth require\n }", "needs a CA"),
        ("local example.org", "takes no argument"),
        ("local {\n localhost_prefix perhaps\n }", "on or off"),
        ("acl {\n allow maybe\n }", "type or net must stand in front"),
        ("acl {\n perhaps\n }", "the action is one of"),
        ("bufsize 100", "range"),
        ("autopath @etcd", "no search path of @etcd"),
        ("ready a b", "one argument"),
        ("nodecache x", "takes addresses"),
        ("cache 30 {\n prefetch 1 1m 5%\n }", "range"),
        ("forward . 1.2.3.4:99999", "no port"),
        ("log {\n class nonsense\n }", "class is one of"),
    ],
)
def test_mistakes_in_options(plugins: str, message_: str) -> None:
    with pytest.raises(CorefileError, match=message_):
        server(plugins)
