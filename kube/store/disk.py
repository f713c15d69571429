"""The store on one machine: SQLite, write-ahead log, group commit.

One table, the log: a row for each change, `seq` = revision << 10 | place in its transaction. The index on
(key, seq) gives the current rows (each key's last) and those of any revision that is not compacted; a second
table of current rows would cost a write a change and could come to disagree.

The statements run in the loop's thread (4 µs each), the COMMIT, whose fsync takes 100 times that, in a
thread of its own; what arrives meanwhile shares the next COMMIT. Measured: 230 µs for one, 300 µs for 16.
"""

import asyncio
import contextlib
import fcntl
import os
import sqlite3
import threading
from collections import deque
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from queue import SimpleQueue
from typing import IO, NamedTuple, Self, TypeAlias

from kube.store.contract import Change, Compacted, Deliver, Future, Op, Page, Row, StoreError, Unavailable
from kube.store.heads import Head, Heads
from kube.store.watches import Watches

_OPS_BITS = 10
MAX_OPS = 1 << _OPS_BITS
_COMPACT_STEP = 256  # revisions in one compacting transaction, so that writes wait a few ms at most

_SCHEMA = """
CREATE TABLE IF NOT EXISTS log (
    seq INTEGER PRIMARY KEY, key TEXT NOT NULL, create_revision INTEGER NOT NULL, value BLOB);
CREATE INDEX IF NOT EXISTS log_by_key ON log (key, seq);
CREATE TABLE IF NOT EXISTS state (name TEXT PRIMARY KEY, number INTEGER NOT NULL) WITHOUT ROWID;
"""
_AT = """
SELECT l.key, l.value, l.create_revision, l.seq FROM
    (SELECT max(seq) AS seq FROM log WHERE key > ? AND key >= ? AND key < ? AND seq < ? GROUP BY key) AS newest
    JOIN log AS l ON l.seq = newest.seq WHERE l.value IS NOT NULL ORDER BY l.key LIMIT ?
"""
_SUPERSEDED = """
DELETE FROM log WHERE seq IN (
    SELECT old.seq FROM log AS new JOIN log AS old ON old.key = new.key AND old.seq < new.seq
    WHERE new.seq >= ? AND new.seq < ?)
"""


_Found: TypeAlias = list[tuple[str, bytes, int, int]]


class _Transaction(NamedTuple):
    changes: list[Change]
    done: asyncio.Future[int]


_Job: TypeAlias = Callable[[], object]
_Then: TypeAlias = Callable[[sqlite3.Error | None], None]
_Batch: TypeAlias = list[_Transaction]


