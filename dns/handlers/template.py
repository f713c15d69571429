"""Answers made from templates: a regular expression for the name, records with its groups filled in."""

from __future__ import annotations

import re

import msgspec
from msgspec.structs import replace

from dns.corefile.blocks import Line
from dns.corefile.config import normalize_zones
from dns.handlers.request import (
    Lifetime,
    Request,
    Response,
    Result,
    Serve,
    failed,
    join,
    observed,
    then,
)
from dns.handlers.site import Site, expression, one_word, unknown_option
from dns.templates.parse import Tree
from dns.templates.parse import parse as parse_template
from dns.templates.run import FUNCTIONS, Fixed, run
from dns.templates.tokens import TemplateError
from dns.wire import names, numbers
from dns.wire.records import Record, target_of
from dns.zonefile.master import BadRecord, parse_record

_SECTIONS = ("answer", "authority", "additional")
_ADDRESSES = frozenset((numbers.A, numbers.AAAA))
# What a template may show of one client or one query: such answers are made anew each time.
_PERSONAL = (".Remote", ".Message", ".Meta", "$")


class Piece(msgspec.Struct, frozen=True):
    """One record's template."""

    text: str
    tree: Tree


class Options(msgspec.Struct, frozen=True, kw_only=True):
    dns_class: int
    kind: int
    zones: tuple[str, ...]
    patterns: tuple[re.Pattern[str], ...]
    answer: tuple[Piece, ...] = ()
    authority: tuple[Piece, ...] = ()
    additional: tuple[Piece, ...] = ()
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
    sections: dict[str, tuple[Piece, ...]] = dict.fromkeys(_SECTIONS, ())
    settings: dict[str, object] = {}
    for option in line.body:
        match option.name.text:
            case "match":
                patterns += [expression(option, word) for word in option.words]
            case "answer" | "authority" | "additional" as which:
                if not option.args:
                    raise option.error(f'{which} needs a record such as "{{{{ .Name }}}} 60 IN A 192.0.2.1"')
                sections[which] = (*sections[which], *(_piece(option, word) for word in option.words))
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


def _piece(line: Line, text: str) -> Piece:
    try:
        return Piece(text, parse_template(text, FUNCTIONS))
    except TemplateError as problem:
        raise line.error(f"template: {problem}") from None


def build(options: tuple[Options, ...], site: Site, following: Serve) -> Serve:
    return Template(options, site, following).serve


