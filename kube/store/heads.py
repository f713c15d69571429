"""The newest revision of every key: what compare-and-swap compares with."""

from collections.abc import Sequence
from typing import NamedTuple

from kube.store.contract import Change, Conflict, Delete, Expect, Op, Put


class Head(NamedTuple):
    """Where a key stands."""

    revision: int
    create_revision: int


class Heads:
    """Every live key's head, those of transactions under way included."""

    def __init__(self) -> None:
        self._heads: dict[str, Head] = {}

    def set(self, key: str, head: Head | None) -> None:
        if head is None:
            self._heads.pop(key, None)
        else:
            self._heads[key] = head

    def get(self, key: str) -> Head | None:
        return self._heads.get(key)

    def conflict(self, ops: Sequence[Op]) -> Conflict | None:
        """The first condition that does not hold."""
        for op in ops:
            if op.expect is None:
                continue
            head = self._heads.get(op.key)
            found = head.revision if head is not None else 0
            if found != op.expect:
                return Conflict(op.key, op.expect, found)
        return None

    def changes(self, ops: Sequence[Op], revision: int) -> list[Change]:
        """What ops change when they happen as `revision`; empty for nothing but guards and absent keys."""
        changes: list[Change] = []
        for op in ops:
            head = self._heads.get(op.key)
            match op:
                case Put(key, value, _):
                    changes.append(Change(key, value, head.create_revision if head else revision, revision))
                case Delete(key, _) if head is not None:
                    changes.append(Change(key, None, head.create_revision, revision))
                case Delete() | Expect():
                    pass
        return changes

    def apply(self, changes: Sequence[Change]) -> None:
        for key, value, create_revision, revision in changes:
            if value is None:
                self._heads.pop(key, None)
            else:
                self._heads[key] = Head(revision, create_revision)
