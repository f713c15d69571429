from __future__ import annotations

import pytest

from dns.wire.records import line_of
from dns.zonefile.master import BadRecord, parse_record, parse_zone, ttl_s


@pytest.mark.parametrize(
    ("text", "seconds"), [("0", 0), ("300", 300), ("1h30m", 5400), ("1W", 604_800), ("2d1s", 172_801)]
)
def test_ttls(text: str, seconds: int) -> None:
    assert ttl_s(text) == seconds


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("a.b. 60 IN A 192.0.2.1", "a.b.\t60\tIN\tA\t192.0.2.1"),
        ("a.b. IN 60 AAAA 2001:DB8::1", "a.b.\t60\tIN\tAAAA\t2001:db8::1"),
        ("a.b. 60 CNAME c.", "a.b.\t60\tIN\tCNAME\tc."),
        ("a.b. 60 IN SRV 1 2 3 c.", "a.b.\t60\tIN\tSRV\t1 2 3 c."),
        ('a.b. 60 IN TXT "x y" z', 'a.b.\t60\tIN\tTXT\t"x y" "z"'),
        (r"a.b. 60 IN TYPE65280 \# 3 0a0b0c", "a.b.\t60\tIN\tTYPE65280\t\\# 3 0a0b0c"),
    ],
)
def test_one_record(text: str, line: str) -> None:
    assert line_of(parse_record(text)) == line


def test_owner_ttl_and_origin_carry_on() -> None:
    text = "$TTL 60\n@ IN SOA ns admin 1 2 3 4 5\n  NS ns\n$ORIGIN sub.x.\nns A 192.0.2.1 ; remark\n 5 AAAA ::1\n"
    assert [line_of(one) for one in parse_zone(text, "x.")] == [
        "x.\t60\tIN\tSOA\tns.x. admin.x. 1 2 3 4 5",
        "x.\t60\tIN\tNS\tns.x.",
        "ns.sub.x.\t60\tIN\tA\t192.0.2.1",
        "ns.sub.x.\t5\tIN\tAAAA\t::1",
    ]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("$TTL 5\na A 1.2.3", "line 2"),
        ("a A 192.0.2.1", "needs a TTL"),
        ("$INCLUDE x", "cannot be included"),
        ("a 5 MX 10", "a word is missing"),
        ("a 5 SRV 1 2 70000 b", "line 1: a number is too large"),
        (r"a 5 TYPE1000 \# 2 00", "2 bytes are announced"),
        ("a 5 TXT " + "x" * 256, "longer than 255"),
    ],
)
def test_mistakes_name_their_line(text: str, said: str) -> None:
    with pytest.raises(BadRecord, match=said):
        parse_zone(text, "x.")
