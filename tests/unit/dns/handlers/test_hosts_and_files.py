from __future__ import annotations

import pytest

from dns.corefile.tokens import CorefileError
from dns.fakes.cluster import LocalServer
from dns.wire import numbers, records

HOSTS = """
127.0.0.1 localhost
192.0.2.1 One.Example  one # a comment
192.0.2.2 one.example
2001:db8::1 one.example
192.0.2.9 *.wild.example
2001:db8::9 six.wild.example
::ffff:192.0.2.8 mapped.example
nonsense line
"""
ZONE = """
$ORIGIN example.org.
$TTL 1h
@   IN SOA ns host ( 5 7200 1800
                     86400 300 ) ; a comment
    IN NS  ns
    IN MX  10 mail
ns      A     192.0.2.53
mail    AAAA  2001:db8::25
www  60 CNAME web
web     A     192.0.2.80
        A     192.0.2.81
*.apps  A     192.0.2.90
x.apps  TXT   "only" "text"
a.b.c   A     192.0.2.91
away    CNAME other.example.net.
loop1   CNAME loop2
loop2   CNAME loop1
sub     NS    ns.sub
ns.sub  A     192.0.2.54
_s._tcp SRV   1 2 80 web
caa     CAA   0 issue "ca.example"
"""


def hosts(options: str = "", files: dict[str, str] | None = None) -> LocalServer:
    return LocalServer(
        f". {{\n hosts /h {{\n{options}\n }}\n}}", files={"/h": HOSTS} if files is None else files
    )


def zone(options: str = "") -> LocalServer:
    return LocalServer(f"example.org {{\n file /z {{\n{options}\n }}\n}}", files={"/z": ZONE})


def texts(server: LocalServer, name: str, kind: str = "A") -> list[str]:
    return [records.text_of(record) for record in server.ask(name, kind).answer]


@pytest.mark.parametrize(
    ("name", "kind", "expected"),
    [
        ("one.example.", "A", ["192.0.2.1", "192.0.2.2"]),
        ("ONE.example.", "AAAA", ["2001:db8::1"]),
        ("one.", "A", ["192.0.2.1"]),
        ("one.", "AAAA", []),
        ("a.wild.example.", "A", ["192.0.2.9"]),
        ("1.2.0.192.in-addr.arpa.", "PTR", ["one.example.", "one."]),
        ("six.wild.example.", "AAAA", ["2001:db8::9"]),
        ("six.wild.example.", "A", ["192.0.2.9"]),  # by family: the wildcard has the other
        ("mapped.example.", "A", ["192.0.2.8"]),
        ("8.2.0.192.in-addr.arpa.", "PTR", ["mapped.example."]),
    ],
)
def test_hosts_file(name: str, kind: str, expected: list[str]) -> None:
    assert texts(hosts(), name, kind) == expected


@pytest.mark.parametrize("name", ["nobody.example.", "b.a.wild.example.", "wild.example."])
def test_names_not_in_the_hosts_file_fail_unless_they_fall_through(name: str) -> None:
    assert hosts().ask(name).rcode == numbers.SERVFAIL
    server = LocalServer(
        '. {\n hosts /h {\n fallthrough\n }\n template IN A {\n answer "{{ .Name }} 1 IN A 192.0.2.200"\n }\n}',
        files={"/h": HOSTS},
    )
    # The template stands before hosts in the order of handlers, and answers first.
    assert texts(server, name) == ["192.0.2.200"]


def test_lines_in_the_corefile_and_a_missing_file() -> None:
    server = hosts("192.0.2.33 inline.example\n ttl 60", files={})
    reply = server.ask("inline.example.")
    assert (records.text_of(reply.answer[0]), reply.answer[0].ttl) == ("192.0.2.33", 60)


def test_the_files_addresses_stand_before_those_in_the_corefile_and_outlive_the_file() -> None:
    server = hosts("192.0.2.33 one.example", files={"/h": HOSTS})
    expected = ["192.0.2.1", "192.0.2.2", "192.0.2.33"]
    assert texts(server, "one.example.") == expected
    del server.files["/h"]
    server.configuration.world.tasks[0].run.__self__.load()  # type: ignore[attr-defined]
    assert texts(server, "one.example.") == expected


@pytest.mark.parametrize(
    ("name", "kind", "expected"),
    [
        ("web.example.org.", "A", ["192.0.2.80", "192.0.2.81"]),
        ("www.example.org.", "A", ["web.example.org.", "192.0.2.80", "192.0.2.81"]),
        ("www.example.org.", "CNAME", ["web.example.org."]),
        ("any.apps.example.org.", "A", ["192.0.2.90"]),
        ("deep.any.apps.example.org.", "A", ["192.0.2.90"]),
        ("x.apps.example.org.", "TXT", ['"only" "text"']),
        ("example.org.", "MX", ["10 mail.example.org."]),
        ("example.org.", "SOA", ["ns.example.org. host.example.org. 5 7200 1800 86400 300"]),
        ("_s._tcp.example.org.", "SRV", ["1 2 80 web.example.org."]),
        ("away.example.org.", "A", ["other.example.net."]),
    ],
)
def test_zone_file(name: str, kind: str, expected: list[str]) -> None:
    assert texts(zone(), name, kind) == expected