class SqliteStore:
    """The contract in one file, for one process at a time."""

    def __init__(self, writer: sqlite3.Connection, reader: sqlite3.Connection, lock: IO[bytes]) -> None:
        self._writer = writer
        self._reader = reader
        self._reading = threading.Lock()
        self._lock = lock
        self._loop = asyncio.get_running_loop()
        self._heads = Heads()
        self._watches = Watches()
        self._queue: _Batch = []  # waiting for the COMMIT under way to end
        self._pending: dict[str, asyncio.Future[int]] = {}  # keys of transactions not committed yet
        self._chores: deque[tuple[_Job, _Then]] = deque()
        self._busy = False
        self._flush_due = False
        self._closed = False
        self._revision, self._compacted = self._load()
        self._assigned = self._revision
        self._jobs: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._work, name="store-commit", daemon=True)
        self._thread.start()

    @classmethod
    async def open(cls, path: Path, *, fsync: str = "full") -> Self:
        """Open or make the file; fsync `full` syncs each commit, `normal` only checkpoints.

        Raises StoreError when another process has it or it cannot be read.
        """
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = Path(f"{path}.lock").open("wb")  # noqa: SIM115 - held as long as the store is open
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            lock.close()
            raise StoreError(
                f"{path} is in use by another process: stop it or choose another --data-dir"
            ) from error
        with contextlib.ExitStack() as opened:
            opened.enter_context(lock)
            try:
                path.touch(mode=0o600)  # Secrets are in it; its WAL gets the same mode
                writer = opened.enter_context(contextlib.closing(_connect(path)))
                writer.execute("PRAGMA journal_mode = WAL")
                writer.execute(f"PRAGMA synchronous = {'FULL' if fsync == 'full' else 'NORMAL'}")
                writer.executescript(_SCHEMA)
                reader = opened.enter_context(contextlib.closing(_connect(path)))
                store = cls(writer, reader, lock)
            except sqlite3.Error as error:
                raise StoreError(
                    f"cannot open {path}: {error}; restore a backup or remove the file"
                ) from error
            opened.pop_all()
        return store

    def _load(self) -> tuple[int, int]:
        state = dict(self._writer.execute("SELECT name, number FROM state").fetchall())
        compacted = state.get("compacted", 0)
        newest = self._writer.execute("SELECT max(seq) FROM log").fetchone()[0] or 0
        for key, create_revision, seq in self._writer.execute(
            "SELECT l.key, l.create_revision, l.seq FROM (SELECT max(seq) AS seq FROM log GROUP BY key) AS newest"
            " JOIN log AS l ON l.seq = newest.seq WHERE l.value IS NOT NULL"
        ):
            self._heads.set(key, Head(seq >> _OPS_BITS, create_revision))
        return max(newest >> _OPS_BITS, compacted), compacted

    @property
    def revision(self) -> int:
        return self._revision

    @property
    def compacted(self) -> int:
        return self._compacted

    async def caught_up(self) -> int:
        return self._revision  # nobody else writes here

    async def get(self, key: str) -> Row | None:
        rows = (await self.list(key, limit=1)).rows
        return rows[0] if rows and rows[0].key == key else None

    async def list(self, prefix: str, *, revision: int = 0, limit: int = 0, after: str = "") -> Page:
        if revision > self._revision:
            raise Future(revision, self._revision)
        at = revision or self._revision
        if at < self._compacted:
            raise Compacted(at, self._compacted)
        end = prefix[:-1] + chr(ord(prefix[-1]) + 1) if prefix else chr(0x10FFFF)
        bounds = (after, prefix, end, (at + 1) << _OPS_BITS, limit + 1 if limit else -1)
        found = await asyncio.to_thread(self._read, _AT, bounds)
        if at < self._compacted:
            raise Compacted(at, self._compacted)
        rows = tuple(Row(key, value, created, seq >> _OPS_BITS) for key, value, created, seq in found)
        return Page(rows[:limit], at, more=True) if limit and len(rows) > limit else Page(rows, at)

    def _read(self, statement: str, arguments: tuple[object, ...]) -> _Found:
        with self._reading:
            return self._reader.execute(statement, arguments).fetchall()

    async def txn(self, ops: Sequence[Op]) -> int:
        if len(ops) > MAX_OPS:
            raise StoreError(f"a transaction holds {MAX_OPS} operations at most, not {len(ops)}")
        while (conflict := self._heads.conflict(ops)) is not None:
            ahead = self._pending.get(conflict.key)
            if ahead is None:
                raise conflict
            await asyncio.wait([ahead])
        if self._closed:
            raise Unavailable("the store is closed")
        changes = self._heads.changes(ops, self._assigned + 1)
        if not changes:
            return self._revision
        self._assigned += 1
        self._heads.apply(changes)
        transaction = _Transaction(changes, self._loop.create_future())
        for change in changes:
            self._pending[change.key] = transaction.done
        self._queue.append(transaction)
        self._flush_soon()
        return await asyncio.shield(transaction.done)

    def _flush_soon(self) -> None:
        """One loop turn later, so that the requests read in this turn share a commit."""
        if not self._flush_due and not self._busy:
            self._flush_due = True
            self._loop.call_soon(self._flush)

    def _flush(self) -> None:
        self._flush_due = False
        if self._busy:
            return
        if self._chores:  # before the next batch, else a stream of writes would starve them
            self._submit(*self._chores.popleft())
            return
        if not self._queue:
            return
        batch, self._queue = self._queue, []
        try:
            self._writer.execute("BEGIN IMMEDIATE")
            self._writer.executemany("INSERT INTO log VALUES (?, ?, ?, ?)", _log_rows(batch))
        except sqlite3.Error as error:
            self._fail(batch, error)
            return
        self._submit(partial(self._writer.execute, "COMMIT"), partial(self._committed, batch))

    def _submit(self, job: _Job, then: _Then) -> None:
        """Run job in the commit thread, then `then` in the loop; the writer connection is its own meanwhile."""
        self._busy = True

        def run() -> None:
            failure: sqlite3.Error | None = None
            try:
                job()
            except sqlite3.Error as error:
                failure = error
            self._loop.call_soon_threadsafe(self._finish, then, failure)

        self._jobs.put(run)

    def _finish(self, then: _Then, failure: sqlite3.Error | None) -> None:
        self._busy = False
        then(failure)
        self._flush()

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            job()

    def _committed(self, batch: _Batch, error: sqlite3.Error | None) -> None:
        if error is not None:
            self._fail(batch, error)
            return
        changes: list[Change] = []
        for transaction in batch:
            changes.extend(transaction.changes)
            for change in transaction.changes:
                if self._pending.get(change.key) is transaction.done:
                    del self._pending[change.key]
        self._revision = changes[-1].revision
        self._watches.deliver(changes)
        for transaction in batch:
            transaction.done.set_result(transaction.changes[0].revision)

    def _fail(self, batch: _Batch, error: sqlite3.Error) -> None:
        """Give up the batch and all that was decided on top of it; the heads are what the file says."""
        if self._writer.in_transaction:
            self._writer.rollback()
        lost, self._queue = [*batch, *self._queue], []
        self._assigned = self._revision
        self._pending.clear()
        self._heads = Heads()
        self._load()
        for transaction in lost:
            transaction.done.set_exception(Unavailable(f"the write was not stored: {error}"))
            transaction.done.exception()  # its request may be gone already

    async def watch(self, prefix: str, after: int, deliver: Deliver) -> Callable[[], None]:
        if after < self._compacted:
            raise Compacted(after, self._compacted)
        history = self._read(
            "SELECT key, value, create_revision, seq FROM log WHERE seq >= ? AND seq < ? ORDER BY seq",
            ((after + 1) << _OPS_BITS, (self._revision + 1) << _OPS_BITS),
        )
        changes = [
            Change(key, value, created, seq >> _OPS_BITS)
            for key, value, created, seq in history
            if key.startswith(prefix)
        ]
        if changes:
            deliver(changes)
        return self._watches.add(prefix, deliver)

    async def compact(self, revision: int) -> None:
        bound = min(revision, self._revision)
        while self._compacted < bound and not self._closed:
            start, end = self._compacted + 1, min(self._compacted + _COMPACT_STEP, bound) + 1
            self._compacted = end - 1
            try:
                await self._exclusively(partial(self._forget, start, end))
            except Unavailable:
                self._compacted = (
                    start - 1
                )  # these rows are there still; the next compaction has to take them
                raise

    def _forget(self, start: int, end: int) -> None:
        seqs = (start << _OPS_BITS, end << _OPS_BITS)
        self._writer.execute("BEGIN IMMEDIATE")
        try:
            self._writer.execute(_SUPERSEDED, seqs)
            self._writer.execute("DELETE FROM log WHERE seq >= ? AND seq < ? AND value IS NULL", seqs)
            self._writer.execute("INSERT OR REPLACE INTO state VALUES ('compacted', ?)", (end - 1,))
            self._writer.execute("COMMIT")
        except sqlite3.Error:
            self._writer.rollback()
            raise

    async def _exclusively(self, job: _Job) -> None:
        done: asyncio.Future[None] = self._loop.create_future()

        def then(error: sqlite3.Error | None) -> None:
            if done.cancelled():
                return
            if error is None:
                done.set_result(None)
            else:
                done.set_exception(Unavailable(str(error)))

        self._chores.append((job, then))
        self._flush_soon()
        await done

    async def close(self) -> None:
        """Wait for what is under way, then give the file back."""
        self._closed = True
        while self._busy or self._queue:
            await self._exclusively(lambda: None)
        self._jobs.put(None)
        await asyncio.to_thread(self._thread.join)
        self._writer.close()
        self._reader.close()
        self._lock.close()


def _connect(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(os.fspath(path), isolation_level=None, check_same_thread=False)
    connection.execute("PRAGMA busy_timeout = 5000")
    connection.execute("PRAGMA temp_store = MEMORY")
    return connection


def _log_rows(batch: Sequence[_Transaction]) -> list[tuple[int, str, int, bytes | None]]:
    return [
        (change.revision << _OPS_BITS | place, change.key, change.create_revision, change.value)
        for transaction in batch
        for place, change in enumerate(transaction.changes)
    ]
