"""JSON merge patch, RFC 7396."""

from typing import Any


def merge(target: Any, patch: Any) -> Any:
    """The target with the patch's members; null removes one. `target` is changed in place where it is a dict.

    Nothing of `patch` is shared with the result where that could be changed later: its dicts are rebuilt.
    """
    if not isinstance(patch, dict):
        return patch
    if not isinstance(target, dict):
        target = {}
    for name, value in patch.items():
        if value is None:
            target.pop(name, None)
        else:
            target[name] = merge(target.get(name), value)
    return target


def diff(old: Any, new: Any) -> Any:
    """A merge patch that makes `new` of `old`, where `new` has no nulls; {} when they are equal."""
    if not isinstance(old, dict) or not isinstance(new, dict):
        return new
    patch: dict[str, Any] = {name: None for name in old if name not in new}
    for name, value in new.items():
        if name not in old:
            patch[name] = value
        elif old[name] != value or type(old[name]) is not type(value):
            patch[name] = diff(old[name], value)
    return patch
