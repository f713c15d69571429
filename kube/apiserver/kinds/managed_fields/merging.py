"""Merging an applied configuration into an object, and taking fields out of it. Both change the object in place."""

from typing import Any

from kube.apiserver.kinds.managed_fields.field_set import Path, encode, index_of, structure_at, value_at
from kube.apiserver.kinds.managed_fields.structure import ATOMIC, Structure


def merge(live: Any, applied: Any, structure: Structure) -> Any:
    """The live value with all that the applied one says."""
    if structure.shape in ("struct", "map") and isinstance(live, dict) and isinstance(applied, dict):
        for name, value in applied.items():
            if value is None:
                live.pop(name, None)
            elif name in live:
                live[name] = merge(live[name], value, structure.member(name))
            else:
                live[name] = value
        return live
    if structure.shape == "list" and isinstance(live, list) and isinstance(applied, list):
        return _merge_items(live, applied, structure)
    if structure.shape == "set" and isinstance(live, list) and isinstance(applied, list):
        present = {encode(item) for item in live}
        return [*live, *(item for item in applied if encode(item) not in present)]
    return applied


def _merge_items(live: list[Any], applied: list[Any], structure: Structure) -> list[Any]:
    places = {encode(structure.key_of(item)): index for index, item in enumerate(live)}
    for item in applied:
        place = places.get(encode(structure.key_of(item)))
        if place is None:
            live.append(item)
        else:
            live[place] = merge(live[place], item, structure.item or ATOMIC)
    return live


def remove(obj: Any, structure: Structure, path: Path) -> None:
    """Takes the field or item at the path out; nothing happens when it is not there."""
    parent = value_at(obj, structure, path[:-1])
    last = path[-1]
    if last.startswith("f:"):
        if isinstance(parent, dict):
            parent.pop(last[2:], None)
        return
    index = index_of(parent, structure_at(structure, path[:-1]), last)
    if index is not None:
        del parent[index]
