from __future__ import annotations

import pytest

from dns.corefile.tokens import CorefileError
from dns.fakes.cluster import LocalServer
from dns.fakes.objects import example_cluster
from dns.wire import message, numbers, records
from dns.wire.query import Edns

KUBERNETES = "kubernetes cluster.local {\n ttl 30\n }"


def server(plugins: str) -> LocalServer:
    return LocalServer(f". {{\n prometheus :9153\n {plugins}\n}}", example_cluster())


def texts(reply: message.Message) -> list[str]:
    return [records.text_of(record) for record in reply.answer]


@pytest.mark.parametrize(
    ("rule", "name", "expected"),
    [
        ('answer "{{ .Name }} 60 IN A 192.0.2.1"', "x.example.", ["192.0.2.1"]),
        (
            'match ^ip-(?P<a>\\d+)-(?P<b>\\d+)\\.example\\.$\n answer "{{ .Name }} 60 IN A 192.0.{{ .Group.a }}.{{ .Group.b }}"',
            "ip-2-7.example.",
            ["192.0.2.7"],
        ),
        (  # hexadecimal, as CoreDNS's page has it
            'match "^ip0a(?P<b>[a-f0-9]{2})(?P<c>[a-f0-9]{2})(?P<d>[a-f0-9]{2})[.]example[.]$"\n'
            ' answer "{{ .Name }} 60 IN A 10.{{ parseInt .Group.b 16 8 }}.{{ parseInt .Group.c 16 8 }}.{{ parseInt .Group.d 16 8 }}"',
            "ip0a7b0c01.example.",
            ["10.123.12.1"],
        ),
        (  # the first pattern that matches counts
            'match "^a-(?P<x>[0-9])[.]"\n match "^(?P<x>[0-9])-b[.]"\n answer "{{ .Name }} 60 IN A 10.0.0.{{ .Group.x }}"',
            "7-b.example.",
            ["10.0.0.7"],
        ),
        (
            'answer "{{ .Name }} 60 IN A {{ if eq .Class `IN` }}{{ .Remote }}{{ end }}"',
            "x.example.",
            ["127.0.0.1"],
        ),
        (
            'answer "{{ .Name }} 60 IN A 10.0.0.{{ len .Match }}"\n answer "{{ .Name }} 60 IN A 10.0.{{ .Question.Qtype }}.1"',
            "x.example.",
            ["10.0.0.1", "10.0.1.1"],
        ),
    ],
)
def test_records_are_made_from_the_question(rule: str, name: str, expected: list[str]) -> None:
    assert texts(server(f"template ANY ANY {{\n {rule}\n }}").ask(name)) == expected


def test_the_name_is_in_lower_case() -> None:
    reply = server('template ANY ANY {\n answer "{{ .Name }} 60 IN A 192.0.2.1"\n }').ask("ABC.Example.")
    assert reply.answer[0].name == "abc.example."


def test_sections_rcode_and_reason() -> None:
    found = server(
        "template ANY ANY invalid {\n rcode NXDOMAIN\n"
        ' authority "invalid. 60 {{ .Class }} SOA ns.invalid. hostmaster.invalid. (1 60 60 60 60)"\n'
        ' additional "ns.invalid. 60 IN A 192.0.2.5"\n ederror 21 "Blocked according to RFC2606"\n }'
    )
    reply = found.ask("a.invalid.", edns=Edns(1232))
    assert (reply.rcode, reply.authority[0].kind) == (numbers.NXDOMAIN, numbers.SOA)
    assert records.text_of(reply.additional[0]) == "192.0.2.5"
    assert reply.edns is not None
    assert reply.edns.options[0] == (numbers.EXTENDED_ERROR, b"\0\x15Blocked according to RFC2606")


def test_what_matches_no_pattern_fails_or_falls_through() -> None:
    rule = "template IN ANY internal {{\n rcode NXDOMAIN\n match never$\n {} }}\n whoami"
    assert server(rule.format("")).ask("a.internal.").rcode == numbers.SERVFAIL
    assert server(rule.format("fallthrough\n")).ask("a.internal.").rcode == numbers.NOERROR
    assert server(rule.format("fallthrough example\n")).ask("a.internal.").rcode == numbers.SERVFAIL
    assert server(rule.format("")).ask("a.elsewhere.").rcode == numbers.NOERROR


