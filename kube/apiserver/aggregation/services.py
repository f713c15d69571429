"""APIService objects that lead to other servers, kept up to date by the cache's events."""

import logging
from typing import Any, NamedTuple

from kube.apiserver.kinds import Kind, kind_at
from kube.store.cache import WatchCache
from kube.store.watchers import Event

_log = logging.getLogger(__name__)
Object = dict[str, Any]

_services = kind_at("apiregistration.k8s.io", "v1", "apiservices")
assert _services is not None
API_SERVICES: Kind = _services
AVAILABLE = "Available"


class Extension(NamedTuple):
    """One group version that another server serves; `resources` is its APIResourceList, as it said last."""

    name: str
    group: str
    version: str
    namespace: str
    service: str
    port: int
    ca_bundle: str
    checked: bool
    group_priority: int
    version_priority: int
    available: bool

    @property
    def path(self) -> str:
        return f"/apis/{self.group}/{self.version}"


def read(obj: Object) -> Extension | None:
    """None for groups that are served here."""
    spec = obj.get("spec") or {}
    service = spec.get("service")
    if not service:
        return None
    return Extension(
        name=obj["metadata"]["name"],
        group=spec.get("group") or "",
        version=spec.get("version") or "",
        namespace=service.get("namespace") or "",
        service=service.get("name") or "",
        port=int(service.get("port") or 443),
        ca_bundle=spec.get("caBundle") or "",
        checked=not spec.get("insecureSkipTLSVerify"),
        group_priority=int(spec.get("groupPriorityMinimum") or 0),
        version_priority=int(spec.get("versionPriority") or 0),
        available=is_available(obj),
    )


def condition(obj: Object) -> Object:
    rows = (obj.get("status") or {}).get("conditions") or ()
    return next((row for row in rows if row.get("type") == AVAILABLE), {})


def is_available(obj: Object) -> bool:
    return condition(obj).get("status") == "True"


class Extensions:
    """`at` finds who serves a group version; `discovered` is what each said of its resources."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, str], Extension] = {}
        self.discovered: dict[tuple[str, str], Object] = {}
        self.changed = False  # since the last look at their availability

    def follow(self, cache: WatchCache) -> None:
        for entry in cache.collection(API_SERVICES.storage_key).entries.values():
            self._take(entry.decode())
        cache.listen(self._on_event)

    def _on_event(self, resource: str, event: Event) -> None:
        if resource != API_SERVICES.storage_key:
            return
        if event.old is not None:
            before = read(event.old.decode())
            if before is not None:
                self._known.pop((before.group, before.version), None)
                if event.new is None:
                    self.discovered.pop((before.group, before.version), None)
        if event.new is not None:
            self._take(event.new.decode())

    def _take(self, obj: Object) -> None:
        try:
            found = read(obj)
        except (KeyError, TypeError, ValueError) as error:
            _log.error("APIService %s cannot be used: %r", obj["metadata"].get("name"), error)
            return
        if found is not None:
            self._known[found.group, found.version] = found
            self.changed = True

    def at(self, group: str, version: str) -> Extension | None:
        return self._known.get((group, version))

    @property
    def all(self) -> tuple[Extension, ...]:
        """By priority, as discovery lists them."""
        return tuple(
            sorted(
                self._known.values(),
                key=lambda one: (-one.group_priority, one.group, -one.version_priority, one.version),
            )
        )
