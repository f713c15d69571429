"""Changes questions on their way in, and answers on their way back, by rules."""

from __future__ import annotations

import re

import msgspec
from msgspec.structs import replace

from dns.corefile.blocks import Line
from dns.handlers.request import Request, Response, Result, Serve, failed, once, then
from dns.handlers.rewrite_rules import (
    AnswerRule,
    BadRule,
    EdnsRule,
    NameRule,
    Rule,
    change_answer,
    make_rule,
    rewritten_name,
)
from dns.handlers.site import Site
from dns.wire import names, numbers
from dns.wire.query import Edns, Query

_VARIABLE = re.compile(r"\{(qname|qtype|client_ip|client_port|protocol|server_ip|server_port)\}")


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
    per_client: bool = False


def apply_rules(rules: tuple[Rule, ...], request: Request) -> Change:
    """Raises BadName when a rule makes a name that cannot be."""
    query, answers, matched, per_client = request.query, (), False, False
    found: tuple[AnswerRule, ...] = answers
    for rule in rules:
        changed = _apply(rule, query, request)
        if changed is None:
            continue
        matched = True
        query, more = changed
        found = (*more, *found)
        per_client = per_client or isinstance(rule, EdnsRule)
        if not rule.go_on:
            break
    return Change(query, found, matched, per_client)


def _apply(rule: Rule, query: Query, request: Request) -> tuple[Query, tuple[AnswerRule, ...]] | None:
    match rule:
        case NameRule():
            return _apply_name(rule, query)
        case EdnsRule():
            return replace(query, edns=_with_option(rule, query.edns, request), repeatable=False), ()
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


def _with_option(rule: EdnsRule, edns: Edns | None, request: Request) -> Edns | None:
    """The OPT record with the rule's option set, appended, replaced or removed."""
    options = edns.options if edns is not None else ()
    has = any(code == rule.code for code, _ in options)
    if rule.action == "unset":
        rest = tuple(option for option in options if option[0] != rule.code)
        return replace(edns, options=rest) if edns is not None else None
    if (rule.action == "append" and has) or (rule.action == "replace" and not has):
        return edns
    value = _option_value(rule, request)
    rest = tuple(option for option in options if option[0] != rule.code)
    if edns is None:
        return Edns(4096, options=((rule.code, value),))
    return replace(edns, options=(*rest, (rule.code, value)))


def _option_value(rule: EdnsRule, request: Request) -> bytes:
    if rule.code == numbers.CLIENT_SUBNET:
        return _subnet(rule, request.client)
    found = _VARIABLE.fullmatch(rule.text)
    if found is None:
        return bytes.fromhex(rule.text[2:]) if rule.text.startswith("0x") else rule.text.encode()
    query = request.query
    values = {
        "qname": query.name.encode(),
        "qtype": query.kind.to_bytes(2, "big"),
        "client_ip": _packed(request.client),
        "client_port": request.client_port.to_bytes(2, "big"),
        "protocol": request.proto.encode(),
        "server_ip": _packed(request.local or "127.0.0.1"),
        "server_port": int(request.server.rpartition(":")[2] or 53).to_bytes(2, "big"),
    }
    return values[found.group(1)]


def _packed(ip: str) -> bytes:
    from ipaddress import ip_address

    return ip_address(ip.partition("%")[0]).packed


def _subnet(rule: EdnsRule, client: str) -> bytes:
    """RFC 7871: family, source prefix, scope 0, address cut to the prefix."""
    from ipaddress import ip_network

    bits = rule.prefix_v6 if ":" in client else rule.prefix_v4
    network = ip_network(f"{client}/{bits}", strict=False)
    head = (2 if network.version == 6 else 1).to_bytes(2, "big") + bytes((bits, 0))
    return head + network.network_address.packed[: (bits + 7) // 8]


def build(rules: tuple[Rule, ...], site: Site, following: Serve) -> Serve:
    site.any_class = site.any_class or any(getattr(rule, "field", "") == "class" for rule in rules)

    def serve(request: Request) -> Result:
        try:
            change = apply_rules(rules, request)
        except names.BadName as problem:
            return failed("rewrite", f"invalid name after rewrite: {problem}")
        if not change.matched:
            return following(request)

        def back(response: Response) -> Response:
            for rule in change.answers:
                response = change_answer(rule, response)
            return once(response) if change.per_client else response

        return then(following(replace(request, query=change.query)), back)

    return serve
