"""What the writes of definitions and of custom resources ask of what else is stored."""

from collections.abc import Iterator
from typing import Any

from kube.apiserver import status
from kube.apiserver.customresources import naming
from kube.apiserver.customresources.catalog import DEFINITIONS, Catalog, is_shadowed
from kube.apiserver.kinds import Kind
from kube.store import Expect
from kube.store.cache import WatchCache, store_key

__all__ = ["DEFINITIONS", "admit", "guards"]

Object = dict[str, Any]


def admit(catalog: Catalog, kind: Kind, new: Object, old: Object | None, now: str) -> list[str]:
    """Sets the status of a definition that is written, in place; gives the warnings to send.

    Its names are judged in the same write, so that the kind is served when the write is answered.
    """
    if kind.key != DEFINITIONS.key:
        return []
    spec = new.get("spec") or {}
    if not isinstance(spec.get("versions"), list) or not new["metadata"].get("name"):
        return []  # validation refuses it
    new["status"] = naming.status_of(new, catalog.definitions_of(str(spec.get("group"))), now)
    return [] if old is not None and old.get("spec") == spec else list(_warnings(new))


def _warnings(definition: Object) -> Iterator[str]:
    """What is accepted and stored, and has no effect here."""
    if is_shadowed(definition):
        yield f"{definition['metadata']['name']} is a built-in resource: the definition is stored and not served"


def guards(cache: WatchCache, kind: Kind) -> list[Expect]:
    """What must hold when a custom resource is created: its definition is there, and is not ending.

    StatusError 405 when it is.
    """
    if kind.custom is None:
        return []
    name = kind.custom.definition_name
    entry = cache.get(DEFINITIONS.storage_key, "", name)
    if entry is None:
        raise status.path_not_found()
    if b'"deletionTimestamp"' in entry.body and entry.decode()["metadata"].get("deletionTimestamp"):
        error = status.method_not_allowed(kind.resource, "create")
        why = "create not allowed while custom resource definition is terminating"
        raise status.StatusError(error.code, error.reason, why, error.details)
    return [Expect(store_key(DEFINITIONS.storage_key, "", name), entry.revision)]
