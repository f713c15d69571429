"""What a write did to an object: the fields it changed or added, and the branches that are gone (both FieldsV1)."""

from typing import Any

from kube.apiserver.kinds.kind import Kind
from kube.apiserver.kinds.managed_fields.field_set import encode
from kube.apiserver.kinds.managed_fields.ownable import SERVER_METADATA, structure_of
from kube.apiserver.kinds.managed_fields.structure import ABSENT, ATOMIC, Structure
from kube.apiserver.kinds.managed_fields.trees import Tree

Object = dict[str, Any]


def differences(kind: Kind, new: Object, old: Object | None, subresource: str) -> tuple[Tree, Tree]:
    """`old` None: the object is new. Either tree may be empty."""
    structure = structure_of(kind)
    after = _ownable(kind, new, subresource)
    before = _ownable(kind, old or {}, subresource)
    before.setdefault("metadata", {})
    changed = _changed(after, before, structure) or {}
    return changed, (_gone(after, before, structure) or {}) if old else {}


def _ownable(kind: Kind, obj: Object, subresource: str) -> Object:
    """The members that a write to the subresource can own."""
    if subresource == "status":
        kept = {name: value for name, value in obj.items() if name in ("metadata", "status")}
    else:
        kept = {name: value for name, value in obj.items() if name not in ("apiVersion", "kind")}
        if kind.has_status:
            kept.pop("status", None)
    metadata = kept.get("metadata")
    if metadata:
        kept["metadata"] = {name: value for name, value in metadata.items() if name not in SERVER_METADATA}
    return kept


def _changed(new: Any, old: Any, structure: Structure) -> Tree | None:
    """None: nothing. A container that was not there before is itself new, beside what is in it."""
    if new == old:
        return None
    shape = structure.shape
    tree: Tree = {}
    if shape in ("struct", "map") and isinstance(new, dict):
        before = old if isinstance(old, dict) else {}
        for name in sorted(new):
            member = structure.member(name)
            past = before.get(name, ABSENT)
            if past is ABSENT and old is not ABSENT:
                past = structure.inborn(name)
            found = _changed(new[name], past, member)
            if found is not None:
                tree[f"f:{name}"] = found
    elif shape == "list" and isinstance(new, list):
        items = _by_key(old, structure)
        for text, item in sorted(_by_key(new, structure).items()):
            found = _changed(item, items.get(text, ABSENT), structure.item or ATOMIC)
            if found is not None:
                tree[f"k:{text}"] = found
    elif shape == "set" and isinstance(new, list):
        present = {encode(item) for item in old} if isinstance(old, list) else set()
        tree = {f"v:{text}": {} for text in sorted({encode(item) for item in new}) if text not in present}
    else:
        return {}
    if old is ABSENT:
        return {".": {}, **tree} if tree else {}
    return tree or None


def _by_key(items: Any, structure: Structure) -> dict[str, Any]:
    """The items of a list by the text of their keys, as elements spell it."""
    found: dict[str, Any] = {}
    if isinstance(items, list):
        for item in items:
            key = structure.key_of(item)
            if key is not None:
                found[encode(key)] = item
    return found


def _gone(new: Any, old: Any, structure: Structure) -> Tree | None:
    """Branches of `old` that `new` lacks, each ended by `{}`; None: nothing."""
    if new == old:
        return None
    shape = structure.shape
    tree: Tree = {}
    if shape in ("struct", "map") and isinstance(new, dict) and isinstance(old, dict):
        for name, item in old.items():
            after = new.get(name, ABSENT)
            if after is ABSENT:
                after = structure.inborn(name)
            found = {} if after is ABSENT else _gone(after, item, structure.member(name))
            if found is not None:
                tree[f"f:{name}"] = found
    elif shape == "list" and isinstance(new, list):
        items = _by_key(new, structure)
        for text, item in _by_key(old, structure).items():
            found = {} if text not in items else _gone(items[text], item, structure.item or ATOMIC)
            if found is not None:
                tree[f"k:{text}"] = found
    elif shape == "set" and isinstance(new, list) and isinstance(old, list):
        present = {encode(item) for item in new}
        tree = {f"v:{text}": {} for text in (encode(item) for item in old) if text not in present}
    return tree or None
