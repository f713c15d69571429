"""What iptables-save prints is read back as the rule that was written."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from linux.iptables.parse import NotUnderstood, parse
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
    Target,
    render,
)

WORDS = st.text("ABCdef-9", min_size=1, max_size=12).filter(lambda text: text[0] not in "-!")
BITS = st.integers(1, 31).map(lambda place: 1 << place)
TARGETS: st.SearchStrategy[Target] = st.one_of(
    st.sampled_from([ACCEPT, DROP, RETURN, Reject(), Masquerade(), Masquerade(random_fully=False)]),
    WORDS.map(lambda word: Jump(f"KUBE-{word}")),
    st.sampled_from([Dnat("10.0.0.1:80"), Dnat("[fd00::1]:80")]),
    BITS.map(MarkOr),
    BITS.map(MarkXor),
)
CIDRS = st.sampled_from(["", "10.0.0.0/8", "1.2.3.4/32", "fd00::/64"])


@st.composite
def rules(draw: st.DrawFn) -> Rule:
    source, destination, interface = draw(CIDRS), draw(CIDRS), draw(st.sampled_from(["", "veth+", "eth0"]))
    protocol, mark = draw(st.sampled_from(["", "tcp", "udp", "sctp"])), draw(st.just(0) | BITS)
    states = draw(st.sampled_from([(), ("NEW",), ("RELATED", "ESTABLISHED"), ("DNAT",)]))
    in_set = draw(st.just("") | WORDS)
    listed = draw(WORDS)
    return Rule(
        draw(TARGETS),
        source=source,
        source_not=bool(source) and draw(st.booleans()),
        destination=destination,
        destination_not=bool(destination) and draw(st.booleans()),
        protocol=protocol,
        port=draw(st.integers(1, 65535)) if protocol and draw(st.booleans()) else 0,
        in_interface=interface,
        in_interface_not=bool(interface) and draw(st.booleans()),
        mark=mark,
        mark_not=bool(mark) and draw(st.booleans()),
        local_source=draw(st.booleans()),
        local_destination=draw(st.booleans()),
        states=states,
        states_not=bool(states) and draw(st.booleans()),
        chance=draw(st.none() | st.sampled_from([0.5, 0.25, 0.2])),
        recent_seen=(listed, draw(st.integers(1, 86400))) if draw(st.booleans()) else None,
        recent_set=listed if draw(st.booleans()) else "",
        comment=draw(st.sampled_from(["", "ns/svc:p cluster IP", "it's one", "-j DROP"])),
        in_set=in_set,
        balanced=draw(st.sampled_from([None, ("tcp", "1.2.3.4", 80), ("sctp", "fd00::4", 53)])),
        counter=draw(st.sampled_from(["", "ct_state_invalid_dropped_pkts"])),
        in_set_by=draw(st.sampled_from(["dst,dst", "dst,dst,src", "src"])) if in_set else "",
    )


@given(rules())
def test_the_inverse_of_rendering(rule: Rule) -> None:
    assert parse(render(rule)) == rule


@pytest.mark.parametrize(
    ("line", "rule"),
    [
        ("-j MARK --set-xmark 0x4000/0x4000", Rule(MarkOr(0x4000))),
        ("-j MARK --set-xmark 0x4000/0x0", Rule(MarkXor(0x4000))),
        ("-j REJECT --reject-with icmp6-port-unreachable", Rule(Reject())),
        (
            "-p tcp -m recent --rcheck --seconds 60 --reap --name L --mask 255.255.255.255 --rsource"
            " -m recent --set --name L --mask 255.255.255.255 --rsource -m tcp -j DNAT --to-destination 10.0.0.1:80",
            Rule(Dnat("10.0.0.1:80"), protocol="tcp", recent_seen=("L", 60), recent_set="L"),
        ),
        (
            '-m comment --comment "a b" -m statistic --mode random --probability 0.50000000000 -j X',
            Rule(Jump("X"), comment="a b", chance=0.5),
        ),
        (
            "-s 1.2.3.4/32 -m ipvs  --vproto 6 --vaddr 1.2.3.4 --vport 80 -j DROP",
            Rule(DROP, source="1.2.3.4/32", balanced=("tcp", "1.2.3.4", 80)),
        ),
    ],
)
def test_what_the_programs_print_in_words_of_their_own(line: str, rule: Rule) -> None:
    assert parse(line) == rule


@pytest.mark.parametrize(
    "line",
    [
        "",
        "-s 10.0.0.0/8",
        "-j LOG --log-prefix x",
        "-m limit --limit 5/min -j ACCEPT",
        "-m mark --mark 0x1 -j ACCEPT",
        "-j MARK --set-xmark 0x1/0xff",
        "-p tcp --dport 1:9 -j ACCEPT",
        "! -p tcp -j ACCEPT",
        '-m comment --comment "open -j ACCEPT',
        "-j",
        "-m ipvs --vproto 6 --vport 80 -j DROP",
        "-m ipvs --vaddr 1.2.3.4 -j DROP",
        "-m addrtype --dst-type BROADCAST -j DROP",
        "-j REJECT --reject-with tcp-reset",
    ],
)
def test_what_is_not_ours_is_said_not_guessed(line: str) -> None:
    with pytest.raises(NotUnderstood):
        parse(line)


@given(st.text())
def test_any_text_is_a_rule_or_not_understood(line: str) -> None:
    try:
        assert isinstance(parse(line), Rule)
    except NotUnderstood:
        pass
