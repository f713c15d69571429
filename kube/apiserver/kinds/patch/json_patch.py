"""JSON patch, RFC 6902, on pointers of RFC 6901."""

import re
from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from typing import Any

import msgspec

_ABSENT = object()
_INDEX = re.compile(r"-?[0-9]{1,9}")
MAX_COPIED_BYTES = (
    3 << 20
)  # of all copy operations together, as the server limits them: each may double the last


class BadPatch(ValueError):
    """An operation that is malformed or does not fit the document."""


class TestFailed(BadPatch):
    """A test operation found another value."""


def apply(document: Any, operations: Sequence[Mapping[str, Any]]) -> Any:
    """The document after all operations, which is changed in place. BadPatch stops at the first that fails."""
    copied_bytes = 0
    for operation in operations:
        if operation.get("op") == "copy":
            copied_bytes += len(
                msgspec.json.encode(_get(document, _pointer(operation, "from")), enc_hook=_nothing)
            )
            if copied_bytes > MAX_COPIED_BYTES:
                raise BadPatch(f"Unable to copy: accumulated size {copied_bytes} is over {MAX_COPIED_BYTES}")
        apply_one = _OPERATIONS.get(operation.get("op", ""))
        if apply_one is None:
            raise BadPatch(f"Unexpected kind: {operation.get('op')}")
        document = apply_one(document, operation)
    return document


def _nothing(_: object) -> None:
    """The size of what is absent; its copy fails."""


def _pointer(operation: Mapping[str, Any], name: str = "path") -> list[str]:
    text = operation.get(name)
    if not isinstance(text, str):
        raise BadPatch(f"{operation.get('op')} operation lacks its {name}")
    if text == "":
        return []
    if not text.startswith("/"):
        raise BadPatch(f"{name} {text} does not begin with /")
    return [part.replace("~1", "/").replace("~0", "~") for part in text[1:].split("/")]


def _value(operation: Mapping[str, Any]) -> Any:
    if "value" not in operation:
        raise BadPatch(f"{operation.get('op')} operation lacks its value")
    return deepcopy(operation["value"])


def _index(parts: list[str], container: list[Any], part: str, *, end: int) -> int:
    if not _INDEX.fullmatch(part):
        raise BadPatch(f"/{'/'.join(parts)}: {part} is not an index")
    index = int(part)
    if index < 0:
        index += len(container) if end == len(container) - 1 else end
    if not 0 <= index <= end:
        raise BadPatch(f"Unable to access invalid index: {part}: invalid index referenced")
    return index


def _get(document: Any, parts: list[str]) -> Any:
    """The value at the pointer; _ABSENT when a member on the way is missing."""
    value = document
    for part in parts:
        if isinstance(value, dict):
            value = value.get(part, _ABSENT)
        elif isinstance(value, list):
            if not _INDEX.fullmatch(part) or not 0 <= int(part) < len(value):
                return _ABSENT
            value = value[int(part)]
        else:
            return _ABSENT
    return value


def _parent(document: Any, parts: list[str], operation: str) -> Any:
    parent = _get(document, parts[:-1])
    if not isinstance(parent, dict | list):
        path = "/" + "/".join(parts)
        raise BadPatch(f"{operation} operation does not apply: doc is missing path: {path}: missing value")
    return parent


def _put(document: Any, parts: list[str], value: Any, operation: str) -> Any:
    if not parts:
        return value
    parent = _parent(document, parts, operation)
    if isinstance(parent, dict):
        parent[parts[-1]] = value
    elif parts[-1] == "-":
        parent.append(value)
    else:
        parent.insert(_index(parts, parent, parts[-1], end=len(parent)), value)
    return document


def _take(document: Any, parts: list[str], operation: str) -> Any:
    """Removes and returns the value at the pointer."""
    if not parts:
        raise BadPatch(f"{operation} operation on the whole document")
    parent = _parent(document, parts, operation)
    if isinstance(parent, list):
        return parent.pop(_index(parts, parent, parts[-1], end=len(parent) - 1))
    if parts[-1] not in parent:
        path = "/" + "/".join(parts)
        raise BadPatch(f"Unable to {operation} nonexistent key: {path}: missing value")
    return parent.pop(parts[-1])


def _add(document: Any, operation: Mapping[str, Any]) -> Any:
    return _put(document, _pointer(operation), _value(operation), "add")


def _remove(document: Any, operation: Mapping[str, Any]) -> Any:
    _take(document, _pointer(operation), "remove")
    return document


def _replace(document: Any, operation: Mapping[str, Any]) -> Any:
    parts, value = _pointer(operation), _value(operation)
    if not parts:
        return value
    parent = _parent(document, parts, "replace")
    if isinstance(parent, list):
        parent[_index(parts, parent, parts[-1], end=len(parent) - 1)] = value
    elif parts[-1] in parent:
        parent[parts[-1]] = value
    else:
        path = "/" + "/".join(parts)
        raise BadPatch(f"replace operation does not apply: doc is missing key: {path}: missing value")
    return document


def _move(document: Any, operation: Mapping[str, Any]) -> Any:
    source, target = _pointer(operation, "from"), _pointer(operation)
    if target[: len(source)] == source and len(target) > len(source):
        raise BadPatch("move operation into a child of its source")
    return _put(document, target, _take(document, source, "move"), "move")


def _copy(document: Any, operation: Mapping[str, Any]) -> Any:
    value = _get(document, _pointer(operation, "from"))
    if value is _ABSENT:
        raise BadPatch(
            f"copy operation does not apply: doc is missing from path: {operation['from']}: missing value"
        )
    return _put(document, _pointer(operation), deepcopy(value), "copy")


def _test(document: Any, operation: Mapping[str, Any]) -> Any:
    value = _get(document, _pointer(operation))
    expected = operation.get("value")
    if value is _ABSENT:
        value = None
    if not equal(value, expected):
        raise TestFailed(f"testing value {operation.get('path')} failed: test failed")
    return document


def equal(left: Any, right: Any) -> bool:
    """JSON equality: unlike Python's, true is not 1."""
    return left == right and msgspec.json.encode(left, order="sorted") == msgspec.json.encode(
        right, order="sorted"
    )


_OPERATIONS: Mapping[str, Callable[[Any, Mapping[str, Any]], Any]] = {
    "add": _add,
    "remove": _remove,
    "replace": _replace,
    "move": _move,
    "copy": _copy,
    "test": _test,
}
