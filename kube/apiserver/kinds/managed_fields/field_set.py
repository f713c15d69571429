"""Sets of field paths, and their form in managedFields (FieldsV1).

A path is a tuple of elements in FieldsV1's own spelling: `f:name` for a member, `k:{"name":"a"}` for a list item
by its keys, `v:"x"` for an item of a set by its value.
"""

from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

from kube.apiserver.kinds.managed_fields.structure import ABSENT, ATOMIC, Structure
from kube.apiserver.status import quote

Path = tuple[str, ...]
FieldSet = frozenset[Path]
Object = dict[str, Any]


def from_fields_v1(fields: Object | None) -> FieldSet:
    return frozenset(_unfold(fields or {}, ()))


def _unfold(fields: Object, path: Path) -> Iterator[Path]:
    for element, below in fields.items():
        if element == ".":
            yield path
        elif not below:
            yield (*path, element)
        else:
            yield from _unfold(below, (*path, element))


def to_fields_v1(paths: Iterable[Path]) -> Object:
    tree: Object = {}
    for path in sorted(paths):
        node = tree
        for element in path:
            node = node.setdefault(element, {})
        node["."] = {}
    return _folded(tree)


def _folded(tree: Object) -> Object:
    """Leaves lose their dot: `{"f:a": {".": {}}}` is written `{"f:a": {}}`."""
    if tree.keys() == {"."}:
        return {}
    return {element: {} if element == "." else _folded(below) for element, below in tree.items()}


def encode(value: Any) -> str:
    return msgspec.json.encode(value, order="sorted").decode()


def paths_of(value: Any, structure: Structure, path: Path = ()) -> Iterator[Path]:
    """The fields that a configuration sets: its leaves, and the items of its lists."""
    shape = structure.shape
    if shape in ("struct", "map") and isinstance(value, dict) and value:
        for name, item in value.items():
            yield from paths_of(item, structure.member(name), (*path, f"f:{name}"))
    elif shape == "list" and isinstance(value, list) and value:
        for item in value:
            key = structure.key_of(item)
            if key is not None:
                here = (*path, f"k:{encode(key)}")
                yield here
                yield from paths_of(item, structure.item or ATOMIC, here)
    elif shape == "set" and isinstance(value, list) and value:
        for item in value:
            yield (*path, f"v:{encode(item)}")
    elif path:
        yield path


def structure_at(structure: Structure, path: Path) -> Structure:
    for element in path:
        member = element.startswith("f:")
        structure = structure.member(element[2:]) if member else structure.item or ATOMIC
    return structure


def value_at(value: Any, structure: Structure, path: Path) -> Any:
    """The value at a path, ABSENT when there is none."""
    for element in path:
        value = _step(value, structure, element)
        if value is ABSENT:
            return ABSENT
        structure = structure_at(structure, (element,))
    return value


def _step(value: Any, structure: Structure, element: str) -> Any:
    if element.startswith("f:"):
        return value.get(element[2:], ABSENT) if isinstance(value, dict) else ABSENT
    index = index_of(value, structure, element)
    return ABSENT if index is None else value[index]


def index_of(value: Any, structure: Structure, element: str) -> int | None:
    """Where in a list an item of a key or value is."""
    if not isinstance(value, list):
        return None
    for index, item in enumerate(value):
        if element.startswith("k:"):
            key = structure.key_of(item)
            if key is not None and f"k:{encode(key)}" == element:
                return index
        elif element == f"v:{encode(item)}" or element == f"i:{index}":
            return index
    return None


def text(path: Path) -> str:
    """`.spec.containers[name="a"].image`, as messages and causes write paths."""
    parts = []
    for element in path:
        if element.startswith("f:"):
            parts.append(f".{element[2:]}")
        elif element.startswith("k:"):
            key = msgspec.json.decode(element[2:])
            named = ",".join(f"{name}={_literal(value)}" for name, value in sorted(key.items()))
            parts.append(f"[{named}]")
        else:
            parts.append(f"[{element[2:]}]")
    return "".join(parts)


def _literal(value: Any) -> str:
    return quote(value) if isinstance(value, str) else encode(value)
