"""A store that forgets at exit, for tests and throw-away clusters."""

from bisect import bisect_left, bisect_right, insort
from collections.abc import Callable, Sequence

from kube.store.contract import Change, Compacted, Deliver, Future, Op, Page, Row
from kube.store.heads import Heads
from kube.store.watches import Watches


class MemoryStore:
    """The contract without a file: a history per key and one log."""

    def __init__(self) -> None:
        self._heads = Heads()
        self._watches = Watches()
        self._keys: list[str] = []
        self._versions: dict[str, list[Change]] = {}
        self._log: list[Change] = []
        self._revision = 0
        self._compacted = 0

    @property
    def revision(self) -> int:
        return self._revision

    @property
    def compacted(self) -> int:
        return self._compacted

    async def caught_up(self) -> int:
        return self._revision  # nobody else writes here

    async def get(self, key: str) -> Row | None:
        return self._at(key, self._revision)

    def _at(self, key: str, revision: int) -> Row | None:
        for change in reversed(self._versions.get(key, ())):
            if change.revision <= revision:
                return None if change.value is None else Row(key, change.value, *change[2:])
        return None

    async def list(self, prefix: str, *, revision: int = 0, limit: int = 0, after: str = "") -> Page:
        if revision > self._revision:
            raise Future(revision, self._revision)
        at = revision or self._revision
        if at < self._compacted:
            raise Compacted(at, self._compacted)
        rows: list[Row] = []
        start = bisect_right(self._keys, after) if after >= prefix else bisect_left(self._keys, prefix)
        for key in self._keys[start:]:
            if not key.startswith(prefix):
                break
            row = self._at(key, at)
            if row is None:
                continue
            if limit and len(rows) == limit:
                return Page(tuple(rows), at, more=True)
            rows.append(row)
        return Page(tuple(rows), at)

    async def txn(self, ops: Sequence[Op]) -> int:
        conflict = self._heads.conflict(ops)
        if conflict is not None:
            raise conflict
        changes = self._heads.changes(ops, self._revision + 1)
        if not changes:
            return self._revision
        self._heads.apply(changes)
        self._revision += 1
        self._log.extend(changes)
        for change in changes:
            if change.key not in self._versions:
                insort(self._keys, change.key)
            self._versions.setdefault(change.key, []).append(change)
        revision = self._revision
        self._watches.deliver(changes)
        return revision

    async def watch(self, prefix: str, after: int, deliver: Deliver) -> Callable[[], None]:
        if after < self._compacted:
            raise Compacted(after, self._compacted)
        history = [c for c in self._log if c.revision > after and c.key.startswith(prefix)]
        if history:
            deliver(history)
        return self._watches.add(prefix, deliver)

    async def compact(self, revision: int) -> None:
        bound = min(revision, self._revision)
        if bound <= self._compacted:
            return
        self._compacted = bound
        self._log = [change for change in self._log if change.revision > bound]
        for key, versions in list(self._versions.items()):
            old = [change for change in versions if change.revision <= bound]
            kept = [change for change in versions if change.revision > bound]
            if old and old[-1].value is not None:
                kept.insert(0, old[-1])
            if kept:
                self._versions[key] = kept
            else:
                del self._versions[key]
        self._keys = sorted(self._versions)

    async def close(self) -> None:
        """Nothing to give back."""
