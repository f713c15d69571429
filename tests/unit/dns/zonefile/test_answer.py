from __future__ import annotations

import pytest

from dns.wire import numbers
from dns.wire.records import Record, line_of
from dns.zonefile.answer import Found, follow, lookup
from dns.zonefile.master import parse_zone
from dns.zonefile.zone import BadZone, Zone, make_zone

PLAIN = r"""
$TTL 60
@            SOA   NS.Zone.Test. host 7 2 3 4 5
             NS    ns
             NS    elsewhere.test.
ns           A     192.0.2.1
mail         MX    10 NS
             MX    20 ns
web          HTTPS 1 NS alpn=h2
old          DNAME new
www.new      A     192.0.2.2
here         DNAME here
far          DNAME target.test.
a            CNAME b
b            CNAME www.new
gone         CNAME nobody
out          CNAME www.test.
tosub        CNAME host.sub
again        CNAME x.wild
noaaaa       CNAME ns
sub          NS    ns.sub
ns.sub       A     192.0.2.3
sub          NS    elsewhere.test.
*.wild       A     192.0.2.4
deep.wild    TXT   deep
x.*.empty    A     192.0.2.5
top          CNAME zone.test.
dot\046dot   A     192.0.2.6
"""
SIGNED = """
$TTL 60
@        SOA    ns host 7 2 3 4 5
@        RRSIG  SOA 13 2 60 20300101000000 20200101000000 11 zone.test. c29h
@        NS     ns
@        RRSIG  NS 13 2 60 20300101000000 20200101000000 11 zone.test. bnM=
@        NSEC   *.wild.zone.test. SOA NS RRSIG NSEC
ns       A      192.0.2.1
ns       RRSIG  A 13 3 60 20300101000000 20200101000000 11 zone.test. bnNh
ns       NSEC   sub A RRSIG NSEC
*.wild   A      192.0.2.4
*.wild   RRSIG  A 13 3 60 20300101000000 20200101000000 11 zone.test. d2ls
*.wild   NSEC   alias A RRSIG NSEC
alias    CNAME  ns
alias    RRSIG  CNAME 13 3 60 20300101000000 20200101000000 11 zone.test. YWxp
alias    NSEC   ns CNAME RRSIG NSEC
sub      NS     ns.sub
sub      DS     5 13 2 00ff
sub      RRSIG  DS 13 3 60 20300101000000 20200101000000 11 zone.test. ZHM=
sub      NSEC   @ NS DS RRSIG NSEC
ns.sub   A      192.0.2.3
"""


def zone(text: str = PLAIN) -> Zone:
    return make_zone("zone.test.", parse_zone(text, "zone.test."))


def short(found: tuple[Record, ...]) -> list[str]:
    """`name type`, the zone's own name left off."""
    return [f"{one.name.removesuffix('zone.test.')} {numbers.type_name(one.kind)}" for one in found]


def ask(name: str, kind: str = "A", *, dnssec: bool = False, text: str = PLAIN) -> Found:
    return lookup(zone(text), name, numbers.TYPES[kind], dnssec=dnssec)


@pytest.mark.parametrize(
    ("name", "kind", "answer", "chase"),
    [
        ("www.old.zone.test.", "A", ["old. DNAME", "www.old. CNAME", "www.new. A"], ""),
        ("www.old.zone.test.", "CNAME", ["old. DNAME", "www.old. CNAME"], ""),
        ("old.zone.test.", "DNAME", ["old. DNAME"], ""),
        ("www.far.zone.test.", "A", ["far. DNAME", "www.far. CNAME"], "www.target.test."),
        ("a.zone.test.", "A", ["a. CNAME", "b. CNAME", "www.new. A"], ""),
        ("noaaaa.zone.test.", "AAAA", ["noaaaa. CNAME"], ""),
        ("gone.zone.test.", "A", ["gone. CNAME"], "nobody.zone.test."),
        ("again.zone.test.", "A", ["again. CNAME"], "x.wild.zone.test."),
        ("top.zone.test.", "SOA", ["top. CNAME"], "zone.test."),
        (r"dot\.dot.zone.test.", "A", [r"dot\.dot. A"], ""),
    ],
)
def test_aliases_are_followed_as_far_as_the_zone_has_their_names(
    name: str, kind: str, answer: list[str], chase: str
) -> None:
    found = ask(name, kind)
    assert (found.rcode, short(found.answer), found.chase) == (numbers.NOERROR, answer, chase)


def test_a_dname_onto_itself_fails_and_one_that_makes_too_long_a_name_says_so() -> None:
    assert ask("x.here.zone.test.").rcode == numbers.SERVFAIL
    long = "a" * 60 + "."
    text = PLAIN + f"long DNAME {long * 3}zone.test.\n"
    found = lookup(zone(text), long * 2 + "long.zone.test.", numbers.A)
    assert (found.rcode, short(found.answer)) == (numbers.YXDOMAIN, ["long. DNAME"])


