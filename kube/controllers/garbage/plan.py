"""What to do with one object of the graph. Pure; what is unknown is asked back as `Verify`."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import msgspec

from kube.controllers.garbage.graph import FOREGROUND, ORPHAN, Graph, Item
from kube.objects import OwnerReference


class Nothing(msgspec.Struct, frozen=True):
    """It stays."""


class Verify(msgspec.Struct, frozen=True, kw_only=True):
    """Ask the API whether these owners exist: the watch may only be late."""

    owners: tuple[OwnerReference, ...]


class Delete(msgspec.Struct, frozen=True, kw_only=True):
    propagation: str  # Background, Foreground, Orphan
    unblock: tuple[
        Item, ...
    ] = ()  # dependents whose reference must stop blocking, or a cycle would never end


class DropOwners(msgspec.Struct, frozen=True, kw_only=True):
    """It stays for its other owners, without these."""

    uids: frozenset[str]


class Release(msgspec.Struct, frozen=True, kw_only=True):
    """Take a finalizer off, after the references to it in these dependents are gone (orphans)."""

    finalizer: str
    orphans: tuple[Item, ...] = ()


class Descend(msgspec.Struct, frozen=True, kw_only=True):
    """It waits for dependents: look at these."""

    uids: tuple[str, ...]


Action: TypeAlias = Nothing | Verify | Delete | DropOwners | Release | Descend


def plan(item: Item, graph: Graph, is_absent: Callable[[OwnerReference, Item], bool | None]) -> Action:
    """`is_absent`: None when it must be asked first."""
    if item.orphans_dependents:
        return Release(finalizer=ORPHAN, orphans=tuple(graph.dependents(item.uid)))
    if item.waits_for_dependents:
        blocking = graph.blocks(item)
        if not blocking:
            return Release(finalizer=FOREGROUND)
        return Descend(uids=tuple(one.uid for one in blocking if not one.waits_for_dependents))
    if item.deleting or not item.owners:
        return Nothing()
    return _by_owners(item, graph, is_absent)


def _by_owners(item: Item, graph: Graph, is_absent: Callable[[OwnerReference, Item], bool | None]) -> Action:
    known = [(ref, is_absent(ref, item)) for ref in item.owners]
    unknown = tuple(ref for ref, absent in known if absent is None)
    if unknown:
        return Verify(owners=unknown)
    dangling = {ref.uid for ref, absent in known if absent}
    waiting = {ref.uid for ref, absent in known if not absent and _waits_for(ref, graph)}
    if len(dangling | waiting) < len({ref.uid for ref in item.owners}):
        gone = frozenset(dangling | waiting)
        return DropOwners(uids=gone) if gone else Nothing()
    dependents = tuple(graph.dependents(item.uid))
    if waiting and dependents:
        cycle = tuple(one for one in dependents if one.waits_for_dependents)
        return Delete(propagation="Foreground", unblock=(item,) if cycle else ())
    if ORPHAN in item.finalizers:
        return Delete(propagation="Orphan")
    return Delete(propagation="Foreground" if FOREGROUND in item.finalizers else "Background")


def _waits_for(ref: OwnerReference, graph: Graph) -> bool:
    owner = graph.items.get(ref.uid)
    return owner is not None and owner.waits_for_dependents
