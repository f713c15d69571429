"""Who owns whom, by uid, as the watches tell it. The one mutable value of the garbage collector."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from kube.objects import NamespacedName, Object, OwnerReference, Resource, key_of

FOREGROUND = "foregroundDeletion"
ORPHAN = "orphan"


class Item(msgspec.Struct, frozen=True, kw_only=True):
    uid: str
    resource: Resource
    key: NamespacedName
    owners: tuple[OwnerReference, ...]
    finalizers: tuple[str, ...]
    deleting: bool

    @property
    def waits_for_dependents(self) -> bool:
        return self.deleting and FOREGROUND in self.finalizers

    @property
    def orphans_dependents(self) -> bool:
        return self.deleting and ORPHAN in self.finalizers


def item_of(resource: Resource, obj: Object) -> Item:
    meta = obj.metadata
    return Item(
        uid=meta.uid,
        resource=resource,
        key=key_of(obj),
        owners=meta.owner_references,
        finalizers=meta.finalizers,
        deleting=meta.deletion_timestamp is not None,
    )


class Graph:
    """`put` and `remove` return the uids that must be looked at again."""

    def __init__(self) -> None:
        self.items: dict[str, Item] = {}
        self._dependents: dict[str, dict[str, None]] = {}

    def dependents(self, uid: str) -> Iterator[Item]:
        return (self.items[one] for one in self._dependents.get(uid, ()) if one in self.items)

    def blocks(self, owner: Item) -> list[Item]:
        """The dependents that a foreground deletion of the owner waits for."""
        return [
            one
            for one in self.dependents(owner.uid)
            if any(ref.uid == owner.uid and ref.block_owner_deletion for ref in one.owners)
        ]

    def put(self, item: Item) -> set[str]:
        before = self.items.get(item.uid)
        if before == item:
            return set()
        self.items[item.uid] = item
        old = {ref.uid for ref in before.owners} if before is not None else set()
        new = {ref.uid for ref in item.owners}
        for uid in old - new:
            self._unlink(uid, item.uid)
        for uid in new - old:
            self._dependents.setdefault(uid, {})[item.uid] = None
        look = {item.uid} if item.owners or item.deleting else set()
        # An owner that waits for this one may go on when the reference has changed.
        return look | {uid for uid in old | new if self._is_waiting(uid)}

    def remove(self, uid: str) -> set[str]:
        item = self.items.pop(uid, None)
        if item is None:
            return set()
        for ref in item.owners:
            self._unlink(ref.uid, uid)
        waiting = {ref.uid for ref in item.owners if self._is_waiting(ref.uid)}
        return waiting | {one.uid for one in self.dependents(uid)}

    def _is_waiting(self, uid: str) -> bool:
        owner = self.items.get(uid)
        return owner is not None and owner.deleting

    def _unlink(self, owner: str, dependent: str) -> None:
        linked = self._dependents.get(owner)
        if linked is not None:
            linked.pop(dependent, None)
            if not linked:
                del self._dependents[owner]
