"""Ownership after writes that are no apply: who changes a field owns it from then on."""

from collections.abc import Iterator
from typing import Any

from kube.apiserver.kinds.kind import Kind
from kube.apiserver.kinds.managed_fields.field_set import (
    ABSENT,
    FieldSet,
    Path,
    encode,
    paths_of,
    value_at,
)
from kube.apiserver.kinds.managed_fields.managers import UPDATE, Manager, read, write
from kube.apiserver.kinds.managed_fields.ownable import ownable, structure_of
from kube.apiserver.kinds.managed_fields.structure import ATOMIC, Structure

Object = dict[str, Any]


def manager_of(field_manager: str | None, user_agent: str | None) -> str:
    """The request's manager: the query's, else the program's name in its User-Agent."""
    return field_manager or (user_agent or "").split("/", 1)[0][:128] or "unknown"


def track(
    kind: Kind, new: Object, old: Object | None, *, manager: str, now: str, subresource: str = ""
) -> None:
    """Brings managedFields of `new` up to date, in place. Objects that were never applied keep none.

    A client may set managedFields itself (`kubectl apply --server-side` migrates that way); an empty list resets.
    """
    metadata = new.setdefault("metadata", {})
    before = ((old or {}).get("metadata") or {}).get("managedFields")
    given = metadata.get("managedFields")
    if given is not None and not any(given):
        metadata.pop("managedFields")
        return
    if not given and not before:
        return
    managers = read(given or before)
    changed, removed = _difference(kind, new, old or {}, subresource)
    if not changed and not removed:
        write(metadata, managers)
        return
    mine = Manager(
        name=manager, operation=UPDATE, api_version=kind.api_version, subresource=subresource, time=now
    )
    own: FieldSet = frozenset()
    kept = []
    for other in managers:
        if other.identity == mine.identity:
            own = other.fields
            mine = other
        else:
            kept.append(other.owning(other.fields - changed - removed, now))
    write(metadata, [*kept, mine.owning((own | changed) - removed, now)])


def _difference(kind: Kind, new: Object, old: Object, subresource: str) -> tuple[FieldSet, FieldSet]:
    """The fields whose values differ or are new, and those that are gone."""
    structure = structure_of(kind)
    changed = ownable(kind, _changed(new, old, structure, ()), subresource)
    gone = (path for path in paths_of(old, structure) if value_at(new, structure, path) is ABSENT)
    return changed, ownable(kind, gone, subresource)


def _changed(new: Any, old: Any, structure: Structure, path: Path) -> Iterator[Path]:
    """Leaves that differ; of what is wholly new also the containers themselves."""
    shape = structure.shape
    if shape in ("struct", "map") and isinstance(new, dict) and new:
        before = old if isinstance(old, dict) else {}
        if old is ABSENT and path and shape == "map":
            yield path
        for name, item in new.items():
            yield from _changed(item, before.get(name, ABSENT), structure.member(name), (*path, f"f:{name}"))
    elif shape == "list" and isinstance(new, list) and new:
        yield from _changed_items(new, old, structure, path)
    elif shape == "set" and isinstance(new, list) and new:
        present = {encode(item) for item in old} if isinstance(old, list) else set()
        for item in new:
            if encode(item) not in present:
                yield (*path, f"v:{encode(item)}")
    elif path and (old is ABSENT or new != old):
        yield path


def _changed_items(new: list[Any], old: Any, structure: Structure, path: Path) -> Iterator[Path]:
    before = {}
    if isinstance(old, list):
        before = {encode(structure.key_of(item)): item for item in old}
    elif old is ABSENT:
        yield path
    for item in new:
        key = structure.key_of(item)
        if key is None:
            continue
        here = (*path, f"k:{encode(key)}")
        past = before.get(encode(key), ABSENT)
        if past is ABSENT:
            yield here
        yield from _changed(item, past, structure.item or ATOMIC, here)
