"""The apply patch: what one manager wants of an object, against what others own."""

from collections.abc import Sequence
from typing import Any

import msgspec

from kube.apiserver import status
from kube.apiserver.kinds.kind import Kind
from kube.apiserver.kinds.managed_fields.field_set import FieldSet, Path, text, value_at
from kube.apiserver.kinds.managed_fields.managers import (
    APPLY,
    BEFORE_FIRST_APPLY,
    UPDATE,
    Manager,
    read,
    write,
)
from kube.apiserver.kinds.managed_fields.merging import merge, remove
from kube.apiserver.kinds.managed_fields.ownable import fields_of, structure_of
from kube.apiserver.kinds.managed_fields.structure import ABSENT

Object = dict[str, Any]

MAX_ANNOTATIONS_BYTES = 256 << 10
LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"


def apply(
    kind: Kind,
    live: Object | None,
    applied: Object,
    *,
    manager: str,
    now: str,
    force: bool = False,
    subresource: str = "",
) -> Object:
    """The object as it would be stored, before defaults; neither argument is changed.

    `live` None means that the apply creates the object. StatusError 409 with the conflicts unless `force`,
    422 when there is no manager, 400 when the configuration brings managedFields.
    """
    if not manager:
        error = status.required("fieldManager", "is required for apply patch")
        raise status.invalid(status.GroupName("meta.k8s.io", "PatchOptions"), "", [error])
    if (applied.get("metadata") or {}).get("managedFields"):
        raise status.bad_request("metadata.managedFields must be nil")
    config = _copy(applied)
    structure = structure_of(kind)
    wanted = fields_of(kind, config, subresource)
    result = _copy(live) if live is not None else {}
    managers = read((result.get("metadata") or {}).get("managedFields"))
    if live is not None and not managers:
        owned = fields_of(kind, live) | fields_of(kind, live, "status")
        first = Manager(
            name=BEFORE_FIRST_APPLY,
            operation=UPDATE,
            api_version=kind.api_version,
            time=now,
            fields=owned,
        )
        managers = [first]
    mine = Manager(name=manager, operation=APPLY, api_version=kind.api_version, subresource=subresource)
    previous = next((other for other in managers if other.identity == mine.identity), mine)
    others = [other for other in managers if other.identity != mine.identity]
    conflicts = _conflicts(kind, live, config, wanted, others)
    lost = _taken_over(kind, live, manager, conflicts)
    if lost != conflicts and not force:
        raise _refusal([conflict for conflict in conflicts if conflict not in lost])
    taken = frozenset(path for _, path in conflicts)
    others = [other.owning(other.fields - taken, now) for other in others]
    result = _as_object(merge(result, _only(kind, config, subresource), structure))
    _drop_unwanted(result, kind, previous.fields, wanted, others)
    others = [other.owning(_present(kind, result, other.fields), now) for other in others]
    if manager == "kubectl":
        _follow_with_annotation(result, applied)
    renewed = msgspec.structs.replace(previous, api_version=kind.api_version).owning(wanted, now)
    write(result.setdefault("metadata", {}), [renewed, *others])
    return result


def _follow_with_annotation(obj: Object, applied: Object) -> None:
    """Where kubectl's client-side apply left what it applied, its server-side apply leaves it too.

    So that one can go back from one to the other.
    """
    annotations = (obj.get("metadata") or {}).get("annotations") or {}
    if not annotations.get(LAST_APPLIED):
        return
    metadata = {**(applied.get("metadata") or {})}
    others = {
        name: text for name, text in (metadata.get("annotations") or {}).items() if name != LAST_APPLIED
    }
    metadata.pop("managedFields", None)
    if "annotations" in metadata:
        metadata["annotations"] = others
    text = msgspec.json.encode({**applied, "metadata": metadata}, order="sorted").decode() + "\n"
    sizes = (
        len(name.encode()) + len(value.encode())
        for name, value in annotations.items()
        if name != LAST_APPLIED
    )
    if sum(sizes) + len(LAST_APPLIED) + len(text.encode()) <= MAX_ANNOTATIONS_BYTES:
        annotations[LAST_APPLIED] = text
    else:
        del annotations[LAST_APPLIED]


