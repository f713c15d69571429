"""The options of `forward`."""

from __future__ import annotations

import msgspec

from dns.corefile.blocks import Line
from dns.corefile.config import normalize_zones
from dns.handlers.site import duration_s, no_args, one_word, unknown_option, whole_number
from dns.upstream.targets import BadTarget, Target, is_address, parse_target
from dns.wire import numbers

# Limits and details of CoreDNS's sockets that ours have no use for.
_IGNORED = frozenset(("dnstap",))
POLICIES = ("random", "round_robin", "sequential")


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """One forward line. `places` are addresses and resolv.conf files in order."""

    zone: str
    places: tuple[str, ...]
    line: Line
    exceptions: tuple[str, ...] = ()
    policy: str = "random"
    max_fails: int = 2
    expire_s: float = 10.0
    read_timeout_s: float = 2.0
    max_concurrent: int = 0
    force_tcp: bool = False
    prefer_udp: bool = False
    fail_fast: bool = False
    tls: tuple[str, ...] | None = None
    tls_server_name: str = ""
    health_check_s: float = 0.5
    health_check_rd: bool = True
    health_check_name: str = "."
    failover_rcodes: tuple[int, ...] = ()
    next_rcodes: tuple[int, ...] = ()
    next_on_nodata: bool = False
    max_connect_attempts: int | None = None
    source_address: str = ""
    max_age_s: float = 0.0  # 0: a connection lives as long as it is used
    max_idle_count: int = 0  # 0: any number
    doh_method: str = "POST"
    resolvers: tuple[Target, ...] = ()  # who is asked for the addresses of servers given by name


def parse(lines: tuple[Line, ...], zones: tuple[str, ...]) -> tuple[Options, ...]:
    return tuple(_parse_line(line) for line in lines)


def _parse_line(line: Line) -> Options:
    if len(line.args) < 2:
        raise line.error("forward takes a zone and the servers to ask: forward . 10.0.0.1")
    settings: dict[str, object] = {}
    for option in line.body:
        if option.name.text in _IGNORED:
            continue
        if option.name.text == "health_check":
            settings |= _health_check(option)
            continue
        name, value = _option(option)
        settings[name] = (*_old(settings, name), *value) if isinstance(value, tuple) else value
    if 0 < settings.get("max_age_s", 0.0) < settings.get("expire_s", 10.0):  # type: ignore[operator]
        raise line.error("plugin/forward: max_age must not be below expire")
    for token in line.args[1:]:
        if token.text.startswith(("/", ".")):
            continue
        try:
            target = parse_target(token.text)
        except BadTarget as problem:
            raise line.error(f"plugin/forward: {problem}") from None
        if target.server_name and settings.get("tls_server_name"):
            raise line.error("plugin/forward: name the server behind % or with tls_servername, not both")
    zone = normalize_zones(line.args[0].text, line.args[0])[0]
    return Options(zone=zone, places=line.words[1:], line=line, **settings)  # type: ignore[arg-type]


def _old(settings: dict[str, object], name: str) -> tuple[object, ...]:
    old = settings.get(name, ())
    return old if isinstance(old, tuple) else ()


def _option(line: Line) -> tuple[str, object]:
    words = line.words
    match line.name.text:
        case "except":
            if not words:
                raise line.error("except needs at least one zone")
            return "exceptions", tuple(
                zone for token in line.args for zone in normalize_zones(token.text, token)
            )
        case "policy":
            if one_word(line) not in POLICIES:
                raise line.error(f"policy is one of {', '.join(POLICIES)}, found {words[0]!r}")
            return "policy", words[0]
        case "max_fails":
            return "max_fails", whole_number(line, one_word(line), 0)
        case "max_concurrent":
            return "max_concurrent", whole_number(line, one_word(line), 0)
        case "max_connect_attempts":
            return "max_connect_attempts", whole_number(line, one_word(line), 0)
        case "expire":
            return "expire_s", duration_s(line, one_word(line))
        case "read_timeout":
            seconds = duration_s(line, one_word(line))
            if seconds <= 0:
                raise line.error(f"read_timeout must be above 0: {words[0]}")
            return "read_timeout_s", seconds
        case "max_age":
            return "max_age_s", duration_s(line, one_word(line))
        case "max_idle_conns":
            return "max_idle_count", whole_number(line, one_word(line), 0)
        case "doh_method":
            if one_word(line) not in {"GET", "POST"}:
                raise line.error(f"doh_method is GET or POST, found {words[0]!r}")
            return "doh_method", words[0]
        case "resolver":
            return "resolvers", _resolvers(line)
        case "force_tcp" | "prefer_udp" as flag:
            no_args(line)
            return flag, True
        case "failfast_all_unhealthy_upstreams":
            no_args(line)
            return "fail_fast", True
        case "tls":
            if len(words) > 3:
                raise line.error("tls takes up to three files: certificate, key, CA")
            return "tls", words
        case "tls_servername":
            return "tls_server_name", one_word(line)
        case "failover":
            found = _rcodes(line)
            if numbers.NOERROR in found:
                raise line.error("failover: NOERROR is no reason to ask another server")
            return "failover_rcodes", found
        case "next":
            return "next_rcodes", _rcodes(line)
        case "next_on_nodata":
            no_args(line)
            return "next_on_nodata", True
        case "source_address":
            if not is_address(one_word(line)):
                raise line.error(f"source_address: {words[0]!r} is no address")
            return "source_address", words[0]
        case _:
            raise unknown_option("forward", line)


def _health_check(line: Line) -> dict[str, object]:
    """`health_check INTERVAL [no_rec] [domain NAME]`."""
    if not line.args:
        raise line.error("health_check needs an interval")
    found: dict[str, object] = {"health_check_s": duration_s(line, line.words[0])}
    rest = list(line.args[1:])
    while rest:
        token = rest.pop(0)
        if token.text == "no_rec":
            found["health_check_rd"] = False
        elif token.text == "domain" and rest:
            name = rest.pop(0)
            found["health_check_name"] = normalize_zones(name.text, name)[0]
        else:
            raise line.error(f"health_check takes no_rec or domain NAME, found {token.text!r}")
    return found


def _resolvers(line: Line) -> tuple[Target, ...]:
    if not line.args:
        raise line.error("resolver needs at least one address")
    found = []
    for word in line.words:
        try:
            target = parse_target(word)
        except BadTarget:
            target = None
        if target is None or target.transport != "dns" or not is_address(target.host):
            raise line.error(f"resolver: {word!r} is no address such as 10.0.0.10 or 10.0.0.10:53")
        found.append(target)
    return tuple(found)


def _rcodes(line: Line) -> tuple[int, ...]:
    found = []
    for word in line.words:
        if word.upper() not in numbers.RCODES:
            raise line.error(f"{word!r} is no rcode such as SERVFAIL")
        found.append(numbers.RCODES[word.upper()])
    if not found:
        raise line.error(f"{line.name.text} needs at least one rcode")
    return tuple(found)
