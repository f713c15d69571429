"""The `edns0` rules of `rewrite`: options set, appended, replaced or removed on the way in, undone on the way back. Pure."""

from __future__ import annotations

import re
from ipaddress import ip_address, ip_network

import msgspec
from msgspec.structs import replace

from dns.handlers.request import Request, Response
from dns.wire import encode, numbers
from dns.wire.query import Edns, Query

# What a question is given that came without an OPT record.
DEFAULT_BYTES = 4096
_ACTIONS = ("set", "append", "replace", "unset")
_VARIABLE = re.compile(r"\{(qname|qtype|client_ip|client_port|protocol|server_ip|server_port)\}")
_METADATA = re.compile(r"\{[^/{}]+/[^{}]+\}")  # of plugins that gather some; there are none here

Option = tuple[int, bytes]
# An option's code, and what it was before; None where there was none.
Undo = tuple[int, bytes | None]


class BadEdnsRule(ValueError):
    """Words that make no rule."""


class EdnsRule(msgspec.Struct, frozen=True):
    go_on: bool
    kind: str  # local, nsid, subnet
    action: str
    code: int
    text: str = ""
    prefix_v4: int = 0
    prefix_v6: int = 0
    revert: bool = False


def make_rule(go_on: bool, words: list[str]) -> EdnsRule:
    """`local|nsid|subnet set|append|replace|unset …`. Raises BadEdnsRule."""
    if len(words) < 2 or words[0].lower() not in {"local", "nsid", "subnet"}:
        raise BadEdnsRule("edns0 takes local, nsid or subnet and then set, append, replace or unset")
    kind, action = words[0].lower(), words[1].lower()
    if action not in _ACTIONS:
        raise BadEdnsRule(f"edns0 {kind} takes {', '.join(_ACTIONS)}, found {words[1]!r}")
    revert = action != "unset" and words[-1] == "revert"
    rest = words[2 : len(words) - revert]
    wanted = {"local": 2, "nsid": 0, "subnet": 2}[kind]
    if action == "unset":
        wanted = 1 if kind == "local" else 0
    if len(rest) != wanted:
        raise BadEdnsRule(f"edns0 {kind} {action} takes {wanted} words behind it, found {len(rest)}")
    if kind == "nsid":
        return EdnsRule(go_on, kind, action, numbers.NSID, revert=revert)
    if kind == "subnet":
        v4, v6 = (_number(word, 128) for word in rest or ("0", "0"))
        if v4 > 32:
            raise BadEdnsRule("a prefix is at most 32 bits for IPv4 and 128 for IPv6")
        return EdnsRule(go_on, kind, action, numbers.CLIENT_SUBNET, "", v4, v6, revert)
    text = rest[1] if len(rest) > 1 else ""
    return EdnsRule(go_on, kind, action, _number(rest[0], 0xFFFF), _checked(text), revert=revert)


def _number(word: str, most: int) -> int:
    try:
        value = int(word, 0)
    except ValueError:
        value = -1
    if not 0 <= value <= most:
        raise BadEdnsRule(f"{word!r} is no number from 0 to {most}")
    return value


def _checked(text: str) -> str:
    if text.startswith("0x"):
        try:
            bytes.fromhex(text[2:])
        except ValueError:
            raise BadEdnsRule(f"{text!r} is no hexadecimal text") from None
    braced = text.startswith("{") and text.endswith("}")
    if braced and not _VARIABLE.fullmatch(text) and not _METADATA.fullmatch(text):
        raise BadEdnsRule(f"{text} is no variable such as {{qname}} or {{client_ip}}")
    return text


def apply_rule(rule: EdnsRule, query: Query, request: Request) -> tuple[Query, tuple[Undo, ...], bool]:
    """The question with its option changed, how to undo that in the answer, and whether the rule fitted."""
    value = _value(rule, query, request)
    if value is None:
        return query, (), False
    edns = query.edns or Edns(DEFAULT_BYTES)
    options, undo, fits = _changed(rule, edns.options, value)
    changed = replace(query, edns=replace(edns, options=options), repeatable=False)
    return changed, undo if rule.revert else (), fits


def _changed(
    rule: EdnsRule, options: tuple[Option, ...], value: bytes
) -> tuple[tuple[Option, ...], tuple[Undo, ...], bool]:
    if rule.action == "unset":
        return tuple(option for option in options if option[0] != rule.code), (), True
    place = next((index for index, (code, _) in enumerate(options) if code == rule.code), None)
    if place is not None and rule.action in {"set", "replace"}:
        whole = (*options[:place], (rule.code, value), *options[place + 1 :])
        return whole, ((rule.code, options[place][1]),), True
    # A second option of the same code is added for plain values only.
    twice = place is not None and (rule.kind == "subnet" or _is_variable(rule.text))
    if rule.action == "replace" or twice:
        return options, (), False
    return (*options, (rule.code, value)), ((rule.code, None),), True


def _is_variable(text: str) -> bool:
    return _VARIABLE.fullmatch(text) is not None


def _value(rule: EdnsRule, query: Query, request: Request) -> bytes | None:
    """None for what is not known of this question."""
    if rule.kind == "subnet":
        return _subnet(rule, request.client)
    found = _VARIABLE.fullmatch(rule.text)
    if found is None and _METADATA.fullmatch(rule.text):
        return None
    if found is None:
        return bytes.fromhex(rule.text[2:]) if rule.text.startswith("0x") else rule.text.encode()
    match found.group(1):
        case "qname":
            return query.name.encode()
        case "qtype":
            return query.kind.to_bytes(2, "big")
        case "client_ip":
            return _packed(request.client)
        case "client_port":
            return request.client_port.to_bytes(2, "big")
        case "protocol":
            return b"udp" if request.proto == "udp" else b"tcp"
        case "server_ip":
            return _packed(request.local or "127.0.0.1")
        case _:
            return int(request.server.rpartition(":")[2] or 53).to_bytes(2, "big")


def _packed(ip: str) -> bytes:
    return ip_address(ip.partition("%")[0]).packed


def _subnet(rule: EdnsRule, client: str) -> bytes:
    """RFC 7871: family, source prefix, scope 0, address cut to the prefix."""
    bits = rule.prefix_v6 if ":" in client else rule.prefix_v4
    network = ip_network(f"{client.partition('%')[0]}/{bits}", strict=False)
    head = (2 if network.version == 6 else 1).to_bytes(2, "big") + bytes((bits, 0))
    return head + network.network_address.packed[: (bits + 7) // 8]


def undone(response: Response, edns: Edns | None, known: frozenset[int], undo: tuple[Undo, ...]) -> Response:
    """The answer with the client's own options. Those that rules speak of go back too where nobody made others."""
    if edns is None:
        return response
    options = list(response.options if response.options is not None else ())
    if response.options is None:
        echoed = encode.echoed_options(edns)
        options = [option for option in edns.options if option in echoed or option[0] in known]
    for code, before in undo:
        if before is None:
            options = [option for option in options if option[0] != code]
            continue
        place = next((index for index, option in enumerate(options) if option[0] == code), None)
        if place is not None:
            options[place] = (code, before)
    return replace(response, options=tuple(options))
