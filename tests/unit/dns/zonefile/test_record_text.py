from __future__ import annotations

import dnslib
import pytest

from dns.wire import names
from dns.wire.records import Named, Record, line_of
from dns.zonefile.master import BadRecord, parse_record, parse_zone


def wire(record: Record) -> bytes:
    data = record.data
    if isinstance(data, Named):
        return data.prefix + b"".join(names.encode(name) for name in data.names) + data.suffix
    return data


@pytest.mark.parametrize(
    "text",
    [
        "a. 60 IN DS 10056 5 1 EE72CABD1927759CDDA92A10DBF431504B9E1F13",
        "a. 60 IN DNSKEY 257 3 13 mdsswUyr3DPW132mOi8V9xESWE8jTo0dxCjjnopKl+GqJxpVXckHAeF+KkxLbxIL",
        "a. 60 IN RRSIG A 13 2 60 20300102030405 20200102030405 49035 b.c. cmVjb3Jk",
        "a. 60 IN NSEC b.c. A NS SOA MX RRSIG NSEC DNSKEY TYPE1234 CAA",
        "a. 60 IN HTTPS 1 b.c. alpn=h2,h3 port=8443 ipv4hint=192.0.2.1,192.0.2.2 ipv6hint=2001:db8::1",
    ],
)
def test_record_data_is_what_another_library_makes_of_it(text: str) -> None:
    (rr,) = dnslib.RR.fromZone(text)
    buffer = dnslib.DNSBuffer()
    rr.rdata.pack(buffer)
    assert wire(parse_record(text)) == bytes(buffer.data)


@pytest.mark.parametrize(
    ("words", "tail"),
    [
        ("1 . key65400=x", "ff78 0001 78"),
        (r'1 . key65400="a\065 b"', "ff78 0004 61412062"),
        ("1 . port=80 alpn=h2", "0001 0003 026832 0003 0002 0050"),  # in order of their keys
        ("1 . mandatory=port,alpn alpn=h2 port=1", "0000 0004 00010003 0001 0003 026832 0003 0002 0001"),
        ("1 . no-default-alpn ech=AAE=", "0002 0000 0005 0002 0001"),
    ],
)
def test_parameters_of_services(words: str, tail: str) -> None:
    assert wire(parse_record(f"a. 5 SVCB {words}"))[3:] == bytes.fromhex(tail)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a. 5 SVCB 1 . what=1", "is no parameter"),
        ("a. 5 SVCB 1 . port=1 port=2", "stands twice"),
        ("a. 5 SVCB 1 . no-default-alpn=x", "takes no value"),
        ("a. 5 DNSKEY 257 3 13 x", "is not base64"),
        ("a. 5 DS 1 13", "a word is missing"),
        ("a. 5 NSEC b. WHAT", "is no record type"),
    ],
)
def test_mistakes_in_record_data(text: str, said: str) -> None:
    with pytest.raises(BadRecord, match=said):
        parse_record(text)


def test_generated_records() -> None:
    text = "$GENERATE 8-12/2 host-${-7,3,d} 60 A 192.0.2.$\n$GENERATE 255-255 ${0,4,x} 60 TXT \\$$"
    assert [line_of(one) for one in parse_zone(text, "x.")] == [
        "host-001.x.\t60\tIN\tA\t192.0.2.8",
        "host-003.x.\t60\tIN\tA\t192.0.2.10",
        "host-005.x.\t60\tIN\tA\t192.0.2.12",
        '00ff.x.\t60\tIN\tTXT\t"$255"',
    ]


def test_included_files() -> None:
    files = {"sub": "www A 192.0.2.1\n", "loop": "$INCLUDE loop\n"}
    text = "$TTL 60\n$INCLUDE sub\n$INCLUDE sub other.\n@ A 192.0.2.2\n"
    found = parse_zone(text, "x.", include=files.__getitem__)
    assert [one.name for one in found] == ["www.x.", "www.other.", "x."]
    with pytest.raises(BadRecord, match="include each other"):
        parse_zone("$INCLUDE loop\n", "x.", include=files.__getitem__)
