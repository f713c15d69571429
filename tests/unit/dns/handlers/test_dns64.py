from __future__ import annotations

from ipaddress import IPv6Network

import pytest

from dns.corefile.tokens import CorefileError
from dns.fakes.cluster import LocalServer
from dns.handlers.dns64 import embedded
from dns.wire import numbers, records

ZONE = (
    "@ 900 SOA ns host 1 2 3 4 5\nfour 300 A 192.0.2.1\nlong 7200 A 192.0.2.2\nsix 300 AAAA 2001:db8::1\n"
    "alias 300 CNAME four\n"
)


def server(options: str = "") -> LocalServer:
    return LocalServer(f"example {{\n dns64 {options}\n file /z\n}}", files={"/z": ZONE})


def asked(
    found: LocalServer, name: str, kind: str = "AAAA", client: str = "2001:db8::99"
) -> list[tuple[str, int]]:
    reply = found.ask(name, kind, client=client)
    return [(records.text_of(record), record.ttl) for record in reply.answer]


@pytest.mark.parametrize(
    ("options", "name", "expected"),
    [
        ("", "four.example.", [("64:ff9b::c000:201", 300)]),
        ("", "long.example.", [("64:ff9b::c000:202", 900)]),  # no longer than the zone's SOA
        ("", "six.example.", [("2001:db8::1", 300)]),
        ("", "alias.example.", [("four.example.", 300), ("64:ff9b::c000:201", 300)]),
        ("2001:db8:64::/96", "four.example.", [("2001:db8:64::c000:201", 300)]),
        ("{\n prefix 2001:db8:64::/96\n }", "four.example.", [("2001:db8:64::c000:201", 300)]),
        ("{\n translate_all\n }", "six.example.", []),
    ],
)
def test_names_without_an_ipv6_address_are_given_one(
    options: str, name: str, expected: list[tuple[str, int]]
) -> None:
    assert asked(server(options), name) == expected


def test_clients_over_ipv4_and_other_types_are_left_alone_unless_told_else() -> None:
    assert asked(server(), "four.example.", client="192.0.2.9") == []
    assert asked(server("{\n allow_ipv4\n }"), "four.example.", client="192.0.2.9") != []
    assert asked(server(), "four.example.", "A") == [("192.0.2.1", 300)]


def test_a_denied_name_stays_denied() -> None:
    reply = server().ask("none.example.", "AAAA", client="2001:db8::99")
    assert (reply.rcode, reply.authority[0].kind) == (numbers.NXDOMAIN, numbers.SOA)


@pytest.mark.parametrize(  # RFC 6052 2.4
    ("prefix", "address"),
    [
        ("2001:db8::/32", "2001:db8:c000:221::"),
        ("2001:db8:100::/40", "2001:db8:1c0:2:21::"),
        ("2001:db8:122::/48", "2001:db8:122:c000:2:2100::"),
        ("2001:db8:122:300::/56", "2001:db8:122:3c0:0:221::"),
        ("2001:db8:122:344::/64", "2001:db8:122:344:c0:2:2100::"),
        ("2001:db8:122:344::/96", "2001:db8:122:344::c000:221"),
    ],
)
def test_where_the_address_lies_in_the_prefix(prefix: str, address: str) -> None:
    made = embedded(IPv6Network(prefix), bytes((192, 0, 2, 33)))
    assert made == records.address("x.", 0, address).data


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("64:ff9b::/97", "a prefix has"),
        ("10.0.0.0/8", "is no IPv6 prefix"),
        ("a b", "one argument"),
        ("{\n prefix\n }", "one argument"),
        ("{\n more\n }", "unknown option"),
    ],
)
def test_mistakes(options: str, message: str) -> None:
    with pytest.raises(CorefileError, match=message):
        server(options)
