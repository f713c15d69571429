"""Answers made from templates: a regular expression for the name, records with its groups filled in."""

from __future__ import annotations

import re

import msgspec

from dns.corefile.blocks import Line
from dns.corefile.config import normalize_zones
from dns.handlers.request import Lifetime, Request, Response, Result, Serve, failed
from dns.handlers.site import Site, one_word, unknown_option
from dns.master import BadRecord, parse_record
from dns.wire import names, numbers
from dns.wire.records import Record

_PLACE = re.compile(r"\{\{\s*(.*?)\s*\}\}")
_GROUP = re.compile(r"\.Group\.(\w+)|index \.(?:Match|Group) \"?(\w+)\"?")


class Options(msgspec.Struct, frozen=True, kw_only=True):
    dns_class: int
    kind: int
    zones: tuple[str, ...]
    patterns: tuple[re.Pattern[str], ...]
    answer: tuple[str, ...] = ()
    authority: tuple[str, ...] = ()
    additional: tuple[str, ...] = ()
    rcode: int = numbers.NOERROR
    fall_through: tuple[str, ...] = ()
    ede: tuple[int, str] | None = None


def parse(lines: tuple[Line, ...], zones: tuple[str, ...]) -> tuple[Options, ...]:
    return tuple(_parse_line(line, zones) for line in lines)


def _parse_line(line: Line, zones: tuple[str, ...]) -> Options:
    if len(line.args) < 2:
        raise line.error("template takes a class and a type: template IN A")
    class_word, type_word = (word.upper() for word in line.words[:2])
    if class_word not in numbers.CLASSES:
        raise line.error(f"{line.words[0]!r} is no class such as IN or ANY")
    if type_word not in numbers.TYPES:
        raise line.error(f"{line.words[1]!r} is no record type such as A or ANY")
    own = [zone for token in line.args[2:] for zone in normalize_zones(token.text, token)]
    patterns: list[re.Pattern[str]] = []
    sections: dict[str, tuple[str, ...]] = {"answer": (), "authority": (), "additional": ()}
    settings: dict[str, object] = {}
    for option in line.body:
        match option.name.text:
            case "match":
                patterns += [_pattern(option, word) for word in option.words]
            case "answer" | "authority" | "additional" as which:
                for word in option.words:
                    _check(option, word)
                sections[which] = (*sections[which], *option.words)
            case "rcode":
                if one_word(option).upper() not in numbers.RCODES:
                    raise option.error(f"{option.words[0]!r} is no rcode such as NXDOMAIN")
                settings["rcode"] = numbers.RCODES[option.words[0].upper()]
            case "fallthrough":
                found = [zone for token in option.args for zone in normalize_zones(token.text, token)]
                settings["fall_through"] = tuple(found) or (".",)
            case "ederror":
                if not option.words or not option.words[0].isdigit():
                    raise option.error("ederror takes a number and, if wanted, a text")
                settings["ede"] = (int(option.words[0]), " ".join(option.words[1:]))
            case "upstream":
                continue
            case _:
                raise unknown_option("template", option)
    return Options(
        dns_class=numbers.CLASSES[class_word],
        kind=numbers.TYPES[type_word],
        zones=tuple(own) or zones,
        patterns=tuple(patterns) or (re.compile(".*"),),
        answer=sections["answer"],
        authority=sections["authority"],
        additional=sections["additional"],
        **settings,  # type: ignore[arg-type]
    )


def _pattern(line: Line, text: str) -> re.Pattern[str]:
    try:
        return re.compile(text)
    except re.error as problem:
        raise line.error(f"match: {text!r} is no expression: {problem}") from None


def _check(line: Line, text: str) -> None:
    """A template must at least name things that exist."""
    for place in _PLACE.findall(text):
        if place not in {
            ".Name",
            ".Zone",
            ".Class",
            ".Type",
            ".Question",
            ".Remote",
            ".Message.Id",
        } and not _GROUP.fullmatch(place):
            raise line.error(
                f"template: {{{{ {place} }}}} is not supported: use .Name, .Group.NAME or index .Match N"
            )


def build(options: tuple[Options, ...], site: Site, following: Serve) -> Serve:
    def serve(request: Request) -> Result:
        query = request.query
        for rule in options:
            zone = _zone(rule, query.lower)
            if not zone or not _fits(rule, query.dns_class, query.kind):
                continue
            found = next((hit for one in rule.patterns if (hit := one.search(query.lower))), None)
            if found is not None:
                return _answer(rule, request, found, zone)
            if not any(names.is_within(query.lower, one) for one in rule.fall_through):
                return Response(rcode=numbers.SERVFAIL, plugin="template", written=False)
        return following(request)

    return serve


def _zone(rule: Options, lower: str) -> str:
    return max((zone for zone in rule.zones if names.is_within(lower, zone)), key=len, default="")


def _fits(rule: Options, dns_class: int, kind: int) -> bool:
    return rule.dns_class in {dns_class, numbers.ANY_CLASS} and rule.kind in {kind, numbers.ANY}


def _answer(rule: Options, request: Request, found: re.Match[str], zone: str) -> Result:
    try:
        answer, authority, additional = (
            tuple(_record(text, request, found, zone) for text in section)
            for section in (rule.answer, rule.authority, rule.additional)
        )
    except BadRecord as problem:
        return failed("template", str(problem))
    if rule.rcode == numbers.SERVFAIL:
        return Response(rcode=numbers.SERVFAIL, plugin="template", written=False)
    texts = (*rule.answer, *rule.authority, *rule.additional)
    per_client = any(".Remote" in text or ".Message" in text for text in texts)
    return Response(
        rcode=rule.rcode,
        answer=answer,
        authority=authority,
        additional=additional,
        flags=numbers.AA,
        plugin="template",
        lifetime=None if per_client else Lifetime(),
        reason=rule.ede,
    )


def _record(text: str, request: Request, found: re.Match[str], zone: str) -> Record:
    query = request.query

    def value(place: re.Match[str]) -> str:
        word = place.group(1)
        match word:
            case ".Name":
                return query.name
            case ".Zone":
                return zone
            case ".Class":
                return numbers.class_name(query.dns_class)
            case ".Type":
                return numbers.type_name(query.kind)
            case ".Remote":
                return request.client
            case ".Message.Id":
                return str(query.packet_id)
        group = _GROUP.fullmatch(word)
        if group is None:
            return ""
        name = group.group(1) or group.group(2)
        try:
            return (found.group(int(name)) if name.isdigit() else found.group(name)) or ""
        except (IndexError, KeyError):
            return ""

    return parse_record(_PLACE.sub(value, text))