def _as_object(value: Any) -> Object:
    if not isinstance(value, dict):
        raise status.bad_request("the applied configuration is not an object")
    return value


def _copy(obj: Object) -> Object:
    copied: Object = msgspec.json.decode(msgspec.json.encode(obj))
    return copied


def _only(kind: Kind, config: Object, subresource: str) -> Object:
    """What of the configuration the path takes: no status on the object, nothing else on /status."""
    if subresource == "status":
        kept = ("apiVersion", "kind", "metadata", "status")
        return {name: value for name, value in config.items() if name in kept}
    if kind.has_status:
        return {name: value for name, value in config.items() if name != "status"}
    return config


Conflict = tuple[Manager, Path]


def _conflicts(
    kind: Kind, live: Object | None, config: Object, wanted: FieldSet, others: Sequence[Manager]
) -> list[Conflict]:
    """Fields of others whose value would change."""
    if live is None:
        return []
    structure = structure_of(kind)
    found = []
    for other in others:
        for path in sorted(wanted & other.fields):
            new, old = value_at(config, structure, path), value_at(live, structure, path)
            if old is ABSENT or new == old or _is_item(path):
                continue
            found.append((other, path))
    return found


def _is_item(path: Path) -> bool:
    """Owning an item of a list says only that it is there."""
    return path[-1].startswith("k:")


def _taken_over(kind: Kind, live: Object | None, manager: str, conflicts: list[Conflict]) -> list[Conflict]:
    """The conflicts that are none: kubectl takes over fields still as its client-side apply left them."""
    annotations = ((live or {}).get("metadata") or {}).get("annotations") or {}
    if not conflicts or manager != "kubectl" or LAST_APPLIED not in annotations:
        return []
    try:
        last = msgspec.json.decode(annotations[LAST_APPLIED])
    except msgspec.DecodeError:
        return []
    structure = structure_of(kind)
    return [
        (other, path)
        for other, path in conflicts
        if value_at(last, structure, path) == value_at(live, structure, path)
    ]


def _refusal(conflicts: Sequence[Conflict]) -> status.StatusError:
    causes = [
        {"reason": "FieldManagerConflict", "message": f"conflict with {_shown(other)}", "field": text(path)}
        for other, path in conflicts
    ]
    if len(conflicts) == 1:
        other, path = conflicts[0]
        message = f"Apply failed with 1 conflict: conflict with {_shown(other)}: {text(path)}"
        return status.apply_conflict(message, causes)
    lines = []
    for name in dict.fromkeys(_shown(other) for other, _ in conflicts):
        lines.append(f"conflicts with {name}:")
        lines.extend(f"- {text(path)}" for other, path in conflicts if _shown(other) == name)
    message = f"Apply failed with {len(conflicts)} conflicts: " + "\n".join(lines)
    return status.apply_conflict(message, causes)


def _shown(manager: Manager) -> str:
    shown = status.quote(manager.name)
    if manager.subresource:
        shown += f" with subresource {status.quote(manager.subresource)}"
    return f"{shown} using {manager.api_version}" if manager.operation == UPDATE else shown


def _drop_unwanted(
    result: Object, kind: Kind, before: FieldSet, wanted: FieldSet, others: Sequence[Manager]
) -> None:
    """Takes out what the manager applied last time and no longer does, where nobody else owns it."""
    kept = set(wanted)
    for other in others:
        kept |= other.fields
    prefixes = {path[:length] for path in kept for length in range(1, len(path) + 1)}
    structure = structure_of(kind)
    removed: set[Path] = set()
    for path in sorted(before - kept, key=len):
        inside = any(path[:length] in removed for length in range(1, len(path)))
        if path not in prefixes and not inside and not _is_key(path):
            remove(result, structure, path)
            removed.add(path)


def _is_key(path: Path) -> bool:
    """A field by which its item is known: it goes with the item or not at all."""
    if len(path) < 2 or not path[-2].startswith("k:"):
        return False
    return path[-1][2:] in msgspec.json.decode(path[-2][2:])


def _present(kind: Kind, obj: Object, fields: FieldSet) -> FieldSet:
    structure = structure_of(kind)
    return frozenset(path for path in fields if value_at(obj, structure, path) is not ABSENT)
