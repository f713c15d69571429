"""Rules as iptables-save prints them, back into values: the inverse of `render`, for both variants."""

from __future__ import annotations

import shlex

from linux.iptables.rules import Builtin, Dnat, Jump, MarkOr, MarkXor, Masquerade, Reject, Rule

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

    from linux.iptables.restore import Saved

_BUILTINS = frozenset({"ACCEPT", "DROP", "RETURN"})
_PROTOCOLS = {"6": "tcp", "17": "udp", "132": "sctp"}
_MODULES = frozenset(
    {
        "addrtype",
        "comment",
        "conntrack",
        "ipvs",
        "mark",
        "nfacct",
        "recent",
        "set",
        "statistic",
        "tcp",
        "udp",
        "sctp",
    }
)


class NotUnderstood(Exception):
    """The rule has a condition or target that no rule of ours has."""


class _Words:
    """The words of one line, and whether a `!` stood before the option at hand."""

    def __init__(self, line: str) -> None:
        self._left: Iterator[str] = iter(shlex.split(line))
        self.negated = False

    def options(self) -> Iterator[str]:
        for word in self._left:
            if word == "!":
                self.negated = True
                continue
            yield word
            self.negated = False

    def value(self) -> str:
        word = next(self._left, None)
        if word is None:
            raise NotUnderstood("the line ends too early")
        return word

    def plain(self) -> str:
        """The value of an option that ours are never negated for."""
        if self.negated:
            raise NotUnderstood("a negation")
        return self.value()


def parse(line: str) -> Rule:
    """The line without `-A CHAIN`. Raises NotUnderstood, also for text that is no rule."""
    try:
        words = _Words(line)
    except ValueError as error:  # an open quotation
        raise NotUnderstood(str(error)) from error
    fields: dict[str, Any] = {}
    for option in words.options():
        read = _OPTIONS.get(option)
        if read is None:
            raise NotUnderstood(option)
        try:
            fields.update(read(words))
        except ValueError as error:
            raise NotUnderstood(f"{option}: {error}") from error
    if "target" not in fields:
        raise NotUnderstood("no target")
    return Rule(**_settled(fields))


def understood(saved: Saved | None) -> tuple[dict[str, tuple[Rule, ...]], int]:
    """A table's rules by chain, and how many of others' were left out because nothing here can tell what they do."""
    chains: dict[str, tuple[Rule, ...]] = {}
    foreign = 0
    for chain, lines in (saved.chains if saved is not None else {}).items():
        rules = []
        for line in lines:
            try:
                rules.append(parse(line))
            except NotUnderstood:
                foreign += 1
        chains[chain] = tuple(rules)
    return chains, foreign


def _settled(fields: dict[str, Any]) -> dict[str, Any]:
    """The list's name comes after what is done with it."""
    name, seconds = fields.pop("recent_name", ""), fields.pop("recent_seconds", None)
    address = fields.pop("balanced_address", None)
    protocol, port = fields.pop("balanced_protocol", None), fields.pop("balanced_port", None)
    if address is not None:
        if protocol is None or port is None:
            raise NotUnderstood("a virtual server without protocol or port")
        fields["balanced"] = (protocol, address, port)
    elif protocol is not None or port is not None:
        raise NotUnderstood("a virtual server without an address")
    if fields.pop("recent_sets", False):
        fields["recent_set"] = name
    if seconds is not None:
        fields["recent_seen"] = (name, seconds)
    return fields


def _target(words: _Words) -> dict[str, Any]:
    name = words.plain()
    if name in _BUILTINS:
        return {"target": Builtin(name)}
    if name == "REJECT":
        return {"target": Reject()}
    if name == "MASQUERADE":
        return {"target": Masquerade(random_fully=False)}
    if name in {"DNAT", "MARK"}:
        return {}  # with its option
    return {"target": Jump(name)}


def _mark(words: _Words) -> dict[str, Any]:
    bits, mask = _bits(words.value())
    if bits != mask:
        raise NotUnderstood("a mark of several values")
    return {"mark": bits, "mark_not": words.negated}


def _set_mark(words: _Words) -> dict[str, Any]:
    """Saved as value and mask: the mask's bits are cleared, then the value's flipped."""
    bits, mask = _bits(words.plain())
    if mask == 0:
        return {"target": MarkXor(bits)}
    if mask == bits:
        return {"target": MarkOr(bits)}
    raise NotUnderstood("a mark that is set whole")


def _bits(text: str) -> tuple[int, int]:
    value, _, mask = text.partition("/")
    return int(value, 0), int(mask, 0) if mask else 0xFFFFFFFF


def _protocol(text: str) -> str:
    return _PROTOCOLS.get(text, text)


def _reject_with(words: _Words) -> dict[str, Any]:
    if words.plain() not in {"icmp-port-unreachable", "icmp6-port-unreachable"}:
        raise NotUnderstood("another refusal")
    return {}


def _module(words: _Words) -> dict[str, Any]:
    if words.value() not in _MODULES:
        raise NotUnderstood("a match that ours do not use")
    return {}


def _local(field: str) -> Callable[[_Words], dict[str, Any]]:
    def read(words: _Words) -> dict[str, Any]:
        if words.plain() != "LOCAL":
            raise NotUnderstood("an address type")
        return {field: True}

    return read


def _negatable(field: str) -> Callable[[_Words], dict[str, Any]]:
    return lambda words: {f"{field}_not": words.negated, field: words.value()}


def _flag(**fields: Any) -> Callable[[_Words], dict[str, Any]]:
    """An option without a value."""

    def read(words: _Words) -> dict[str, Any]:
        if words.negated:
            raise NotUnderstood("a negation")
        return fields

    return read


def _ignored(words: _Words) -> dict[str, Any]:
    words.plain()
    return {}


_OPTIONS: dict[str, Callable[[_Words], dict[str, Any]]] = {
    "-s": _negatable("source"),
    "-d": _negatable("destination"),
    "-i": _negatable("in_interface"),
    "-p": lambda words: {"protocol": words.plain()},
    "-m": _module,
    "-j": _target,
    "--dport": lambda words: {"port": int(words.plain())},
    "--comment": lambda words: {"comment": words.plain()},
    "--mark": _mark,
    "--src-type": _local("local_source"),
    "--dst-type": _local("local_destination"),
    "--ctstate": lambda words: {"states_not": words.negated, "states": tuple(words.value().split(","))},
    "--mode": _ignored,
    "--probability": lambda words: {"chance": float(words.plain())},
    "--rcheck": _flag(),
    "--set": _flag(recent_sets=True),
    "--reap": _flag(),
    "--rsource": _flag(),
    "--seconds": lambda words: {"recent_seconds": int(words.plain())},
    "--name": lambda words: {"recent_name": words.plain()},
    "--mask": _ignored,
    "--match-set": lambda words: {"in_set": words.plain(), "in_set_by": words.plain()},
    "--vproto": lambda words: {"balanced_protocol": _protocol(words.plain())},
    "--vaddr": lambda words: {"balanced_address": words.plain()},
    "--vport": lambda words: {"balanced_port": int(words.plain())},
    "--nfacct-name": lambda words: {"counter": words.plain()},
    "--to-destination": lambda words: {"target": Dnat(words.plain())},
    "--set-xmark": _set_mark,
    "--or-mark": lambda words: {"target": MarkOr(int(words.plain(), 0))},
    "--xor-mark": lambda words: {"target": MarkXor(int(words.plain(), 0))},
    "--random-fully": _flag(target=Masquerade(random_fully=True)),
    "--reject-with": _reject_with,
}