@pytest.mark.parametrize(
    ("rest", "rcode", "authority"),
    [
        ((numbers.NXDOMAIN, ()), numbers.NXDOMAIN, "SOA"),
        ((numbers.NOERROR, ()), numbers.NOERROR, "SOA"),
        ((numbers.SERVFAIL, ()), numbers.SERVFAIL, "NS"),
        ((numbers.REFUSED, ()), numbers.NOERROR, "NS"),
    ],
)
def test_what_an_alias_leads_to_decides_the_answer(
    rest: tuple[int, tuple[Record, ...]], rcode: int, authority: str
) -> None:
    found = follow(zone(), ask("out.zone.test."), rest, dnssec=False)
    assert (found.rcode, short(found.answer)) == (rcode, ["out. CNAME"])
    assert {numbers.type_name(one.kind) for one in found.authority} == {authority}


def test_an_alias_into_a_delegated_name_brings_the_referral_and_stays_authoritative() -> None:
    found = ask("tosub.zone.test.")
    assert found.authoritative
    assert short(found.answer) == ["tosub. CNAME"]
    assert short(found.authority) == ["sub. NS", "sub. NS"]
    assert short(found.additional) == ["ns.sub. A"]


@pytest.mark.parametrize(("name", "kind"), [("mail.zone.test.", "MX"), ("web.zone.test.", "HTTPS")])
def test_addresses_of_targets_come_once_whatever_their_case(name: str, kind: str) -> None:
    assert short(ask(name, kind).additional) == ["ns. A"]


@pytest.mark.parametrize(
    ("name", "rcode", "missing"),
    [
        ("x.wild.zone.test.", numbers.NOERROR, False),
        ("x.deep.wild.zone.test.", numbers.NXDOMAIN, True),
        ("x.empty.zone.test.", numbers.NOERROR, False),  # the wildcard exists, without records
        ("empty.zone.test.", numbers.NOERROR, True),
        ("none.zone.test.", numbers.NXDOMAIN, True),
    ],
)
def test_wildcards_and_empty_names(name: str, rcode: int, missing: bool) -> None:
    found = ask(name)
    assert (found.rcode, found.missing) == (rcode, missing)


@pytest.mark.parametrize(
    ("name", "kind", "answer", "authority"),
    [
        ("zone.test.", "SOA", [" SOA", " RRSIG"], [" NS", " RRSIG"]),
        ("ns.zone.test.", "A", ["ns. A", "ns. RRSIG"], [" NS", " RRSIG"]),
        ("ns.zone.test.", "AAAA", [], [" SOA", " RRSIG", "ns. NSEC"]),
        (
            "alias.zone.test.",
            "A",
            ["alias. CNAME", "alias. RRSIG", "ns. A", "ns. RRSIG"],
            [" NS", " RRSIG"],
        ),
        # Not below any wildcard: the name's own gap, and that of the wildcard which might have been.
        ("x.ns.zone.test.", "A", [], [" SOA", " RRSIG", "ns. NSEC"]),
        ("b.zone.test.", "A", [], [" SOA", " RRSIG", "alias. NSEC", " NSEC"]),
        ("x.wild.zone.test.", "A", ["x.wild. A", "x.wild. RRSIG"], [" NS", " RRSIG", "*.wild. NSEC"]),
        ("host.sub.zone.test.", "A", [], ["sub. NS", "sub. DS", "sub. RRSIG"]),
        ("sub.zone.test.", "DS", ["sub. DS", "sub. RRSIG"], [" NS", " RRSIG"]),
    ],
)
def test_signatures_and_denials_for_those_who_ask_for_dnssec(
    name: str, kind: str, answer: list[str], authority: list[str]
) -> None:
    found = ask(name, kind, dnssec=True, text=SIGNED)
    assert short(found.answer) == answer
    assert short(found.authority) == authority
    plain = ask(name, kind, text=SIGNED)
    assert not [one for one in (*plain.answer, *plain.authority) if one.kind in {numbers.RRSIG, numbers.NSEC}]


def test_a_soa_is_the_zones_whatever_its_owner_and_nsec3_is_refused() -> None:
    found = make_zone(".", parse_zone("x.test. 5 SOA a. b. 9 2 3 4 5\ny.test. 5 A 192.0.2.1", "."))
    assert (found.serial, line_of(lookup(found, "y.test.", numbers.A).answer[0]).split("\t")[0]) == (
        9,
        "y.test.",
    )
    with pytest.raises(BadZone, match="NSEC3"):
        zone(PLAIN + r"x NSEC3PARAM \# 5 0100000000")