class Template:
    def __init__(self, options: tuple[Options, ...], site: Site, following: Serve) -> None:
        self._options = options
        self._following = following
        self._resolve = site.world.resolve
        registry = site.world.registry
        labels = ("server", "zone", "view", "class", "type")
        self._matches = registry.counter(
            "coredns_template_matches_total", "Counter of template regex matches.", *labels
        )
        self._failures, self._bad_records = (
            registry.counter(f"coredns_template_{name}_total", text, *labels, "section", "template")
            for name, text in (
                ("template_failures", "Counter of go template failures."),
                ("rr_failures", "Counter of mis-templated RRs."),
            )
        )

    def serve(self, request: Request) -> Result:
        query = request.query
        for rule in self._options:
            zone = _zone(rule, query.lower)
            if not zone or not _fits(rule, query.dns_class, query.kind):
                continue
            for pattern in rule.patterns:
                found = pattern.search(query.lower)
                if found is not None:
                    return self._answer(rule, request, found, zone)
            if not any(names.is_within(query.lower, one) for one in rule.fall_through):
                return Response(rcode=numbers.SERVFAIL, plugin="template", written=False)
        return self._following(request)

    def _answer(self, rule: Options, request: Request, found: re.Match[str], zone: str) -> Result:
        data = values_of(rule, request, found, zone)
        labels = request.server, zone, "", str(data["Class"]), str(data["Type"])

        def count(times: int, size_bytes: int, took_s: float) -> None:
            self._matches.add(times, *labels)

        if rule.rcode == numbers.SERVFAIL:
            return observed(Response(rcode=numbers.SERVFAIL, plugin="template", written=False), count)
        sections: dict[str, tuple[Record, ...]] = {}
        for section, pieces in zip(_SECTIONS, (rule.answer, rule.authority, rule.additional), strict=True):
            made = []
            for piece in pieces:
                try:
                    made.append(parse_record(run(piece.tree, data)))
                except (TemplateError, BadRecord) as problem:
                    failures = self._failures if isinstance(problem, TemplateError) else self._bad_records
                    failures.add(1, *labels, section, piece.text)
                    return observed(failed("template", str(problem)), count)
            sections[section] = tuple(made)
        texts = (piece.text for piece in (*rule.answer, *rule.authority, *rule.additional))
        per_client = any(word in text for text in texts for word in _PERSONAL)
        response = Response(
            rcode=rule.rcode,
            flags=numbers.AA,
            plugin="template",
            lifetime=None if per_client else Lifetime(),
            reason=rule.ede,
            answer=sections["answer"],
            authority=sections["authority"],
            additional=sections["additional"],
        )
        return then(self._followed(request, response, response.answer), lambda one: observed(one, count))

    def _followed(self, request: Request, response: Response, left: tuple[Record, ...]) -> Result:
        """Behind an alias stands what the server itself knows of its target."""
        place = next((place for place, one in enumerate(left) if one.kind == numbers.CNAME), None)
        if place is None or request.query.kind not in _ADDRESSES:
            return response
        target = target_of(left[place])
        inner = replace(request.query, name=target, lower=target.lower(), question=b"")

        def follow(found: Response) -> Result:
            alias = response.answer.index(left[place])
            more = found.answer if found.rcode == numbers.NOERROR else ()
            whole = replace(
                response,
                answer=(*response.answer[: alias + 1], *more, *response.answer[alias + 1 :]),
                flags=response.flags | found.flags & numbers.TC,
                lifetime=join(response.lifetime, found.lifetime),
            )
            return self._followed(request, whole, left[place + 1 :])

        return then(self._resolve(replace(request, query=inner, depth=request.depth + 1)), follow)


def _zone(rule: Options, lower: str) -> str:
    return max((zone for zone in rule.zones if names.is_within(lower, zone)), key=len, default="")


def _fits(rule: Options, dns_class: int, kind: int) -> bool:
    """ANY on either side fits everything."""
    any_class, any_kind = numbers.ANY_CLASS, numbers.ANY
    return (rule.dns_class == dns_class or any_class in {rule.dns_class, dns_class}) and (
        rule.kind == kind or any_kind in {rule.kind, kind}
    )


def _no_metadata(_name: object) -> str:
    """As in CoreDNS without its plugin metadata."""
    return ""


def values_of(rule: Options, request: Request, found: re.Match[str], zone: str) -> Fixed:
    """What a template can show, under CoreDNS's names."""
    query = request.query
    dns_class = rule.dns_class if query.dns_class == numbers.ANY_CLASS else query.dns_class
    kind = rule.kind if query.kind == numbers.ANY else query.kind
    matches = [found.group(0), *(one or "" for one in found.groups())]
    groups = {str(place): text for place, text in enumerate(matches)}
    groups |= {name: text or "" for name, text in found.groupdict().items()}
    question = Fixed(Name=query.name, Qtype=query.kind, Qclass=query.dns_class)
    flags = query.flags
    message = Fixed(
        Id=query.packet_id,
        Response=False,
        Opcode=query.opcode,
        Authoritative=bool(flags & numbers.AA),
        Truncated=bool(flags & numbers.TC),
        RecursionDesired=bool(flags & numbers.RD),
        RecursionAvailable=bool(flags & numbers.RA),
        AuthenticatedData=bool(flags & numbers.AD),
        CheckingDisabled=query.checking_disabled,
        Question=[question],
    )
    return Fixed(
        Zone=zone,
        Name=query.lower,
        Regex=found.re.pattern,
        Match=matches,
        Group=groups,
        Class=numbers.class_name(dns_class),
        Type=numbers.type_name(kind),
        Message=message,
        Question=question,
        Remote=request.client,
        Meta=_no_metadata,
    )
