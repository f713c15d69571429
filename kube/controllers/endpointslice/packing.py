"""Puts endpoints into slices so that few slices change: every change goes to every node."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from kube.controllers.endpointslice.endpoints import identity
from kube.objects import Endpoint, EndpointSlice


class Packed(msgspec.Struct, frozen=True, kw_only=True):
    """`contents` by slice name; `fresh` are the endpoint lists of new slices; `empty` are names left without any."""

    contents: dict[str, tuple[Endpoint, ...]]
    fresh: tuple[tuple[Endpoint, ...], ...]
    empty: tuple[str, ...]


def pack(wanted: Sequence[Endpoint], slices: Sequence[EndpointSlice], limit: int) -> Packed:
    """Endpoints stay where they are; new ones go to slices that change anyway, then to the one they fill best, then
    to new slices.
    """
    left = {identity(endpoint): endpoint for endpoint in wanted}
    contents: dict[str, tuple[Endpoint, ...]] = {}
    changed: set[str] = set()
    for one in slices:
        name = one.metadata.name
        kept: list[Endpoint] = []
        for endpoint in one.endpoints:
            now = left.pop(identity(endpoint), None) if len(kept) < limit else None
            if now is not None:
                kept.append(now)
        contents[name] = tuple(kept)
        if contents[name] != one.endpoints:
            changed.add(name)
    added = list(left.values())
    for name in sorted(changed, key=lambda name: -len(contents[name])):
        room = limit - len(contents[name])
        contents[name] += tuple(added[:room])
        added = added[room:]
    fresh: list[tuple[Endpoint, ...]] = []
    while added:
        fitting = [name for name, held in contents.items() if len(held) + len(added) <= limit]
        if fitting:
            fullest = max(fitting, key=lambda name: len(contents[name]))
            contents[fullest] += tuple(added)
            break
        fresh.append(tuple(added[:limit]))
        added = added[limit:]
    empty = tuple(name for name, held in contents.items() if not held)
    return Packed(contents=contents, fresh=tuple(fresh), empty=empty)
