"""Status as a merge patch: what changed, and null for what is zero, as Go's omitempty would leave it out."""

from __future__ import annotations

from typing import Any

import msgspec

from kube.objects import Value


def status_patch(
    before: Value, after: Value, *, keep_zero: frozenset[str] = frozenset()
) -> dict[str, Any] | None:
    """None when nothing differs. `keep_zero`: JSON names that are written even when they are zero."""
    changed = _difference(msgspec.to_builtins(before), msgspec.to_builtins(after))
    if not changed:
        return None
    return {
        name: 0 if value is None and name in keep_zero else value for name, value in sorted(changed.items())
    }


def _difference(old: dict[str, Any], new: dict[str, Any]) -> dict[str, Any]:
    """Objects are merged by the patch, so what went from inside them is named too; lists are replaced."""
    changed: dict[str, Any] = {}
    for name in old.keys() | new.keys():
        was, now = old.get(name), new.get(name)
        if was == now:
            continue
        if isinstance(was, dict) and isinstance(now, dict):
            changed[name] = _difference(was, now)
        else:
            changed[name] = now
    return changed
