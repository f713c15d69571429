"""Backups on disk: written whole or not at all, readable by their owner only (they hold the Secrets)."""

import asyncio
import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import NamedTuple

from kube.store.backup import lines
from kube.store.backup.batches import batches
from kube.store.contract import Store, StoreError
from kube.store.disk import MAX_OPS, SqliteStore

PAGE_ROWS = 500
SQLITE_MAGIC = b"SQLite format 3\0"
# Revisions that a restored store jumps ahead of its backup: more than it can have written since, so that no
# client meets a revision a second time with another content. What clients ask from before is answered Expired.
REVISION_JUMP = 1_000_000_000


class Summary(NamedTuple):
    """What a backup holds: `rows` keys as they were at `revision`."""

    revision: int
    rows: int


class Restored(NamedTuple):
    """`revision` of the store now; if it is less than the backup's, clients have to list anew (restart them)."""

    revision: int
    rows: int
    backup_revision: int


def is_sqlite(path: Path) -> bool:
    """Whether the backup is a SQLite file; else it has to be JSON lines. Raises OSError."""
    with path.open("rb") as file:
        return file.read(len(SQLITE_MAGIC)) == SQLITE_MAGIC


async def backup_store(store: Store, path: Path) -> Summary:
    """Write all rows of any store, as they are at one revision, as JSON lines; writers go on meanwhile.

    An existing file is replaced once the new one is complete. Raises StoreError (Compacted when it takes longer
    than history is kept), OSError.
    """
    page = await store.list("", limit=PAGE_ROWS)
    writer = lines.Writer()
    with _replacing(path) as temporary, temporary.open("wb") as file:
        file.write(writer.header(page.revision))
        while True:
            file.write(b"".join(map(writer.row, page.rows)))
            if not page.more:
                break
            page = await store.list("", revision=page.revision, limit=PAGE_ROWS, after=page.rows[-1].key)
        file.write(writer.seal())
    return Summary(page.revision, writer.rows)


async def restore_store(store: Store, path: Path) -> Restored:
    """Write the rows of a JSON-lines backup into an empty store, the oldest first.

    The file is read and checked to its end before the first write. Revisions are new ones. Raises StoreError
    when the store is not empty or the file is not whole; OSError.
    """
    if (await store.list("", limit=1)).rows:
        raise StoreError(
            "the target is not empty: restore into a new one (another --data-dir or --etcd-prefix)"
        )
    with _explained(path), path.open("rb") as file:
        header = await asyncio.to_thread(lines.check, file)
        file.seek(0)
        rows = sorted(lines.rows_of(file), key=lambda row: row.revision)
    for batch in batches(rows):
        await store.txn(batch)
    return Restored(store.revision, len(rows), header.revision)


def backup_sqlite(data_file: Path, path: Path) -> Summary:
    """Copy the file of a SqliteStore, whether a server has it open or not: writers go on, one state is copied.

    An existing backup is replaced once the new one is complete. Raises StoreError, OSError.
    """
    if not data_file.exists():
        raise StoreError(f"{data_file} does not exist: nothing to back up; is --data-dir right?")
    with _replacing(path) as temporary, _sqlite_errors(data_file):
        with closing(sqlite3.connect(data_file)) as source, closing(sqlite3.connect(temporary)) as target:
            source.execute("PRAGMA busy_timeout = 10000")
            source.backup(target)  # in one step: several would begin anew with each write of the server
            target.execute("PRAGMA journal_mode = DELETE")  # one file, no -wal beside it
            return _checked(target)


def restore_sqlite(path: Path, data_file: Path) -> Restored:
    """Put a SQLite backup where a server will open it.

    Its revision is REVISION_JUMP ahead of the backup's. Raises StoreError when data_file exists or the backup
    is damaged; OSError.
    """
    for existing in (data_file, Path(f"{data_file}-wal")):
        if existing.exists():
            raise StoreError(f"{existing} exists: restore into another --data-dir, or move it away")
    data_file.parent.mkdir(parents=True, exist_ok=True)
    with _replacing(data_file) as temporary, _sqlite_errors(path):
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro&immutable=1", uri=True)) as source:
            summary = _checked(source)
            with closing(sqlite3.connect(temporary)) as target:
                source.backup(target)
                _jump(target, summary.revision + REVISION_JUMP)
    return Restored(summary.revision + REVISION_JUMP, summary.rows, summary.revision)


async def restore_lines_into_sqlite(path: Path, data_file: Path) -> Restored:
    """Write a JSON-lines backup, also of an etcd, into a new SQLite file. Raises as restore_sqlite does."""
    if data_file.exists():
        raise StoreError(f"{data_file} exists: restore into another --data-dir, or move it away")
    store = await SqliteStore.open(data_file, fsync="normal")
    try:
        restored = await restore_store(store, path)
    finally:
        await store.close()
    revision = max(restored.revision, restored.backup_revision) + REVISION_JUMP
    with _sqlite_errors(data_file), closing(sqlite3.connect(data_file)) as connection:
        _jump(connection, revision)
    return restored._replace(revision=revision)


def _jump(connection: sqlite3.Connection, revision: int) -> None:
    """All history before the revision counts as compacted, and the next write is behind it."""
    with connection:
        connection.execute("INSERT OR REPLACE INTO state VALUES ('compacted', ?)", (revision,))


def _checked(connection: sqlite3.Connection) -> Summary:
    result = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
    if result != "ok":
        raise StoreError(f"the file is damaged: {result}; take another backup")
    newest = connection.execute("SELECT max(seq) FROM log").fetchone()[0] or 0
    compacted = (
        connection.execute("SELECT max(number) FROM state WHERE name = 'compacted'").fetchone()[0] or 0
    )
    rows = connection.execute(
        "SELECT count(*) FROM (SELECT max(seq) AS seq FROM log GROUP BY key) AS newest"
        " JOIN log AS l ON l.seq = newest.seq WHERE l.value IS NOT NULL"
    ).fetchone()[0]
    return Summary(max(newest // MAX_OPS, compacted), rows)


@contextmanager
def _replacing(path: Path) -> Iterator[Path]:
    """A temporary file beside path that takes its place, on disk, if the block ends well."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        os.close(os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        yield temporary
        _sync(temporary)
        temporary.replace(path)
        _sync(path.parent)
    finally:
        temporary.unlink(missing_ok=True)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    try:
        yield
    except StoreError as error:
        raise StoreError(f"{path}: {error}") from error


@contextmanager
def _sqlite_errors(path: Path) -> Iterator[None]:
    try:
        with _explained(path):
            yield
    except sqlite3.Error as error:
        raise StoreError(f"{path}: {error}") from error
