"""Grouping VLAN numbers, pure."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence


def ranges(vlans: Sequence[int]) -> list[tuple[int, int]]:
    """Ascending numbers as (first, last) runs, which the kernel takes in one attribute pair each."""
    runs: list[tuple[int, int]] = []
    for vlan in vlans:
        if runs and runs[-1][1] == vlan - 1:
            runs[-1] = (runs[-1][0], vlan)
        else:
            runs.append((vlan, vlan))
    return runs
