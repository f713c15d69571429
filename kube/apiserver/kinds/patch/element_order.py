"""The order of a merged list: the patch's for what it names, the live list's for the rest, interleaved."""

from collections.abc import Callable, Sequence
from typing import Any


def in_order(merged: Sequence[Any], order: Sequence[Any], live: Sequence[Any], merge_key: str) -> list[Any]:
    """`merged`, with the elements named by `order` in its order and the others in the order of `live`.

    Elements of the live list alone are put before the first ordered one that followed them in it.
    """
    identity = _identity(merge_key)
    rank = {identity(item): index for index, item in reversed(list(enumerate(order)))}
    live_rank = {identity(item): index for index, item in reversed(list(enumerate(live)))}
    ordered = sorted(
        (item for item in merged if identity(item) in rank), key=lambda item: rank[identity(item)]
    )
    others = sorted(
        (item for item in merged if identity(item) not in rank),
        key=lambda item: live_rank.get(identity(item), len(live)),
    )
    return _interleave(
        others, ordered, [live_rank.get(identity(item)) for item in ordered], live_rank, identity
    )


def _interleave(
    others: list[Any],
    ordered: list[Any],
    ordered_ranks: list[int | None],
    live_rank: dict[Any, int],
    identity: Callable[[Any], Any],
) -> list[Any]:
    result: list[Any] = []
    at = 0
    for item in others:
        rank = live_rank.get(identity(item))
        place = at
        while place < len(ordered):
            other = ordered_ranks[place]
            if rank is not None and other is not None and other > rank:
                break
            place += 1
        result.extend(ordered[at:place])
        result.append(item)
        at = place
    result.extend(ordered[at:])
    return result


def _identity(merge_key: str) -> Callable[[Any], Any]:
    def of(item: Any) -> Any:
        value = item.get(merge_key) if isinstance(item, dict) else item
        return (type(value).__name__, repr(value)) if isinstance(value, dict | list) else value

    return of
