"""Who may ask what: queries are allowed, blocked, filtered or dropped by client address and type."""

from __future__ import annotations

from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network

import msgspec

from dns.corefile.blocks import Line
from dns.corefile.config import normalize_zones
from dns.handlers.request import Request, Response, Result, Serve, once, then
from dns.handlers.site import Site
from dns.wire import names, numbers

ACTIONS = ("allow", "block", "filter", "drop")
_BLOCKED, _FILTERED = 15, 17  # extended error codes, RFC 8914
_COUNTED = {"block": "blocked", "filter": "filtered", "drop": "dropped"}


class Policy(msgspec.Struct, frozen=True):
    """Empty kinds mean all types, empty networks all clients."""

    action: str
    kinds: frozenset[int] = frozenset()
    networks: tuple[IPv4Network | IPv6Network, ...] = ()


class Rule(msgspec.Struct, frozen=True):
    zones: tuple[str, ...]
    policies: tuple[Policy, ...]


def parse(lines: tuple[Line, ...], zones: tuple[str, ...]) -> tuple[Rule, ...]:
    rules = []
    for line in lines:
        own = [zone for token in line.args for zone in normalize_zones(token.text, token)]
        rules.append(Rule(tuple(own) or zones, tuple(_policy(option) for option in line.body)))
    return tuple(rules)


def _policy(line: Line) -> Policy:
    action = line.name.text.lower()
    if action not in ACTIONS:
        raise line.error(f"acl: the action is one of {', '.join(ACTIONS)}, found {action!r}")
    sections: dict[str, list[str]] = {"type": [], "net": []}
    current = ""
    for word in line.words:
        if word.lower() in sections:
            current = word.lower()
        elif not current:
            raise line.error(f"acl: type or net must stand in front of {word!r}")
        else:
            sections[current].append(word)
    if line.words and line.words[-1].lower() in sections:
        raise line.error(f"acl: nothing follows {line.words[-1]!r}")
    if "type" in (word.lower() for word in line.words) and not sections["type"]:
        raise line.error("acl: type needs at least one record type, or *")
    kinds: set[int] = set()
    for word in sections["type"]:
        if word == "*":
            kinds.clear()
            break
        if word.upper() not in numbers.TYPES:
            raise line.error(f"acl: {word!r} is no record type")
        kinds.add(numbers.TYPES[word.upper()])
    networks: list[IPv4Network | IPv6Network] = []
    for word in sections["net"]:
        if word == "*":
            networks.clear()
            break
        try:
            networks.append(ip_network(word, strict=False))
        except ValueError:
            raise line.error(f"acl: {word!r} is neither an address nor a range") from None
    return Policy(action, frozenset(kinds), tuple(networks))


def decide(rules: tuple[Rule, ...], name: str, kind: int, client: str) -> tuple[str, str]:
    """The action and the zone whose rule says so; allow where none does."""
    address = ip_address(client)
    for rule in rules:
        zone = max((zone for zone in rule.zones if names.is_within(name, zone)), key=len, default="")
        if not zone:
            continue
        for policy in rule.policies:
            if policy.kinds and kind not in policy.kinds:
                continue
            if policy.networks and not any(address in network for network in policy.networks):
                continue
            if policy.action == "allow":
                return "allow", zone
            return policy.action, zone
    return "allow", ""


def build(rules: tuple[Rule, ...], site: Site, following: Serve) -> Serve:
    registry = site.world.registry
    counters = {
        action: registry.counter(
            f"coredns_acl_{word}_requests_total",
            f"Counter of DNS requests being {word}.",
            *("server", "zone", "view"),
        )
        for action, word in _COUNTED.items()
    }
    allowed = registry.counter(
        "coredns_acl_allowed_requests_total", "Counter of DNS requests being allowed.", "server", "view"
    )

    def serve(request: Request) -> Result:
        query = request.query
        action, zone = decide(rules, query.lower, query.kind, request.client.partition("%")[0])
        if action == "allow":
            allowed.add(1, request.server, "")
            # Another client may not be allowed: nothing is answered from memory.
            return then(following(request), once)
        counters[action].add(1, request.server, zone, "")
        if action == "drop":
            return Response(plugin="acl", silent=True)
        if action == "block":
            return Response(rcode=numbers.REFUSED, plugin="acl", reason=(_BLOCKED, ""))
        return Response(plugin="acl", reason=(_FILTERED, ""))

    return serve
