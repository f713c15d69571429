"""What the API serves, from its aggregated discovery documents (apidiscovery.k8s.io/v2)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import msgspec

from kube.objects import Resource

ACCEPT = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json"
PATHS = ("/api", "/apis")

_COLLECTED = frozenset({"list", "watch", "delete"})


class ServedKind(msgspec.Struct, frozen=True, kw_only=True):
    resource: Resource
    verbs: frozenset[str]

    @property
    def collectable(self) -> bool:
        """The garbage collector can follow and delete it. Events own nothing and are owned by nothing."""
        return self.verbs >= _COLLECTED and self.resource.plural != "events"


class _Kind(msgspec.Struct, frozen=True):
    kind: str = ""
    group: str = ""
    version: str = ""


class _Resource(msgspec.Struct, frozen=True):
    resource: str
    responseKind: _Kind = _Kind()  # noqa: N815  # the JSON name
    scope: str = "Namespaced"
    verbs: tuple[str, ...] = ()


class _Version(msgspec.Struct, frozen=True):
    version: str
    resources: tuple[_Resource, ...] = ()


class _Meta(msgspec.Struct, frozen=True):
    name: str = ""


class _Group(msgspec.Struct, frozen=True):
    metadata: _Meta = _Meta()
    versions: tuple[_Version, ...] = ()


class _Document(msgspec.Struct, frozen=True):
    items: tuple[_Group, ...] = ()


def served_kinds(documents: Iterable[bytes]) -> tuple[ServedKind, ...]:
    """Each resource once, in its group's preferred version."""
    return tuple(
        kind for document in documents for kind in _of(msgspec.json.decode(document, type=_Document))
    )


def _of(document: _Document) -> Iterator[ServedKind]:
    for group in document.items:
        seen: set[str] = set()
        for version in group.versions:
            for one in version.resources:
                if one.resource in seen:
                    continue
                seen.add(one.resource)
                yield ServedKind(
                    resource=Resource(
                        group.metadata.name,
                        version.version,
                        one.resource,
                        one.responseKind.kind,
                        namespaced=one.scope == "Namespaced",
                    ),
                    verbs=frozenset(one.verbs),
                )
