"""The tracer against small tables whose meaning is plain."""

from linux.nft import constants as k
from linux.nft import expressions as x
from linux.nft import phrases as p
from linux.nft.trace import Probe, Trace, trace
from linux.nft.values import (
    Chain,
    Content,
    Element,
    Hook,
    Rule,
    Set,
    Table,
    named_map,
    named_set,
    verdict_map,
)

PROBE = Probe("10.0.0.1", "10.0.0.2", 6, 80)
_KEY = (p.IP.destination, p.L4_PROTOCOL, p.DESTINATION_PORT)
_KEY_BYTES = bytes((10, 0, 0, 2)) + b"\x06\0\0\0" + b"\0\x50\0\0"


def _rule(*words: tuple[x.Expression, ...]) -> Rule:
    return Rule(tuple(e for word in words for e in word))


def _table(
    *rules: Rule,
    hook: Hook | None = None,
    chains: tuple[Chain, ...] = (),
    sets: tuple[Set, ...] = (),
    elements: dict[str, list[Element]] | None = None,
) -> Content:
    first = Chain("first", hook or Hook("filter", k.HOOK_FORWARD, 0), rules)
    named = {name: {e.key: e for e in found} for name, found in (elements or {}).items()}
    return Content(Table(2, "t"), {c.name: c for c in (first, *chains)}, {s.name: s for s in sets}, named)


def _one(content: Content, probe: Probe = PROBE) -> Trace:
    (found,) = trace(content, probe)
    return found


def test_an_empty_table_accepts() -> None:
    assert _one(_table()).verdict == "accept"


def test_drop_reject_and_policy() -> None:
    assert _one(_table(Rule((x.DROP,)))).verdict == "drop"
    assert _one(_table(_rule(p.reject(2)))).verdict == "reject"
    assert _one(_table(hook=Hook("filter", k.HOOK_FORWARD, 0, k.VERDICT_DROP))).verdict == "drop"


def test_a_rule_that_does_not_match_is_passed_over() -> None:
    elsewhere = _rule(p.within(p.IP.destination, "10.1.0.0/16"), (x.DROP,))
    assert _one(_table(elsewhere)).verdict == "accept"
    assert _one(_table(_rule(p.within(p.IP.destination, "10.0.0.0/31"), (x.DROP,)))).verdict == "accept"
    assert _one(_table(_rule(p.within(p.IP.destination, "10.0.0.0/30"), (x.DROP,)))).verdict == "drop"
    assert _one(_table(_rule(p.outside(p.IP.source, "10.0.0.0/8"), (x.DROP,)))).verdict == "accept"


def test_jump_comes_back_and_goto_does_not() -> None:
    other = Chain("other", None, (Rule((x.Counter(),)),))
    assert _one(_table(Rule(p.call("other")), Rule((x.DROP,)), chains=(other,))).verdict == "drop"
    assert _one(_table(Rule(p.go("other")), Rule((x.DROP,)), chains=(other,))).verdict == "accept"
    back = Chain("other", None, (Rule((x.RETURN,)), Rule((x.DROP,))))
    assert _one(_table(Rule(p.call("other")), chains=(back,))).verdict == "accept"


def test_the_mark_is_kept_between_rules() -> None:
    marked = _table(_rule(p.mark_or(0x4000)), _rule(p.mark_has(0x4000), (x.DROP,)))
    assert _one(marked).verdict == "drop"
    cleared = _table(
        _rule(p.mark_or(0x4000)), _rule(p.mark_xor(0x4000)), _rule(p.mark_has(0x4000), (x.DROP,))
    )
    assert _one(cleared).verdict == "accept"


def test_a_verdict_map_is_carried_out() -> None:
    item = verdict_map("m", p.fields(*_KEY))
    rule = _rule(p.dispatch("m", *_KEY))
    assert _one(_table(rule, sets=(item,), elements={"m": [Element(_KEY_BYTES, x.DROP)]})).verdict == "drop"
    assert _one(_table(rule, sets=(item,), elements={"m": []})).verdict == "accept"


def test_ranges_are_looked_up_part_by_part() -> None:
    item = named_set("r", p.fields(*_KEY, p.IP.source), ranges=True)
    tail = bytes((10, 0, 0, 0)), bytes((10, 0, 0, 255))
    element = Element(_KEY_BYTES + tail[0], None, "", _KEY_BYTES + tail[1])
    rule = _rule(p.not_in_set("r", *_KEY, p.IP.source), (x.DROP,))
    content = _table(rule, sets=(item,), elements={"r": [element]})
    assert _one(content).verdict == "accept"
    assert _one(content, PROBE._replace(source="10.0.1.0")).verdict == "drop"


def test_every_random_number_is_followed() -> None:
    item = named_map(
        "e", (*p.fields(*_KEY), p.random_below(9).field), p.fields(p.IP.destination, p.DESTINATION_PORT)
    )
    elements = [
        Element(_KEY_BYTES + i.to_bytes(4, "little"), bytes((10, 9, 9, i)) + b"\x1f\x90\0\0")
        for i in range(3)
    ]
    rule = _rule(p.translate(2, "e", *_KEY, p.random_below(3)))
    found = trace(
        _table(rule, hook=Hook("nat", k.HOOK_PREROUTING, -100), sets=(item,), elements={"e": elements}), PROBE
    )
    assert sorted((t.destination, t.port, t.translated) for t in found) == [
        ("10.9.9.0", 8080, True),
        ("10.9.9.1", 8080, True),
        ("10.9.9.2", 8080, True),
    ]


def test_hooks_follow_where_the_packet_goes() -> None:
    rule = Rule((x.DROP,))
    into = _table(rule, hook=Hook("filter", k.HOOK_INPUT, 0))
    assert _one(into).verdict == "accept"
    assert _one(into, PROBE._replace(local_addresses=frozenset({"10.0.0.2"}))).verdict == "drop"
    out = _table(rule, hook=Hook("filter", k.HOOK_OUTPUT, 0))
    assert _one(out).verdict == "accept"
    assert _one(out, PROBE._replace(in_interface="")).verdict == "drop"
    after = _table(_rule(p.masquerade()), hook=Hook("nat", k.HOOK_POSTROUTING, 100))
    assert _one(after).masqueraded


def test_fib_and_interfaces() -> None:
    local = _table(_rule(p.is_local(k.FIB_SADDR), (x.DROP,)))
    assert _one(local).verdict == "accept"
    assert _one(local, PROBE._replace(local_addresses=frozenset({"10.0.0.1"}))).verdict == "drop"
    named = _table(_rule(p.interface_is(k.META_IIFNAME, "eth0"), (x.DROP,)))
    assert _one(named).verdict == "drop"
    begins = _table(_rule(p.interface_begins_not(k.META_IIFNAME, "eth"), (x.DROP,)))
    assert _one(begins).verdict == "accept"
    kind = _table(_rule(p.interface_is(k.META_IIFKIND, "bridge"), (x.DROP,)))
    assert _one(kind).verdict == "accept"
    assert _one(kind, PROBE._replace(in_kind="bridge")).verdict == "drop"


def test_what_would_be_remembered_is_told() -> None:
    item = named_map("a", p.fields(p.IP.source), p.fields(p.IP.destination, p.DESTINATION_PORT), dynamic=True)
    rule = Rule(p.remember("a", p.IP.original_source, (p.IP.destination, p.DESTINATION_PORT), 1000))
    assert _one(_table(rule, sets=(item,))).remembered == (
        ("a", bytes((10, 0, 0, 1)), bytes((10, 0, 0, 2)) + b"\0\x50\0\0"),
    )
