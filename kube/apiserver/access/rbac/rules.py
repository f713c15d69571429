"""Policy rules (rbac.authorization.k8s.io/v1 PolicyRule): what they allow, and whether some cover others. Pure."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

import msgspec

from kube.apiserver.access.attributes import Attributes
from kube.apiserver.status import quote

ALL = "*"


class Rule(NamedTuple):
    """Either of resources (the first four) or of URL paths (verbs and paths)."""

    verbs: tuple[str, ...]
    groups: tuple[str, ...] = ()
    resources: tuple[str, ...] = ()
    names: tuple[str, ...] = ()  # empty: every object
    paths: tuple[str, ...] = ()

    def to_object(self) -> dict[str, Any]:
        """As PolicyRule, ResourceRule and NonResourceRule have it."""
        fields = zip(_JSON_NAMES, self, strict=True)
        return {name: list(values) for name, values in fields if values}


EVERYTHING = (Rule((ALL,), (ALL,), (ALL,)), Rule((ALL,), paths=(ALL,)))
_JSON_NAMES = ("verbs", "apiGroups", "resources", "resourceNames", "nonResourceURLs")
# How the server writes a rule into a message, and in which order.
_SHOWN = (
    ("APIGroups", "groups"),
    ("Resources", "resources"),
    ("NonResourceURLs", "paths"),
    ("ResourceNames", "names"),
    ("Verbs", "verbs"),
)


class RawRule(msgspec.Struct, frozen=True, gc=False):
    """A PolicyRule as it stands in JSON, where each list may also be null."""

    verbs: tuple[str, ...] | None = None
    groups: tuple[str, ...] | None = msgspec.field(name="apiGroups", default=None)
    resources: tuple[str, ...] | None = None
    names: tuple[str, ...] | None = msgspec.field(name="resourceNames", default=None)
    paths: tuple[str, ...] | None = msgspec.field(name="nonResourceURLs", default=None)

    def rule(self) -> Rule:
        return Rule(
            self.verbs or (), self.groups or (), self.resources or (), self.names or (), self.paths or ()
        )


def parse_rules(rules: Iterable[Mapping[str, Any]] | None) -> tuple[Rule, ...]:
    """Of JSON values that fit the schema."""
    return tuple(msgspec.convert(rule, RawRule).rule() for rule in rules or ())


class RuleTable:
    """Rules arranged so that a question costs a few lookups, however many rules there are."""

    def __init__(self, rules: Iterable[Rule]) -> None:
        self._resources: dict[tuple[str, str], list[tuple[frozenset[str], frozenset[str]]]] = {}
        self._paths: list[tuple[frozenset[str], str]] = []
        for rule in rules:
            verbs, names = frozenset(rule.verbs), frozenset(rule.names)
            for group in rule.groups:
                for resource in rule.resources:
                    self._resources.setdefault((group, resource), []).append((verbs, names))
            self._paths += [(verbs, path) for path in rule.paths]

    def allows(self, asked: Attributes, keys: Iterable[tuple[str, str]]) -> bool:
        """`keys` are keys_of(asked), worked out once for all tables that are asked."""
        if asked.path:
            return any(
                _path_matches(pattern, asked.path) and (asked.verb in verbs or ALL in verbs)
                for verbs, pattern in self._paths
            )
        for key in keys:
            for verbs, names in self._resources.get(key, ()):
                if (asked.verb in verbs or ALL in verbs) and (not names or asked.name in names):
                    return True
        return False


def keys_of(asked: Attributes) -> tuple[tuple[str, str], ...]:
    """The `(group, resource)` under which a rule for this question may stand."""
    group, resource, subresource = asked.group, asked.resource, asked.subresource
    if not subresource:
        return ((group, resource), (ALL, ALL), (group, ALL), (ALL, resource))
    whole, any_of = f"{resource}/{subresource}", f"*/{subresource}"
    return ((group, whole), (ALL, ALL), (group, ALL), (ALL, whole), (group, any_of), (ALL, any_of))


def _path_matches(pattern: str, path: str) -> bool:
    if pattern.endswith("*"):
        return path.startswith(pattern.rstrip("*"))
    return pattern == path


def missing(wanted: Iterable[Rule], held: Iterable[Rule]) -> list[Rule]:
    """What of `wanted` the rules held do not cover, in pieces of one verb, group, resource and name."""
    owned = tuple(held)
    return [
        piece
        for rule in wanted
        for piece in _pieces(rule)
        if not any(_covers(owner, piece) for owner in owned)
    ]


def _pieces(rule: Rule) -> Iterator[Rule]:
    for group in rule.groups:
        for resource in rule.resources:
            for verb in rule.verbs:
                if not rule.names:
                    yield Rule((verb,), (group,), (resource,))
                for name in rule.names:
                    yield Rule((verb,), (group,), (resource,), (name,))
    for path in rule.paths:
        for verb in rule.verbs:
            yield Rule((verb,), paths=(path,))


def _covers(owner: Rule, piece: Rule) -> bool:
    """`piece` has one value in each field that it has."""
    if not _has(owner.verbs, piece.verbs[0]):
        return False
    if piece.paths:
        return any(_path_covers(pattern, piece.paths[0]) for pattern in owner.paths)
    if owner.names and not (piece.names and piece.names[0] in owner.names):
        return False
    resource = piece.resources[0]
    _, slash, subresource = resource.partition("/")
    return _has(owner.groups, piece.groups[0]) and (
        _has(owner.resources, resource) or (bool(slash) and f"*/{subresource}" in owner.resources)
    )


def _has(values: tuple[str, ...], value: str) -> bool:
    return value in values or ALL in values


def _path_covers(pattern: str, path: str) -> bool:
    return pattern == path or (pattern.endswith("*") and path.startswith(pattern.rstrip("*")))


def compact(pieces: Iterable[Rule]) -> list[Rule]:
    """Pieces that differ in the verb alone become one rule."""
    verbs: dict[Rule, list[str]] = {}
    for piece in pieces:
        found = verbs.setdefault(piece._replace(verbs=()), [])
        found += [verb for verb in piece.verbs if verb not in found]
    return [rule._replace(verbs=tuple(found)) for rule, found in verbs.items()]


def describe(rule: Rule) -> str:
    """`{APIGroups:["apps"], Resources:["deployments"], Verbs:["get" "list"]}`."""
    parts = (
        f"{title}:[{' '.join(map(quote, values))}]"
        for title, field in _SHOWN
        if (values := getattr(rule, field))
    )
    return "{" + ", ".join(parts) + "}"
