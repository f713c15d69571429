"""Writes a line for each query."""

from __future__ import annotations

import re
import time

import msgspec

from dns.corefile.blocks import Line
from dns.corefile.config import normalize_zones
from dns.handlers.request import Request, Response, Result, Serve, observed, once, then
from dns.handlers.site import Site, unknown_option
from dns.wire import names, numbers

COMMON = '{remote}:{port} - {>id} "{type} {class} {name} {proto} {size} {>do} {>bufsize}" {rcode} {>rflags} {rsize} {duration}'
COMBINED = COMMON + ' "{>opcode}"'
CLASSES = ("success", "denial", "error", "all")
_PLACE = re.compile(r"\{[^{}]*\}")
_NAMED_FORMATS = {"{common}": COMMON, "{combined}": COMBINED}


class Rule(msgspec.Struct, frozen=True):
    zone: str
    form: str
    classes: frozenset[str] = frozenset(("all",))


def parse(lines: tuple[Line, ...], zones: tuple[str, ...]) -> tuple[Rule, ...]:
    rules: list[Rule] = []
    for line in lines:
        words = list(line.args)
        form = COMMON
        if words and "{" in words[-1].text:
            text = words.pop().text
            form = _NAMED_FORMATS.get(text, text)
        own = [zone for token in words for zone in normalize_zones(token.text, token)] or ["."]
        classes: set[str] = set()
        for option in line.body:
            if option.name.text != "class":
                raise unknown_option("log", option)
            if not option.args:
                raise option.error(f"class needs at least one of {', '.join(CLASSES)}")
            for word in option.words:
                if word not in CLASSES:
                    raise option.error(f"class is one of {', '.join(CLASSES)}, found {word!r}")
                classes.add(word)
        rules += [Rule(zone, form, frozenset(classes or {"all"})) for zone in own]
    return tuple(rules)


def response_class(response: Response) -> str:
    if response.rcode == numbers.NOERROR:
        return "success" if response.answer else "denial"
    if response.rcode == numbers.NXDOMAIN:
        return "denial"
    return "error"


def build(rules: tuple[Rule, ...], site: Site, following: Serve) -> Serve:
    log = site.world.log

    def rule_for(request: Request) -> Rule | None:
        return next((rule for rule in rules if names.is_within(request.query.lower, rule.zone)), None)

    def serve(request: Request) -> Result:
        rule = rule_for(request)
        if rule is None or request.depth:
            return following(request)

        def note(response: Response) -> Response:
            if not rule.classes & {"all", response_class(response)}:
                return once(response)

            def observe(times: int, size_bytes: int, took_s: float) -> None:
                log("info", line_of(rule.form, request, response, size_bytes, took_s))

            # Each query has its own line: nothing is answered from memory here.
            return once(observed(response, observe))

        return then(following(request), note)

    return serve


def line_of(form: str, request: Request, response: Response, size_bytes: int, took_s: float) -> str:
    """The line for one query; places without a value show `-`."""
    values = _values(request, response, size_bytes, took_s)
    return _PLACE.sub(lambda found: values.get(found.group(0)[1:-1]) or "-", form)


def _values(request: Request, response: Response, size_bytes: int, took_s: float) -> dict[str, str]:
    query = request.query
    edns = query.edns
    client = f"[{request.client}]" if ":" in request.client else request.client
    flags = numbers.QR | response.flags | (query.flags & (numbers.RD | numbers.CD))
    return {
        "remote": client,
        "local": request.local,
        "port": str(request.client_port),
        ">id": str(query.packet_id),
        ">opcode": str(query.opcode),
        "type": numbers.type_name(query.kind),
        "class": numbers.class_name(query.dns_class),
        "name": query.name,
        "proto": "udp" if request.proto == "udp" else "tcp",
        "size": str(len(query.question) + 12 + (11 if edns is not None else 0)),
        ">do": "true" if query.dnssec_ok else "false",
        ">bufsize": str(65_535 if request.proto != "udp" else max(512, edns.size_bytes) if edns else 512),
        "rcode": numbers.rcode_name(response.rcode),
        "rsize": str(size_bytes),
        ">rflags": ",".join(name for bit, name in _FLAGS if flags & bit),
        "duration": f"{took_s:.9f}s".replace("000s", "s"),
        "when": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "combined": "",
        "common": "",
    }


_FLAGS = (
    (numbers.QR, "qr"),
    (numbers.AA, "aa"),
    (numbers.TC, "tc"),
    (numbers.RD, "rd"),
    (numbers.RA, "ra"),
    (numbers.AD, "ad"),
    (numbers.CD, "cd"),
)
