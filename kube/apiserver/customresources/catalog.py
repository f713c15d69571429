"""The custom kinds that are served now: read from the stored definitions, kept up to date by the cache's events."""

import logging
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

import msgspec

from kube.apiserver.customresources import openapi
from kube.apiserver.customresources.naming import (
    ESTABLISHED,
    TERMINATING,
    has_condition,
    served_versions,
)
from kube.apiserver.customresources.resource import CustomVersion
from kube.apiserver.kinds import KINDS, Kind, kind_at
from kube.apiserver.kinds.kind import CRUD, SCALE, STATUS
from kube.apiserver.kinds.resource_metrics import KINDS as METRICS
from kube.store.cache import WatchCache
from kube.store.entries import Entry
from kube.store.watchers import Event

_log = logging.getLogger(__name__)
Object = dict[str, Any]
T = TypeVar("T")

_definitions = kind_at("apiextensions.k8s.io", "v1", "customresourcedefinitions")
assert _definitions is not None
DEFINITIONS: Kind = _definitions
_BUILT_IN = {kind.key for kind in KINDS}
# What discovery tells of a kind that is about to go; the verbs themselves work, but for create.
_ENDING_VERBS = ("delete", "deletecollection", "get", "list", "watch")


def kinds_of(definition: Object, since: int = 0) -> tuple[Kind, ...]:
    """A row for each served version, () unless the definition is established.

    `since` is the revision from which objects are written by this definition's schemas.
    """
    if not has_condition(definition, ESTABLISHED):
        return ()
    spec, names = definition["spec"], definition["status"]["acceptedNames"]
    storage = next(version["name"] for version in spec["versions"] if version.get("storage"))
    rows = []
    for version in served_versions(definition):
        custom = CustomVersion(definition, version, storage_version=storage, since=since)
        subresources = ((SCALE,) if custom.scale else ()) + ((STATUS,) if custom.has_status else ())
        rows.append(
            Kind(
                group=spec["group"],
                version=version["name"],
                plural=names["plural"],
                kind=names["kind"],
                definition=openapi.name_of(spec["group"], version["name"], names["kind"]),
                namespaced=spec["scope"] == "Namespaced",
                short_names=tuple(names.get("shortNames") or ()),
                categories=tuple(names.get("categories") or ()),
                verbs=CRUD,
                subresource_rows=subresources,
                has_generation=True,
                unconditional_update=False,
                singular=names.get("singular") or "",
                listed_as=names.get("listKind") or "",
                custom=custom,
            )
        )
    return tuple(rows)


def is_shadowed(definition: Object) -> bool:
    """Its objects would be kept where those of a built-in kind are: it is never served."""
    return definition["metadata"]["name"] in _BUILT_IN


class _Known:
    """One definition as it is served."""

    __slots__ = ("definition", "group", "kinds", "since")

    def __init__(self, definition: Object, since: int) -> None:
        self.definition = definition
        self.group: str = definition["spec"]["group"]
        self.since = since
        self.kinds = () if is_shadowed(definition) else kinds_of(definition, since)


class Catalog:
    """Look up kinds with `kind_at`; `kinds` is everything in the order of discovery, built-in ones first."""

    def __init__(self) -> None:
        self._known: dict[str, _Known] = {}
        self._by_resource: dict[tuple[str, str, str], Kind] = {}
        self._made: dict[Any, Any] = {}
        self._cache: WatchCache | None = None
        self.kinds: tuple[Kind, ...] = (*KINDS, *METRICS)

    def follow(self, cache: WatchCache) -> None:
        """Take what is stored now, then what is stored from now on."""
        self._cache = cache
        for entry in cache.collection(DEFINITIONS.storage_key).entries.values():
            self._take(entry)
        self._index()
        cache.listen(self._on_event)

    def kind_at(self, group: str, version: str, plural: str) -> Kind | None:
        return self._by_resource.get((group, version, plural))

    @property
    def custom_kinds(self) -> tuple[Kind, ...]:
        return self.kinds[len(KINDS) + len(METRICS) :]

    def definitions_of(self, group: str) -> Iterable[Object]:
        """The stored definitions of a group."""
        return [known.definition for known in self._known.values() if known.group == group]

    def definition(self, name: str) -> Object | None:
        known = self._known.get(name)
        return known.definition if known is not None else None

    def memo(self, key: Any, make: Callable[[], T]) -> T:
        """What `make` gives, made anew when what is served has changed."""
        if key not in self._made:
            self._made[key] = make()
        found: T = self._made[key]
        return found

    def _on_event(self, resource: str, event: Event) -> None:
        if resource != DEFINITIONS.storage_key:
            return
        if event.new is not None:
            name, before = event.new.name, self._known.get(event.new.name)
            self._take(event.new)
            now = self._known.get(name)
            changed = before is not None and (now is None or before.since != now.since)
        else:
            assert event.old is not None
            name = event.old.name
            changed = self._known.pop(name, None) is not None
        self._index()
        if changed:
            self._end_watches(name)

    def _take(self, entry: Entry) -> None:
        definition = entry.decode()
        before = self._known.get(entry.name)
        since = entry.revision
        if before is not None and _shown_alike(before.definition, definition):
            since = before.since
        try:
            self._known[entry.name] = _Known(definition, since)
        except (KeyError, TypeError, StopIteration, AttributeError) as error:
            # Stored by something that did not check it. Its objects stay; only they cannot be reached.
            _log.error("definition %s cannot be served: %r", entry.name, error)
            self._known.pop(entry.name, None)

    def _index(self) -> None:
        rows = [kind for name in sorted(self._known) for kind in self._known[name].kinds]
        self._by_resource = {(kind.group, kind.version, kind.plural): kind for kind in rows}
        shown = [self._discovered(kind) for kind in rows]
        ranks = {group: place for place, group in enumerate(dict.fromkeys(kind.group for kind in KINDS))}
        shown.sort(key=lambda kind: (ranks.get(kind.group, len(ranks)), kind.group))
        self.kinds = (*KINDS, *METRICS, *shown)
        self._made.clear()

    def _discovered(self, kind: Kind) -> Kind:
        definition = self._known[kind.key].definition
        if not has_condition(definition, TERMINATING):
            return kind
        return msgspec.structs.replace(kind, verbs=_ENDING_VERBS)

    def _end_watches(self, name: str) -> None:
        """Clients come back, and are shown what the newer schema makes of the objects, or that the kind is gone."""
        assert self._cache is not None
        for watcher in self._cache.collection(name).watchers:
            watcher.overflowed = True
            watcher.wake()


def _shown_alike(one: Object, other: Object) -> bool:
    """Whether objects look the same under both definitions."""
    fields = ("versions", "scope", "names")
    return all(one["spec"].get(field) == other["spec"].get(field) for field in fields) and (
        one.get("status") or {}
    ).get("acceptedNames") == (other.get("status") or {}).get("acceptedNames")
