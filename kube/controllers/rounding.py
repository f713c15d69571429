"""Numbers that may be percentages."""

from __future__ import annotations

from kube.objects import IntOrString


def scaled(value: IntOrString | None, total: int, *, up: bool) -> int:
    """A number as it is, or that percentage of `total` ("25%"), rounded up or down."""
    if isinstance(value, int) or value is None:
        return value or 0
    exact = int(value.rstrip("%")) * total
    return -(-exact // 100) if up else exact // 100