@pytest.mark.parametrize("asked", ["A", "ANY"])
def test_a_question_for_any_type_fits_every_rule(asked: str) -> None:
    found = server('template IN A example {\n answer "{{ .Name }} 60 {{ .Class }} {{ .Type }} 192.0.2.1"\n }')
    assert texts(found.ask("x.example.", asked)) == ["192.0.2.1"]


def test_behind_an_alias_stands_what_the_server_knows_of_its_target() -> None:
    rule = 'template IN ANY example {\n answer "{{ .Name }} 60 IN CNAME svc1.testns.svc.cluster.local."\n }'
    found = server(f"{rule}\n {KUBERNETES}")
    assert texts(found.ask("a.example.")) == ["svc1.testns.svc.cluster.local.", "10.0.0.100"]
    assert texts(found.ask("a.example.", "TXT")) == ["svc1.testns.svc.cluster.local."]
    gone = rule.replace("svc1", "nosuch")
    assert texts(server(f"{gone}\n {KUBERNETES}").ask("a.example.")) == ["nosuch.testns.svc.cluster.local."]


def test_aliases_in_a_circle_end() -> None:
    found = server('template IN A {\n answer "{{ .Name }} 60 IN CNAME a.{{ .Name }}"\n }')
    assert len(found.ask("x.example.").answer) < 20


@pytest.mark.parametrize(
    ("rule", "kept"),
    [
        ('answer "{{ .Name }} 60 IN A 192.0.2.1"', True),
        ('answer "{{ .Name }} 60 IN A {{ .Remote }}"', False),
        ('answer "{{ .Name }} 60 IN TXT {{ .Message.Id }}"', False),
        ('answer "{{ .Name }} 60 IN TXT {{ $x := 1 }}{{ $x }}"', False),
    ],
)
def test_what_shows_the_client_is_not_repeated_from_memory(rule: str, kept: bool) -> None:
    found = server(f"template IN ANY {{\n {rule}\n }}")
    response = found._resolve(found.request("x.example."))
    assert (response.lifetime is not None) == kept  # type: ignore[union-attr]


def test_matches_and_failures_are_counted() -> None:
    found = server(
        'template IN A good.example {\n answer "{{ .Name }} 60 IN A 192.0.2.1"\n }\n'
        ' template IN A bad.example {\n answer "{{ .Name }} 60 IN A {{ .Group.x }}"\n }\n'
        ' template IN A worse.example {\n answer "{{ .Name }} 60 IN A {{ .Nonsense }}"\n }'
    )
    for name in ("good.example.", "bad.example.", "worse.example."):
        found_rcode = found.ask(name).rcode
        response = found._resolve(found.request(name))
        for observe in response.observers:  # type: ignore[union-attr]
            observe(1, 100, 0.0)
        assert found_rcode == (numbers.NOERROR if name == "good.example." else numbers.SERVFAIL)
    text = found.configuration.world.registry.render()
    where = 'server="dns://:53",zone="{}",view="",class="IN",type="A"'
    assert f"coredns_template_matches_total{{{where.format('good.example.')}}} 1" in text
    assert f'coredns_template_rr_failures_total{{{where.format("bad.example.")},section="answer"' in text
    assert f"coredns_template_template_failures_total{{{where.format('worse.example.')},section" in text
    assert 'template="{{ .Name }} 60 IN A {{ .Nonsense }}"' in text


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        ("answer", "needs a record"),
        ('answer "{{"', "has no end"),
        ('answer "{{ .Name"', "has no end"),
        ('answer "{{ nosuch }}"', "there is no function 'nosuch'"),
        ('answer "{{ if .Name }}x"', "has no {{ end }}"),
        ("match [", "is no expression"),
        ("rcode NOPE", "is no rcode"),
        ("ederror x", "takes a number"),
        ("surprise", "unknown option"),
    ],
)
def test_mistakes_are_named_with_their_place(rule: str, said: str) -> None:
    with pytest.raises(CorefileError, match=r"Corefile:4:") as caught:
        server(f"template IN A {{\n {rule}\n }}")
    assert said in str(caught.value)
