"""iptables rules as text, documents, and what iptables-save says."""

import pytest

from linux.iptables.restore import Edit, document, parse_saved
from linux.iptables.rules import (
    ACCEPT,
    DROP,
    RETURN,
    Dnat,
    Jump,
    MarkOr,
    MarkXor,
    Masquerade,
    Reject,
    Rule,
    render,
)
from linux.iptables.trace import Probe, trace


@pytest.mark.parametrize(
    ("rule", "text"),
    [
        (Rule(ACCEPT), "-j ACCEPT"),
        (Rule(Jump("X"), comment='a "b"'), '-m comment --comment "a b" -j X'),
        (
            Rule(Dnat("10.0.0.1:80"), protocol="tcp", chance=1 / 3),
            "-p tcp -m statistic --mode random --probability 0.3333333333 -j DNAT --to-destination 10.0.0.1:80",
        ),
        (
            Rule(
                Jump("X"),
                source="10.0.0.0/8",
                source_not=True,
                destination="1.2.3.4/32",
                protocol="udp",
                port=53,
            ),
            "! -s 10.0.0.0/8 -d 1.2.3.4/32 -p udp -m udp --dport 53 -j X",
        ),
        (Rule(Jump("X"), in_interface="veth+", in_interface_not=True), "! -i veth+ -j X"),
        (Rule(RETURN, mark=0x4000, mark_not=True), "-m mark ! --mark 0x4000/0x4000 -j RETURN"),
        (Rule(MarkOr(0x4000)), "-j MARK --or-mark 0x4000"),
        (Rule(MarkXor(0x4000)), "-j MARK --xor-mark 0x4000"),
        (Rule(Masquerade(), states=("DNAT",)), "-m conntrack --ctstate DNAT -j MASQUERADE --random-fully"),
        (Rule(Masquerade(random_fully=False)), "-j MASQUERADE"),
        (Rule(Reject(), local_destination=True), "-m addrtype --dst-type LOCAL -j REJECT"),
        (Rule(DROP, local_source=True), "-m addrtype --src-type LOCAL -j DROP"),
        (
            Rule(Dnat("[fd00::1]:80"), protocol="tcp", recent_seen=("L", 60), recent_set="L"),
            "-p tcp -m recent --name L --rcheck --seconds 60 --reap -m recent --name L --set"
            " -j DNAT --to-destination [fd00::1]:80",
        ),
    ],
)
def test_a_rule_as_text(rule: Rule, text: str) -> None:
    assert render(rule) == text


def test_a_document_makes_fills_and_removes() -> None:
    edit = Edit("nat", {"A": (Rule(Jump("B")),), "B": ()}, ("C",), (("OUTPUT", Rule(Jump("A"))),))
    assert document([Edit("filter", {}), edit]) == (
        "*nat\n:A - [0:0]\n:B - [0:0]\n-A A -j B\n:C - [0:0]\n-I OUTPUT -j A\n-X C\nCOMMIT\n"
    )
    assert document([]) == ""


def test_rules_come_in_order_once_their_chain_is_there() -> None:
    to = {name: Rule(Jump(name)) for name in "ABCDE"}
    write = {"A": (to["D"], to["B"], Rule(DROP), to["C"]), "D": (to["C"],), "C": (), "B": (to["E"],)}
    lines = document([Edit("nat", write)]).splitlines()[1:-1]
    filled: dict[str, list[str]] = {}
    for line in lines:
        if line.startswith(":"):
            filled[line[1:].split()[0]] = []
            continue
        chain, _, target = line[3:].partition(" -j ")
        assert target not in write or target in filled, "as iptables-restore demands"
        filled[chain].append(target)
    assert filled == {"A": ["D", "B", "DROP", "C"], "D": ["C"], "C": [], "B": ["E"]}
    assert lines.index("-A B -j E") == lines.index(":B - [0:0]") + 1


def test_what_was_saved_is_read() -> None:
    saved = parse_saved(
        "# x\n*nat\n:OUTPUT ACCEPT [1:2]\n:A - [0:0]\n-A OUTPUT -m comment -j A\nCOMMIT\n*filter\n"
    )
    assert saved["nat"].chains == {"OUTPUT": ("-m comment -j A",), "A": ()}
    assert saved["nat"].jumps("OUTPUT", "A")
    assert not saved["nat"].jumps("PREROUTING", "A")
    assert saved["filter"].chains == {}


_PROBE = Probe("10.0.0.1", "10.96.0.1", "tcp", 80, "eth0", frozenset())


def test_every_way_the_dice_fall_is_followed() -> None:
    nat = {
        "PREROUTING": (Rule(Jump("S"), protocol="tcp", port=80),),
        "S": (
            Rule(Dnat("10.0.0.1:1"), chance=0.3),
            Rule(Dnat("10.0.0.2:1"), chance=0.5),
            Rule(Dnat("10.0.0.3:1")),
        ),
    }
    assert sorted(t.destination for t in trace(nat, {}, _PROBE)) == ["10.0.0.1:1", "10.0.0.2:1", "10.0.0.3:1"]


def test_return_jump_and_verdicts() -> None:
    filters = {"FORWARD": (Rule(Jump("X")), Rule(Reject())), "X": (Rule(RETURN), Rule(DROP))}
    assert [t.verdict for t in trace({}, filters, _PROBE)] == ["reject"]
    accepted = {"FORWARD": (Rule(ACCEPT), Rule(DROP))}
    assert [t.verdict for t in trace({}, accepted, _PROBE)] == ["accept"]
    ours = _PROBE._replace(in_interface="", local_addresses=frozenset({"10.96.0.1"}))
    assert [t.verdict for t in trace({}, {"INPUT": (Rule(DROP),)}, ours)] == ["drop"]


def test_the_mark_is_kept_between_tables() -> None:
    nat = {
        "PREROUTING": (Rule(MarkOr(4)),),
        "POSTROUTING": (Rule(RETURN, mark=4, mark_not=True), Rule(Masquerade())),
    }
    assert [t.masqueraded for t in trace(nat, {}, _PROBE)] == [True]
    assert [t.masqueraded for t in trace({"POSTROUTING": nat["POSTROUTING"]}, {}, _PROBE)] == [False]


def test_jumps_go_as_they_were_saved() -> None:
    """kube-proxy writes conditions in another order; a rule is found by its very text."""
    saved = parse_saved(
        "*filter\n:INPUT ACCEPT [0:0]\n:KUBE-A - [0:0]\n:KUBE-B - [0:0]\n:OTHER - [0:0]\n"
        '-A INPUT -m conntrack --ctstate NEW -m comment --comment "x y" -j KUBE-A\n'
        "-A INPUT -j OTHER\n-A OTHER -j KUBE-B\n-A KUBE-A -j KUBE-B\nCOMMIT\n"
    )["filter"]
    assert saved.removals(["KUBE-A", "KUBE-B"]) == [
        ":KUBE-A - [0:0]",
        ":KUBE-B - [0:0]",
        '-D INPUT -m conntrack --ctstate NEW -m comment --comment "x y" -j KUBE-A',
        "-D OTHER -j KUBE-B",
        "-X KUBE-A",
        "-X KUBE-B",
    ]
    assert saved.removals(["KUBE-B"], emptied=["KUBE-A", "OTHER"])[:3] == [
        ":KUBE-A - [0:0]",
        ":OTHER - [0:0]",
        ":KUBE-B - [0:0]",
    ]
    assert "-D OTHER -j KUBE-B" not in saved.removals(["KUBE-B"], emptied=["KUBE-A", "OTHER"])
