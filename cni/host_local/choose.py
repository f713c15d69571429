"""Which address comes next, pure.

Addresses that were never used come first, in the order of the ranges from the last one handed out;
then the one whose release is longest ago. So an address rests as long as the pool allows.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import NamedTuple

    from cni.host_local.config import RangeSet
    from cni.spec.addresses import IP
else:
    from linux.records import NamedTuple


class Cursor(NamedTuple):
    """Where the search for never-used addresses stands in a range set."""

    position: int
    """Counted over all ranges of the set, from 0."""
    remaining: int
    """Positions not yet looked at; 0: every address has been used once."""


def span(pool: RangeSet) -> int:
    """Number of positions of a set, gateways included."""
    return sum(item.last.number - item.first.number + 1 for item in pool.ranges)


def at(pool: RangeSet, position: int) -> IP:
    for item in pool.ranges:
        length = item.last.number - item.first.number + 1
        if position < length:
            return item.first.plus(position)
        position -= length
    raise IndexError(position)


def position_of(pool: RangeSet, ip: IP) -> int | None:
    passed = 0
    for item in pool.ranges:
        if item.contains(ip):
            return passed + ip.number - item.first.number
        passed += item.last.number - item.first.number + 1
    return None


def cursor_after(pool: RangeSet, last: IP | None) -> Cursor:
    """A new search, starting behind the last address handed out."""
    total = span(pool)
    place = None if last is None else position_of(pool, last)
    return Cursor(0 if place is None else (place + 1) % total, total)


def candidates(pool: RangeSet, cursor: Cursor) -> Iterator[tuple[IP, Cursor]]:
    """Addresses from the cursor on, each with the cursor behind it; gateways are passed over."""
    total = span(pool)
    position, remaining = cursor
    while remaining > 0:
        ip = at(pool, position)
        position, remaining = (position + 1) % total, remaining - 1
        if not is_gateway(pool, ip):
            yield ip, Cursor(position, remaining)


def is_gateway(pool: RangeSet, ip: IP) -> bool:
    return any(item.gateway == ip for item in pool.ranges)


def next_fresh(pool: RangeSet, cursor: Cursor, used: Callable[[IP], bool]) -> tuple[IP | None, Cursor]:
    """The first address from the cursor on that was never used, and the cursor to keep."""
    for ip, after in candidates(pool, cursor):
        if not used(ip):
            return ip, after
    return None, Cursor(cursor.position, 0)
