"""The rules of `rewrite`, as values, and what they do to names and answers. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TypeAlias

import msgspec
from msgspec.structs import replace

from dns.handlers import rewrite_edns
from dns.handlers.request import Response
from dns.handlers.rewrite_edns import EdnsRule
from dns.wire import names, numbers
from dns.wire.records import Named, Record

MATCHES = ("exact", "prefix", "suffix", "substring", "regex")
MAX_REGEX_CHARS = 10_000


class BadRule(ValueError):
    """Words that make no rule."""


class AnswerRule(msgspec.Struct, frozen=True):
    """`what`: name, value, remap, suffix (both names and values), ttl, rcode, cname."""

    what: str
    old: str = ""
    new: str = ""
    low: int = 0
    high: int = 0
    pattern: re.Pattern[str] | None = None


class NameRule(msgspec.Struct, frozen=True):
    go_on: bool
    match: str
    old: str
    new: str
    auto: bool = False
    answers: tuple[AnswerRule, ...] = ()
    pattern: re.Pattern[str] | None = None


class FieldRule(msgspec.Struct, frozen=True):
    """Type and class of the question; TTL, rcode and CNAME of the answer to names that match."""

    go_on: bool
    field: str
    number_from: int = 0
    number_to: int = 0
    match: str = "exact"
    old: str = ""
    answers: tuple[AnswerRule, ...] = ()
    pattern: re.Pattern[str] | None = None
    new: str = ""


Rule: TypeAlias = NameRule | FieldRule | EdnsRule


def make_rule(words: list[str]) -> Rule:
    """The rule that `rewrite` words say. Raises BadRule."""
    go_on = False
    rest = list(words)
    if rest and rest[0].lower() in {"continue", "stop"}:
        go_on = rest.pop(0).lower() == "continue"
    if not rest:
        raise BadRule("a rule begins with name, type, class, ttl, rcode, cname or edns0")
    field = rest.pop(0).lower()
    match field:
        case "name":
            return _name_rule(go_on, rest)
        case "type" | "class":
            return _number_rule(go_on, field, rest)
        case "ttl":
            return _ttl_rule(go_on, rest)
        case "rcode":
            return _rcode_rule(go_on, rest)
        case "cname":
            return _cname_rule(go_on, rest)
        case "edns0":
            return _edns_rule(go_on, rest)
        case "answer":
            raise BadRule("answer must follow a name rule")
        case other:
            raise BadRule(f"{other!r} is none of name, type, class, ttl, rcode, cname, edns0")


def _edns_rule(go_on: bool, rest: list[str]) -> EdnsRule:
    try:
        return rewrite_edns.make_rule(go_on, rest)
    except rewrite_edns.BadEdnsRule as problem:
        raise BadRule(str(problem)) from None


def _pattern(text: str, replacement: str = "") -> re.Pattern[str]:
    if len(text) > MAX_REGEX_CHARS:
        raise BadRule(f"the expression is longer than {MAX_REGEX_CHARS} characters")
    try:
        found = re.compile(text)
    except re.error as problem:
        raise BadRule(f"{text!r} is no expression: {problem}") from None
    wanted = [int(digits) for digits in re.findall(r"\{(\d+)\}", replacement)]
    if wanted and max(wanted) > found.groups:
        raise BadRule(f"{replacement!r} uses group {max(wanted)}, {text!r} has {found.groups}")
    return found


def _matching(rest: list[str], count: int) -> tuple[str, list[str]]:
    """The kind of match (exact where none is named) and the words behind it, at least `count`."""
    match = "exact"
    if len(rest) > count and rest[0].lower() in MATCHES:
        match = rest.pop(0).lower()
    if len(rest) < count:
        raise BadRule("too few words")
    return match, rest


def _dotted(match: str, text: str) -> str:
    lower = text.lower()
    return names.absolute(lower) if match in {"exact", "suffix"} else lower


def _name_rule(go_on: bool, rest: list[str]) -> NameRule:
    match, words = _matching(rest, 2)
    if len(words) > 2 and words[0].lower() not in MATCHES and words[2].lower() != "answer":
        raise BadRule(f"{words[2]!r} is not understood behind FROM and TO")
    old, new = words[0], words[1]
    if len(words) == 3:
        raise BadRule(f"{words[2]!r} is not enough behind FROM and TO")
    answers, auto = _answer_rules(words[2:])
    if match == "regex":
        new = names.absolute(new.lower())
        return NameRule(go_on, match, old, new, auto, answers, _pattern(old, new))
    old, new = _dotted(match, old), _dotted(match, new)
    if match == "suffix" and auto:
        return NameRule(go_on, match, old, new, False, (AnswerRule("suffix", new, old), *answers))
    return NameRule(go_on, match, old, new, auto or match == "exact", answers)


def _answer_rules(words: list[str]) -> tuple[tuple[AnswerRule, ...], bool]:
    """`answer (auto | name FROM TO | value FROM TO)…`."""
    found: list[AnswerRule] = []
    auto = False
    rest = [word for word in words if word.lower() != "answer"]
    while rest:
        what = rest.pop(0).lower()
        if what == "auto":
            auto = True
            continue
        if what not in {"name", "value"}:
            raise BadRule(f"answer takes auto, name or value, found {what!r}")
        if rest[:1] == ["auto"]:
            rest.pop(0)
            auto = True
            continue
        if len(rest) < 2:
            raise BadRule(f"answer {what} needs an expression and what takes its place")
        old, new = rest.pop(0), rest.pop(0)
        found.append(AnswerRule(what, old, names.absolute(new), pattern=_pattern(old, new)))
    if auto and any(rule.what == "name" for rule in found):
        raise BadRule("answer auto and answer name exclude each other")
    return tuple(found), auto


def _number_rule(go_on: bool, field: str, rest: list[str]) -> FieldRule:
    if len(rest) != 2:
        raise BadRule(f"{field} takes two words: from and to")
    table = numbers.TYPES if field == "type" else numbers.CLASSES
    for word in rest:
        if word.upper() not in table:
            raise BadRule(f"{word!r} is no record {field}")
    return FieldRule(go_on, field, table[rest[0].upper()], table[rest[1].upper()])


def _ttl_rule(go_on: bool, rest: list[str]) -> FieldRule:
    match, words = _matching(rest, 2)
    low, dash, high = words[1].partition("-")
    if len(words) > 2:
        raise BadRule(f"{words[2]!r} is one word too many")
    if not (low or high) or not (low + high).isdigit() or max(int(low or 0), int(high or 0)) >= 1 << 32:
        raise BadRule(f"{words[1]!r} is neither seconds nor a range such as 30-300")
    least = int(low or 0)
    most = int(high) if high else (2**31 - 1 if dash else least)
    if least > most:
        raise BadRule(f"the range {words[1]} is empty")
    answers = (AnswerRule("ttl", low=least, high=most),)
    return _field(go_on, "ttl", match, words[0], answers)


def _rcode_rule(go_on: bool, rest: list[str]) -> FieldRule:
    match, words = _matching(rest, 3)
    if len(words) > 3:
        raise BadRule(f"{words[3]!r} is one word too many")
    codes = []
    for word in words[1:3]:
        if word.isdigit():
            codes.append(int(word))
        elif word.upper() in numbers.RCODES:
            codes.append(numbers.RCODES[word.upper()])
        else:
            raise BadRule(f"{word!r} is no rcode")
    return _field(go_on, "rcode", match, words[0], (AnswerRule("rcode", low=codes[0], high=codes[1]),))


def _field(go_on: bool, field: str, match: str, old: str, answers: tuple[AnswerRule, ...]) -> FieldRule:
    pattern = _pattern(old) if match == "regex" else None
    text = old if match == "regex" else _dotted(match, old)
    return FieldRule(go_on, field, match=match, old=text, answers=answers, pattern=pattern)


def _cname_rule(go_on: bool, rest: list[str]) -> FieldRule:
    match, words = _matching(rest, 2)
    new = names.absolute(words[1].lower()) if match in {"exact", "suffix", "regex"} else words[1].lower()
    pattern = _pattern(words[0], new) if match == "regex" else None
    old = words[0] if match == "regex" else _dotted(match, words[0])
    return FieldRule(go_on, "cname", answers=(AnswerRule(f"cname-{match}", old, new, pattern=pattern),))


def rewritten_name(rule: NameRule | FieldRule, lower: str) -> str | None:
    """The name the rule makes of a lower-case one; None when the rule does not fit."""
    match rule.match:
        case "exact":
            return rule.new if lower == rule.old else None
        case "prefix":
            return rule.new + lower[len(rule.old) :] if lower.startswith(rule.old) else None
        case "suffix":
            return lower[: -len(rule.old)] + rule.new if lower.endswith(rule.old) else None
        case "substring":
            return lower.replace(rule.old, rule.new) if rule.old in lower else None
    return _substituted(rule.pattern, rule.new, lower)


def _substituted(pattern: re.Pattern[str] | None, new: str, text: str) -> str | None:
    found = pattern.search(text) if pattern is not None else None
    if found is None:
        return None
    result = new.replace("{0}", found.group(0))
    for index, group in enumerate(found.groups(""), 1):
        result = result.replace(f"{{{index}}}", group)
    return result


def change_answer(rule: AnswerRule, response: Response) -> Response:
    """The answer after one rule."""
    if rule.what == "rcode":
        return replace(response, rcode=rule.high) if response.rcode == rule.low else response
    sections = (response.answer, response.authority, response.additional)
    answer, authority, additional = (
        tuple(_change_record(rule, record) for record in section) for section in sections
    )
    return replace(response, answer=answer, authority=authority, additional=additional)


def _change_record(rule: AnswerRule, record: Record) -> Record:
    match rule.what:
        case "ttl":
            return replace(record, ttl=min(max(record.ttl, rule.low), rule.high))
        case "name":
            return replace(record, name=_substituted(rule.pattern, rule.new, record.name) or record.name)
        case "value":
            return _with_names(record, lambda name: _substituted(rule.pattern, rule.new, name) or name)
        case "remap":
            changed = _with_names(record, lambda name: _remapped(rule, name))
            return replace(changed, name=_remapped(rule, record.name))
        case "suffix":
            changed = _with_names(record, lambda name: _suffixed(rule, name))
            return replace(changed, name=_suffixed(rule, record.name))
    if record.kind != numbers.CNAME:
        return record
    match = rule.what.removeprefix("cname-")
    target = NameRule(False, match, rule.old, rule.new, pattern=rule.pattern)
    return _with_names(record, lambda name: rewritten_name(target, name.lower()) or name)


def _with_names(record: Record, change: Callable[[str], str]) -> Record:
    data = record.data
    if not isinstance(data, Named):
        return record
    return replace(record, data=replace(data, names=tuple(change(name) for name in data.names)))


def _remapped(rule: AnswerRule, name: str) -> str:
    """The rewritten name back to the asked one, also as the end of a longer name."""
    lower = name.lower()
    if lower == rule.old:
        return rule.new
    if lower.endswith("." + rule.old):
        return name[: len(name) - len(rule.old)] + rule.new
    return name


def _suffixed(rule: AnswerRule, name: str) -> str:
    return name[: len(name) - len(rule.old)] + rule.new if name.lower().endswith(rule.old) else name
