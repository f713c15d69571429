from __future__ import annotations

import pytest

from dns.corefile.tokens import CorefileError
from dns.fakes.cluster import LocalServer
from dns.fakes.objects import example_cluster
from dns.wire import numbers, records

T = "testns.svc.cluster.local."


def server(rules: str) -> LocalServer:
    return LocalServer(
        f". {{\n{rules}\n kubernetes cluster.local in-addr.arpa {{\n ttl 30\n }}\n}}", example_cluster()
    )


@pytest.mark.parametrize(
    ("rules", "name", "owner", "ip"),
    [
        (f"rewrite name a.example. svc1.{T}", "a.example.", "a.example.", "10.0.0.100"),
        (f"rewrite name exact A.example svc1.{T}", "a.EXAMPLE.", "a.example.", "10.0.0.100"),
        (f"rewrite name suffix .ex.org .{T}", "svc1.ex.org.", f"svc1.{T}", "10.0.0.100"),
        (f"rewrite name suffix .ex.org .{T} answer auto", "svc1.ex.org.", "svc1.ex.org.", "10.0.0.100"),
        ("rewrite name prefix x- svc", f"x-1.{T}", f"svc1.{T}", "10.0.0.100"),
        ("rewrite name substring .prod. .testns.", "svc1.prod.svc.cluster.local.", f"svc1.{T}", "10.0.0.100"),
        (rf"rewrite name regex (.*)\.my\.org {{1}}.{T}", "svc1.my.org.", f"svc1.{T}", "10.0.0.100"),
        (
            rf"rewrite name regex (.*)\.my\.org {{1}}.{T} answer name (.*)\.testns\.svc\.cluster\.local {{1}}.my.org",
            "svc1.my.org.",
            "svc1.my.org.",
            "10.0.0.100",
        ),
        (
            f"rewrite stop {{\n name suffix .ex.org .{T}\n answer auto\n}}",
            "svc1.ex.org.",
            "svc1.ex.org.",
            "10.0.0.100",
        ),
        (
            f"rewrite continue name suffix .b .a\n rewrite name suffix .a .{T}",
            "svc1.b.",
            f"svc1.{T}",
            "10.0.0.100",
        ),
    ],
)
def test_names_are_changed_on_the_way_in_and_back(rules: str, name: str, owner: str, ip: str) -> None:
    reply = server(rules).ask(name)
    assert reply.name == name
    assert [(record.name, records.text_of(record)) for record in reply.answer] == [(owner, ip)]


@pytest.mark.parametrize(
    ("span", "ttl"), [("60", 60), ("40-50", 40), ("-10", 10), ("100-", 100), ("10-90", 30)]
)
def test_ttls_of_answers(span: str, ttl: int) -> None:
    reply = server(f"rewrite ttl suffix .cluster.local {span}").ask(f"svc1.{T}")
    assert reply.answer[0].ttl == ttl


def test_types_rcodes_and_values() -> None:
    assert server("rewrite type AAAA A").ask(f"svc1.{T}", "AAAA").answer[0].kind == numbers.A
    assert server("rewrite rcode suffix .cluster.local NXDOMAIN NOERROR").ask(f"gone.{T}").rcode == 0
    rules = (
        r"rewrite stop {"
        + "\n name suffix .arpa .arpa\n answer value (.*)\\.cluster\\.local\\. {1}.example.org.\n}"
    )
    reply = server(rules).ask("100.0.0.10.in-addr.arpa.", "PTR")
    assert records.text_of(reply.answer[0]) == "svc1.testns.svc.example.org."


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        ("rewrite", "a rule begins with name"),
        ("rewrite nonsense a b", "'nonsense' is none of"),
        ("rewrite name a", "too few words"),
        ("rewrite name regex (a b", "is no expression"),
        ("rewrite name regex (a) {2}", "uses group 2"),
        ("rewrite type A NOPE", "'NOPE' is no record type"),
        ("rewrite ttl a.org x", "neither seconds nor a range"),
        ("rewrite ttl a.org 9-3", "the range 9-3 is empty"),
        ("rewrite rcode a.org NOPE NOERROR", "'NOPE' is no rcode"),
        ("rewrite name suffix a.org b.org answer", "not enough"),
        ("rewrite rcode exact a.org 2 1 0", "one word too many"),
        ("rewrite ttl a.org 1 2", "one word too many"),
        ("rewrite ttl a.org 4294967296", "neither seconds nor a range"),
        ("rewrite edns0 local unset 0xffee revert", "takes 1 words"),
        ("rewrite edns0 nsid set junk", "takes 0 words"),
        ("rewrite edns0 subnet set 33 56", "at most 32"),
        ("rewrite edns0 local set 0xffee {dummy}", "is no variable"),
        ("rewrite edns0 local set 0xffee 0xg", "no hexadecimal"),
        ("rewrite edns0 what set", "takes local, nsid or subnet"),
        ("rewrite edns0 local set zz y", "no number from 0 to 65535"),
        ("rewrite answer name a b", "answer must follow a name rule"),
    ],
)
def test_mistakes(rule: str, message: str) -> None:
    with pytest.raises(CorefileError, match=message.replace("(", "\\(")) as caught:
        server(rule)
    assert str(caught.value).startswith("Corefile:2:")
