"""Ownership after writes that are no apply: who changes a field owns it from then on."""

from collections.abc import Sequence
from typing import Any

from kube.apiserver.kinds.kind import Kind
from kube.apiserver.kinds.managed_fields.difference import differences
from kube.apiserver.kinds.managed_fields.managers import UPDATE, in_order
from kube.apiserver.kinds.managed_fields.trees import Tree, minus, plus, without

Object = dict[str, Any]

MANAGERS = 10
"""More updaters than this are not kept apart: the oldest become one."""
ANCIENT = "ancient-changes"


def manager_of(field_manager: str | None, user_agent: str | None) -> str:
    """The request's manager: the query's, else the program's name in its User-Agent."""
    return field_manager or (user_agent or "").split("/", 1)[0][:128] or "unknown"


def track(
    kind: Kind, new: Object, old: Object | None, *, manager: str, now: str, subresource: str = ""
) -> None:
    """Brings managedFields of `new` up to date, in place. `old` None: the object is new.

    A client may set managedFields itself (`kubectl apply --server-side` migrates that way); an empty list, or one
    empty entry, resets them, and what has none is followed no more until it is applied.
    """
    metadata = new.setdefault("metadata", {})
    before = ((old or {}).get("metadata") or {}).get("managedFields")
    given = metadata.get("managedFields")
    if given is not None and not any(given) and not subresource:
        metadata.pop("managedFields")
        return
    entries = before if subresource else given or before
    if old is not None and not entries:
        metadata.pop("managedFields", None)
        return
    changed, gone = differences(kind, new, old, subresource)
    mine = {"manager": manager, "operation": UPDATE, "apiVersion": kind.api_version}
    if subresource:
        mine["subresource"] = subresource
    kept = _followed(entries or (), mine, changed, gone, now)
    if kept:
        metadata["managedFields"] = in_order(_capped(kept))
    else:
        metadata.pop("managedFields", None)


def _followed(entries: Sequence[Object], mine: Object, changed: Tree, gone: Tree, now: str) -> list[Object]:
    """Everybody loses what is gone and what somebody else changed."""
    kept = []
    own: Object | None = None
    for entry in entries:
        if not entry:
            continue
        fields = entry.get("fieldsV1") or {}
        left = without(fields, gone) if gone else fields
        if own is None and _identity(entry) == _identity(mine):
            own = {**entry, "fieldsV1": left or {}}
            continue
        if left and changed:
            left = minus(left, changed)
        if left:
            kept.append(entry if left is fields else {**entry, "fieldsV1": left})
    if changed:
        owned = plus((own or {}).get("fieldsV1") or {}, changed)
        own = {
            **mine,
            "time": now,
            "fieldsType": "FieldsV1",
            "fieldsV1": owned,
        }
    if own is not None and own["fieldsV1"]:
        kept.append(own)
    return kept


def _identity(entry: Object) -> tuple[str, str, str, str]:
    """Appliers are known by name and subresource, updaters by version as well."""
    operation = entry.get("operation") or ""
    version = entry.get("apiVersion") or "" if operation == UPDATE else ""
    return (entry.get("manager") or "", operation, version, entry.get("subresource") or "")


def _capped(entries: list[Object]) -> list[Object]:
    """With the oldest updaters of each version in one entry where there are too many."""
    updaters = in_order([entry for entry in entries if entry.get("operation") == UPDATE])
    too_many = len(updaters) - MANAGERS
    if too_many <= 0:
        return entries
    ancient: dict[str, Object] = {}
    for entry in updaters[: too_many + 1]:
        version = entry.get("apiVersion") or ""
        past = ancient.get(version)
        fields = plus(past["fieldsV1"], entry["fieldsV1"]) if past else entry["fieldsV1"]
        whole = {name: value for name, value in entry.items() if name != "subresource"}
        ancient[version] = {**whole, "manager": ANCIENT, "fieldsV1": fields}
    others = [entry for entry in entries if entry.get("operation") != UPDATE]
    return [*others, *ancient.values(), *updaters[too_many + 1 :]]