@pytest.mark.parametrize(
    ("name", "kind", "rcode", "authority"),
    [
        ("gone.example.org.", "A", numbers.NXDOMAIN, numbers.SOA),
        ("web.example.org.", "AAAA", numbers.NOERROR, numbers.SOA),
        ("b.c.example.org.", "A", numbers.NOERROR, numbers.SOA),  # a name between names
        ("x.apps.example.org.", "A", numbers.NOERROR, numbers.SOA),  # the wildcard does not apply to it
        ("apps.example.org.", "A", numbers.NOERROR, numbers.SOA),
        ("host.sub.example.org.", "A", numbers.NOERROR, numbers.NS),  # delegated
    ],
)
def test_negative_answers_of_a_zone_file(name: str, kind: str, rcode: int, authority: int) -> None:
    reply = zone().ask(name, kind)
    assert (reply.rcode, reply.authority[0].kind, reply.answer) == (rcode, authority, ())


def test_a_delegation_is_not_authoritative_and_brings_glue() -> None:
    reply = zone().ask("host.sub.example.org.")
    assert not reply.authoritative
    assert [records.text_of(record) for record in reply.additional] == ["192.0.2.54"]


def test_mx_brings_the_addresses_of_its_targets() -> None:
    assert "2001:db8::25" in [records.text_of(one) for one in zone().ask("example.org.", "MX").additional]


def test_aliases_in_a_circle_end() -> None:
    assert len(zone().ask("loop1.example.org.").answer) < 12


def test_a_zone_file_is_read_again_when_its_serial_changes() -> None:
    server = zone()
    file = server.configuration.world.tasks[0].run.__self__  # type: ignore[attr-defined]
    server.files["/z"] = ZONE.replace("192.0.2.80", "192.0.2.70")
    file.refresh()
    assert texts(server, "web.example.org.")[0] == "192.0.2.80"
    server.files["/z"] = server.files["/z"].replace("( 5", "( 6")
    file.refresh()
    assert texts(server, "web.example.org.")[0] == "192.0.2.70"
    server.files["/z"] = "@ A nonsense"
    file.refresh()
    assert texts(server, "web.example.org.")[0] == "192.0.2.70"
    assert "was not taken" in server.lines[0]


def test_a_zone_file_may_be_read_again_whenever_it_changes() -> None:
    server = LocalServer("example.org {\n file /z {\n reload_by_mtime\n }\n}", files={"/z": ZONE})
    file = server.configuration.world.tasks[0].run.__self__  # type: ignore[attr-defined]
    server.files["/z"] = ZONE.replace("192.0.2.80", "192.0.2.70")
    file.refresh()
    assert texts(server, "web.example.org.")[0] == "192.0.2.70"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("@ 5 A 192.0.2.1", "has no SOA record"),
        ("@ 5 A 192.0.2.300", "line 1:"),
        ("@ 5 MX mail", "line 1:"),
        ("@ 5 IN WHAT x", "line 1:"),
        ("$INCLUDE x", "line 1: x:"),
        ("$WHAT x", "is not supported"),
    ],
)
def test_a_bad_zone_file_is_a_mistake_at_start(text: str, message: str) -> None:
    with pytest.raises(CorefileError, match=message):
        LocalServer("example.org {\n file /z\n}", files={"/z": text})


def test_a_missing_zone_file_is_waited_for_unless_nobody_looks_again() -> None:
    server = LocalServer("example.org {\n file /z\n}", files={})
    assert server.ask("web.example.org.").rcode == numbers.SERVFAIL
    assert "fails until it is there" in server.configuration.world.notices[0]
    server.files["/z"] = ZONE
    server.configuration.world.tasks[0].run.__self__.refresh()  # type: ignore[attr-defined]
    assert texts(server, "web.example.org.")[0] == "192.0.2.80"
    with pytest.raises(CorefileError, match="No such file"):
        LocalServer("example.org {\n file /z {\n reload 0\n }\n}", files={})


def test_aliases_lead_from_one_zone_file_to_another() -> None:
    files = {"/z": ZONE, "/sub": "@ 5 SOA a b 1 2 3 4 5\nweb 5 A 192.0.2.99\n"}
    server = LocalServer(
        "example.org {\n file /z\n file /sub in.example.org\n}",
        files={**files, "/z": ZONE + "inner CNAME web.in\nnowhere CNAME no.in\n*.loop CNAME x.loop\n"},
    )
    assert texts(server, "inner.example.org.") == ["web.in.example.org.", "192.0.2.99"]
    denied = server.ask("nowhere.example.org.")
    assert (denied.rcode, denied.authority[0].name) == (numbers.NXDOMAIN, "example.org.")
    assert server.ask("y.loop.example.org.").rcode == numbers.SERVFAIL


def test_an_empty_name_falls_through_and_a_name_without_the_type_does_not() -> None:
    server = LocalServer("example.org {\n file /z {\n fallthrough\n }\n whoami\n}", files={"/z": ZONE})
    assert [len(server.ask(name).additional) for name in ("b.c.example.org.", "nobody.example.org.")] == [
        2,
        2,
    ]
    assert not server.ask("web.example.org.", "AAAA").additional
