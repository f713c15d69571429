"""Status as a merge patch: what changed, and null for what is zero, as Go's omitempty would leave it out."""

from __future__ import annotations

from typing import Any

import msgspec

from kube.objects import Value


def status_patch(
    before: Value, after: Value, *, keep_zero: frozenset[str] = frozenset()
) -> dict[str, Any] | None:
    """None when nothing differs. `keep_zero`: JSON names that are written even when they are zero."""
    old: dict[str, Any] = msgspec.to_builtins(before)
    new: dict[str, Any] = msgspec.to_builtins(after)
    changed = {name: new.get(name) for name in old.keys() | new.keys() if old.get(name) != new.get(name)}
    if not changed:
        return None
    return {
        name: 0 if value is None and name in keep_zero else value for name, value in sorted(changed.items())
    }
