"""A store that tells how long its calls took."""

import time
from collections.abc import Callable, Sequence
from typing import TypeAlias

from kube.store.contract import Delete, Deliver, Expect, Op, Page, Put, Row, Store

Observe: TypeAlias = Callable[[str, str, float], None]  # operation, key, seconds


class TimedStore:
    """Passes everything on; a transaction goes by its first operation."""

    def __init__(self, store: Store, observe: Observe) -> None:
        self._store = store
        self._observe = observe
        self.caught_up = store.caught_up
        self.compact = store.compact
        self.close = store.close

    @property
    def revision(self) -> int:
        return self._store.revision

    @property
    def compacted(self) -> int:
        return self._store.compacted

    async def get(self, key: str) -> Row | None:
        began_s = time.perf_counter()
        found = await self._store.get(key)
        self._observe("get", key, time.perf_counter() - began_s)
        return found

    async def list(self, prefix: str, *, revision: int = 0, limit: int = 0, after: str = "") -> Page:
        began_s = time.perf_counter()
        page = await self._store.list(prefix, revision=revision, limit=limit, after=after)
        self._observe("list", prefix, time.perf_counter() - began_s)
        return page

    async def txn(self, ops: Sequence[Op]) -> int:
        began_s = time.perf_counter()
        try:
            return await self._store.txn(ops)
        finally:
            if ops:
                self._observe(_operation(ops[0]), ops[0].key, time.perf_counter() - began_s)

    async def watch(self, prefix: str, after: int, deliver: Deliver) -> Callable[[], None]:
        return await self._store.watch(prefix, after, deliver)


def _operation(op: Op) -> str:
    match op:
        case Put(expect=0):
            return "create"
        case Delete():
            return "delete"
        case Expect():
            return "get"
        case _:
            return "update"
