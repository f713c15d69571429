from __future__ import annotations

from ipaddress import ip_network

import pytest

from dns.corefile.tokens import CorefileError
from dns.fakes.cluster import LocalServer
from dns.handlers.acl import Policy, Rule, decide
from dns.handlers.request import Response
from dns.wire import numbers
from dns.wire.query import Edns


def server(rules: str, zones: str = "") -> LocalServer:
    return LocalServer(f"example.org {{\n prometheus :9153\n acl {zones} {{\n{rules}\n}}\n whoami\n}}")


@pytest.mark.parametrize(
    ("rules", "client", "kind", "action"),
    [
        ("block type A net 192.168.0.0/16", "192.168.3.4", "A", "block"),
        ("block type A net 192.168.0.0/16", "192.168.3.4", "AAAA", "allow"),
        ("block type A net 192.168.0.0/16", "10.0.0.1", "A", "allow"),
        ("filter type A AAAA net 192.168.0.0/16 10.0.0.1", "10.0.0.1", "AAAA", "filter"),
        ("allow net 192.168.1.0/24\nblock net 192.168.0.0/16", "192.168.1.9", "A", "allow"),
        ("allow net 192.168.1.0/24\nblock net 192.168.0.0/16", "192.168.2.9", "A", "block"),
        ("allow net 192.168.0.0/24\nblock", "10.0.0.1", "TXT", "block"),
        ("drop net 192.0.2.0/24", "192.0.2.1", "A", "drop"),
        ("block type * net *", "2001:db8::1", "A", "block"),
        ("block net 2001:db8::/32", "2001:db8::1", "A", "block"),
        ("block net 2001:db8::/32", "192.0.2.1", "A", "allow"),
    ],
)
def test_the_first_policy_that_fits_decides(rules: str, client: str, kind: str, action: str) -> None:
    response = server(rules)._resolve(
        server(rules).request("a.example.org.", kind, client=client, edns=Edns(512))
    )
    assert isinstance(response, Response)
    if action == "allow":
        assert response.plugin == "whoami"
    else:
        assert response.plugin == "acl"
        assert response.silent == (action == "drop")
        assert (response.rcode == numbers.REFUSED) == (action == "block")
        assert (response.reason == (17, "")) == (action == "filter")


def test_a_rule_of_other_zones_does_not_count() -> None:
    found = server("block", "a.example.org")
    assert found.ask("x.a.example.org.").rcode == numbers.REFUSED
    assert found.ask("b.example.org.").rcode == numbers.NOERROR


def test_every_decision_is_counted() -> None:
    found = server("block net 10.0.0.1\nfilter net 10.0.0.2\ndrop net 10.0.0.3")
    for last in (1, 1, 2, 3, 4):
        found._resolve(found.request("a.example.org.", client=f"10.0.0.{last}"))
    text = found.configuration.world.registry.render()
    where = 'server="dns://:53",zone="example.org.",view=""'
    for word, count in (("blocked", 2), ("filtered", 1), ("dropped", 1)):
        assert f"coredns_acl_{word}_requests_total{{{where}}} {count}" in text
    assert 'coredns_acl_allowed_requests_total{server="dns://:53",view=""} 1' in text


def test_rules_are_read_in_order_whatever_zone_is_longer() -> None:
    block, allow = Policy("block", networks=(ip_network("10.0.0.0/8"),)), Policy("allow")
    rules = (Rule(("org.",), (block,)), Rule(("a.org.",), (allow,)))
    assert decide(rules, "x.a.org.", numbers.A, "10.1.1.1") == ("block", "org.")
    assert decide(rules, "x.a.org.", numbers.A, "192.0.2.1") == ("allow", "a.org.")


@pytest.mark.parametrize(
    "rule",
    [
        "permit net *",
        "block maybe",
        "block type",
        "block net",
        "block type NOPE",
        "block net 10.0.0.0/40",
        "block type net *",
    ],
)
def test_mistakes_are_named_with_their_place(rule: str) -> None:
    with pytest.raises(CorefileError, match=r"Corefile:4:"):
        server(rule)
