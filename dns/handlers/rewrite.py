"""Changes questions on their way in, and answers on their way back, by rules."""

from __future__ import annotations

import msgspec
from msgspec.structs import replace

from dns.corefile.blocks import Line
from dns.handlers import rewrite_edns
from dns.handlers.request import Request, Response, Result, Serve, failed, once, then
from dns.handlers.rewrite_edns import EdnsRule, Undo
from dns.handlers.rewrite_rules import (
    AnswerRule,
    BadRule,
    FieldRule,
    NameRule,
    Rule,
    change_answer,
    make_rule,
    rewritten_name,
)
from dns.handlers.site import Site
from dns.wire import names
from dns.wire.query import Query


def parse(lines: tuple[Line, ...], zones: tuple[str, ...]) -> tuple[Rule, ...]:
    return tuple(rule for line in lines for rule in _rules(line))


def _rules(line: Line) -> list[Rule]:
    """The rule of a line; a block's `answer` lines belong to the `name` line above them."""
    words = list(line.words)
    if not line.has_body:
        return [_make(line, words)]
    whole: list[tuple[Line, list[str]]] = []
    for option in line.body:
        own = [option.name.text, *option.words]
        if option.name.text == "answer" and whole:
            whole[-1][1].extend(own)
        else:
            whole.append((option, [*words, *own]))
    return [_make(option, own) for option, own in whole]


def _make(line: Line, words: list[str]) -> Rule:
    try:
        return make_rule(words)
    except BadRule as problem:
        raise line.error(f"plugin/rewrite: {problem}") from None


class Change(msgspec.Struct, frozen=True):
    """What the rules made of a question, and what they want done to its answer, last rule first."""

    query: Query
    answers: tuple[AnswerRule, ...] = ()
    matched: bool = False
    options: tuple[Undo, ...] | None = None  # None where no rule is about options


def apply_rules(rules: tuple[Rule, ...], request: Request) -> Change:
    """Raises BadName when a rule makes a name that cannot be."""
    query, matched = request.query, False
    answers: tuple[AnswerRule, ...] = ()
    options: tuple[Undo, ...] | None = None
    for rule in rules:
        if isinstance(rule, EdnsRule):
            query, undo, fits = rewrite_edns.apply_rule(rule, query, request)
            options = (*undo, *(options or ()))
        else:
            changed = _apply(rule, query)
            fits = changed is not None
            if changed is not None:
                query, more = changed
                answers = (*more, *answers)
        matched = matched or fits
        if fits and not rule.go_on:
            break
    return Change(query, answers, matched, options)


def _apply(rule: NameRule | FieldRule, query: Query) -> tuple[Query, tuple[AnswerRule, ...]] | None:
    if isinstance(rule, NameRule):
        return _apply_name(rule, query)
    if rule.field == "type":
        if query.kind != rule.number_from:
            return None
        return replace(query, kind=rule.number_to, question=b""), ()
    if rule.field == "class":
        if query.dns_class != rule.number_from:
            return None
        return replace(query, dns_class=rule.number_to, question=b""), ()
    if rule.field == "cname":
        return query, rule.answers
    return (query, rule.answers) if rewritten_name(rule, query.lower) is not None else None


def _apply_name(rule: NameRule, query: Query) -> tuple[Query, tuple[AnswerRule, ...]] | None:
    new = rewritten_name(rule, query.lower)
    if new is None:
        return None
    names.encode(new)
    answers = rule.answers
    if rule.auto:
        back = AnswerRule("remap", new, query.lower)
        answers = (back, *answers)
    return replace(query, name=new, lower=new.lower(), question=b""), answers


def build(rules: tuple[Rule, ...], site: Site, following: Serve) -> Serve:
    site.any_class = site.any_class or any(getattr(rule, "field", "") == "class" for rule in rules)
    codes = frozenset(rule.code for rule in rules if isinstance(rule, EdnsRule))

    def serve(request: Request) -> Result:
        try:
            change = apply_rules(rules, request)
        except names.BadName as problem:
            return failed("rewrite", f"invalid name after rewrite: {problem}")
        if not change.matched and change.options is None:
            return following(request)

        def back(response: Response) -> Response:
            for rule in change.answers:
                response = change_answer(rule, response)
            if change.options is None:
                return response
            return once(rewrite_edns.undone(response, change.query.edns, codes, change.options))

        return then(following(replace(request, query=change.query)), back)

    return serve
