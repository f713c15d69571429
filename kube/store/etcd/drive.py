"""The store on etcd: for several API servers, on several machines.

- A transaction of the contract is one of etcd's, the revision is etcd's own. A writer goes on once its
  revision came back through the watch, so that the process reads what it wrote.
- One watch of all keys feeds every watch of this process (feed.py says why all). Lost, it is resumed at the
  next server behind the last revision; when that is compacted meanwhile, what was missed is told from a list.
- etcd's JSON gateway is spoken to (gateway_socket.py); it is on in every etcd since 3.4 unless switched off.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import suppress
from random import Random
from typing import NoReturn, Self

from kube.store.contract import (
    Change,
    Compacted,
    Conflict,
    Deliver,
    Future,
    Op,
    Page,
    Row,
    StoreError,
    Unavailable,
)
from kube.store.etcd import wire
from kube.store.etcd.cluster_drive import Cluster, cluster_of
from kube.store.etcd.compaction_drive import compact_periodically
from kube.store.etcd.feed import Feed, missed
from kube.store.etcd.newest_drive import Newest
from kube.store.etcd.options import EtcdOptions, Keyspace, range_end
from kube.store.etcd.watch_drive import Follower, catch_up, oldest_revision
from kube.store.etcd.wire import EtcdError, KeyValue, RangeAnswer
from kube.store.heads import Head
from kube.store.watches import Watches

PAGE_ROWS = 500  # of one answer: 1 MB and 3 ms of decoding at 2 KB an object
KEYS_ONLY_ROWS = 10_000


class EtcdStore:
    """The contract on a cluster of etcd; made by `open`."""

    def __init__(self, cluster: Cluster, keyspace: Keyspace, feed: Feed, compacted: int) -> None:
        self._cluster = cluster
        self._keyspace = keyspace
        self._watches = Watches()
        self._compacted = compacted
        self._newest = Newest(cluster)
        self._follower = Follower(cluster, feed, self._watches.deliver, self._resync)
        self._progress = self._follower.progress
        self._tasks: list[asyncio.Task[None]] = []

    @classmethod
    async def open(
        cls, options: EtcdOptions, *, keyspace: Keyspace | None = None, rng: Random | None = None
    ) -> Self:
        """Connect, and follow from the newest revision on.

        `rng` chooses the server to begin with. Raises StoreError for wrong options and certificates,
        Unavailable when no server answers.
        """
        keyspace = keyspace or Keyspace.beneath(options.prefix)
        cluster = cluster_of(options, rng or Random())
        try:
            feed = await _load(cluster, keyspace)
            store = cls(cluster, keyspace, feed, await oldest_revision(cluster))
        except EtcdError as error:
            cluster.close()
            raise StoreError(f"etcd refuses to be read: {error}") from error
        except BaseException:
            cluster.close()
            raise
        store._start(options.compaction_period_s)
        return store

    def _start(self, compaction_period_s: float) -> None:
        work = [self._follower.run(), self._follower.watch_over()]
        if compaction_period_s:
            work.append(compact_periodically(self._cluster, self.compact, compaction_period_s))
        self._tasks = [asyncio.create_task(each, name="etcd") for each in work]

    @property
    def revision(self) -> int:
        return self._progress.revision

    @property
    def compacted(self) -> int:
        return max(self._compacted, self._follower.feed.compacted)

    async def get(self, key: str) -> Row | None:
        answer = await self._range(self._keyspace.etcd_key(key))
        return self._row(answer.kvs[0]) if answer.kvs else None

    async def list(self, prefix: str, *, revision: int = 0, limit: int = 0, after: str = "") -> Page:
        if revision and revision < self.compacted:
            raise Compacted(revision, self.compacted)
        start = self._keyspace.etcd_prefix(prefix)
        end = range_end(start)
        if after >= prefix and after:
            start = self._keyspace.etcd_key(after) + b"\0"
        rows: list[Row] = []
        async for answer in self._pages(start, end, revision, limit):
            rows.extend(self._row(kv) for kv in answer.kvs)
            revision = revision or answer.header.revision
            if limit and len(rows) >= limit:
                return Page(tuple(rows), revision, more=answer.more)
        return Page(tuple(rows), revision)

    async def _pages(self, start: bytes, end: bytes, revision: int, limit: int) -> AsyncIterator[RangeAnswer]:
        while True:
            answer = await self._range(
                start, end, revision=revision, limit=min(limit or PAGE_ROWS, PAGE_ROWS)
            )
            yield answer
            if not answer.more:
                return
            revision = revision or answer.header.revision
            limit = max(limit - len(answer.kvs), 0)
            start = answer.kvs[-1].key + b"\0"

    async def _range(self, key: bytes, end: bytes = b"", *, revision: int = 0, limit: int = 0) -> RangeAnswer:
        request = wire.range_request(key, end, revision=revision, limit=limit)
        try:
            return wire.decode_range(await self._cluster.ask(wire.RANGE, request))
        except EtcdError as error:
            await self._refuse(error, revision)

    async def _refuse(self, error: EtcdError, revision: int) -> NoReturn:
        if error.future:
            raise Future(revision, self.revision) from error
        if error.compacted:
            self._compacted = max(self._compacted, await oldest_revision(self._cluster))
            raise Compacted(revision, self.compacted) from error
        if "database space exceeded" in error.message:
            raise Unavailable(
                "etcd is full: raise --quota-backend-bytes or defragment it, then `etcdctl alarm disarm`"
            ) from error
        raise StoreError(f"etcd refuses: {error}") from error

    def _row(self, kv: KeyValue) -> Row:
        return Row(self._keyspace.key(kv.key) or "", kv.value, kv.create_revision, kv.mod_revision)

    async def txn(self, ops: Sequence[Op]) -> int:
        """As the contract says; at most 128 operations (etcd's --max-txn-ops), each key once, 1.5 MB in all."""
        if not ops:
            return self.revision
        request = wire.txn_request(ops, self._keyspace)
        before = self.revision
        try:
            answer = wire.decode_txn(await self._cluster.ask(wire.TXN, request, repeatable=False))
        except EtcdError as error:
            await self._refuse(error, 0)
        revision = answer.header.revision
        await self._follower.reach(revision, before)
        if not answer.succeeded:
            raise _conflict(ops, answer)
        return revision

    async def caught_up(self) -> int:
        """The newest revision of all servers on this etcd, once it is delivered here; raises Unavailable.

        What is read behind it is what a linearizable read would give.
        """
        before = self.revision
        try:
            revision = await self._newest.revision()
        except EtcdError as error:
            raise Unavailable(f"etcd does not say where it is: {error}") from error
        await self._follower.reach(revision, before)
        return revision

    async def watch(self, prefix: str, after: int, deliver: Deliver) -> Callable[[], None]:
        if after < self.compacted:
            raise Compacted(after, self.compacted)
        seen = max(after, 1)  # an etcd begins at revision 1, with nothing in it

        def deliver_new(changes: Sequence[Change]) -> None:
            wanted = [
                change for change in changes if change.revision > seen and change.key.startswith(prefix)
            ]
            if wanted:
                deliver(wanted)

        if seen < self.revision:
            try:
                seen = await catch_up(self._cluster, self._keyspace, seen, self._progress, deliver_new)
            except EtcdError as error:
                await self._refuse(error, after)
        return self._watches.add(prefix, deliver_new if seen > self.revision else deliver)

    async def compact(self, revision: int) -> None:
        bound = min(revision, self.revision)
        if bound <= self._compacted:
            return
        try:
            await self._cluster.ask(wire.COMPACTION, wire.compaction_request(bound))
        except EtcdError as error:
            if not error.compacted:
                await self._refuse(error, bound)
        self._compacted = max(self._compacted, bound)

    async def _resync(self) -> None:
        """Tell the watches what leads from what they saw to the present, whose history is compacted."""
        page = await self.list("")
        feed = self._follower.feed
        changes = missed(feed.heads, page.rows, page.revision)
        feed.reset(page)
        self._compacted = max(self._compacted, await oldest_revision(self._cluster))
        if changes:
            self._watches.deliver(changes)
        self._progress.advance(page.revision)

    async def close(self) -> None:
        self._newest.close()
        for task in self._tasks:
            task.cancel()
        for task in self._tasks:
            with suppress(asyncio.CancelledError):
                await task
        self._cluster.close()


async def _load(cluster: Cluster, keyspace: Keyspace) -> Feed:
    """A feed that goes on behind now."""
    start = keyspace.etcd_prefix("")
    end = range_end(start)
    revision = 0
    heads: dict[str, Head] = {}
    while True:
        request = wire.range_request(start, end, revision=revision, limit=KEYS_ONLY_ROWS, keys_only=True)
        answer = wire.decode_range(await cluster.ask(wire.RANGE, request))
        revision = revision or answer.header.revision
        for kv in answer.kvs:
            key = keyspace.key(kv.key)
            if key is not None:
                heads[key] = Head(kv.mod_revision, kv.create_revision)
        if not answer.more:
            return Feed(keyspace, revision, heads)
        start = answer.kvs[-1].key + b"\0"


def _conflict(ops: Sequence[Op], answer: wire.TxnAnswer) -> Conflict:
    """The first expectation that does not hold; the answers are in the order of the compares."""
    compared = [op for op in ops if op.expect is not None]
    for op, found in zip(compared, answer.responses, strict=False):
        kvs = found.response_range.kvs if found.response_range is not None else ()
        revision = kvs[0].mod_revision if kvs else 0
        if op.expect is not None and revision != op.expect:
            return Conflict(op.key, op.expect, revision)
    raise StoreError("etcd refused a transaction without a reason")
