import asyncio
import sqlite3
import stat
from pathlib import Path

import pytest

from kube.store import Compacted, Delete, Page, Put, Store, StoreError
from kube.store.backup import disk
from kube.store.disk import SqliteStore
from kube.store.memory import MemoryStore

VALUE = b'{"kind":"ConfigMap","apiVersion":"v1","metadata":{"name":"%d"}}'


async def fill(store: Store, count: int = 1203) -> None:
    for n in range(count):
        await store.txn([Put(f"/registry/x/{n:05}", VALUE % n, 0)])
    await store.txn([Delete("/registry/x/00000")])
    await store.txn([Put("/registry/x/00001", b"\xff not json")])


async def content(store: Store) -> dict[str, bytes]:
    return {row.key: row.value for row in (await store.list("")).rows}


def test_lines_bring_the_rows_of_any_store_into_any_empty_store(tmp_path: Path) -> None:
    async def main() -> None:
        source, target = MemoryStore(), MemoryStore()
        await fill(source)
        file = tmp_path / "backup"
        assert await disk.backup_store(source, file) == (source.revision, 1202)
        assert not disk.is_sqlite(file)
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        restored = await disk.restore_store(target, file)
        assert (restored.rows, restored.backup_revision) == (1202, source.revision)
        assert await content(target) == await content(source)
        revisions = {row.key: row.revision for row in (await target.list("")).rows}
        assert revisions["/registry/x/00002"] < revisions["/registry/x/00001"]  # the last written of all
        with pytest.raises(StoreError, match="not empty"):
            await disk.restore_store(target, file)
        assert [path.name for path in tmp_path.iterdir()] == ["backup"]

    asyncio.run(main())


def test_a_backup_shows_one_revision_though_writers_go_on(tmp_path: Path) -> None:
    class Busy(MemoryStore):
        async def list(self, prefix: str, *, revision: int = 0, limit: int = 0, after: str = "") -> Page:
            page = await super().list(prefix, revision=revision, limit=limit, after=after)
            await self.txn([Put("/registry/x/99999", b"new")])
            await self.txn([Delete("/registry/x/01000")])
            return page

    async def main() -> None:
        store, target = Busy(), MemoryStore()
        await fill(store)
        before = {row.key: row.value for row in (await MemoryStore.list(store, "")).rows}
        await disk.backup_store(store, tmp_path / "backup")
        await disk.restore_store(target, tmp_path / "backup")
        assert await content(target) == before

    asyncio.run(main())


def test_a_failed_backup_leaves_the_one_before(tmp_path: Path) -> None:
    class Broken(MemoryStore):
        async def list(self, prefix: str, *, revision: int = 0, limit: int = 0, after: str = "") -> Page:
            if after:
                raise Compacted(1, 2)
            return await super().list(prefix, revision=revision, limit=limit)

    async def main() -> None:
        store = Broken()
        await fill(store)
        (tmp_path / "backup").write_bytes(b"before")
        with pytest.raises(Compacted):
            await disk.backup_store(store, tmp_path / "backup")

    asyncio.run(main())
    assert (tmp_path / "backup").read_bytes() == b"before"
    assert len(list(tmp_path.iterdir())) == 1


def test_a_damaged_file_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    async def main() -> None:
        source, target = MemoryStore(), MemoryStore()
        await fill(source, 300)
        file = tmp_path / "backup"
        await disk.backup_store(source, file)
        file.write_bytes(file.read_bytes()[:-100])
        with pytest.raises(StoreError, match=f"{file}: its end is missing"):
            await disk.restore_store(target, file)
        assert target.revision == 0

    asyncio.run(main())


def test_sqlite_is_copied_while_a_server_writes_and_opens_elsewhere(tmp_path: Path) -> None:
    async def main() -> None:
        source = await SqliteStore.open(tmp_path / "a" / "state.db", fsync="normal")
        await fill(source, 300)
        stop = False

        async def write() -> None:
            while not stop:
                await source.txn([Put("/registry/lease", b"{}")])

        writer = asyncio.ensure_future(write())
        await asyncio.sleep(0.05)
        file = tmp_path / "backup"
        summary = await asyncio.to_thread(disk.backup_sqlite, tmp_path / "a" / "state.db", file)
        stop = True
        await writer
        assert disk.is_sqlite(file)
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        assert summary.rows == 300
        assert summary.revision <= source.revision
        as_it_was = (await source.list("", revision=summary.revision)).rows
        await source.close()

        restored = disk.restore_sqlite(file, tmp_path / "b" / "state.db")
        assert restored == (summary.revision + disk.REVISION_JUMP, 300, summary.revision)
        target = await SqliteStore.open(tmp_path / "b" / "state.db")
        assert (await target.list("")).rows == as_it_was
        assert target.revision == restored.revision
        with pytest.raises(Compacted):
            await target.watch("", summary.revision, lambda _: None)
        assert await target.txn([Put("/registry/new", b"", 0)]) == restored.revision + 1
        await target.close()
        with pytest.raises(StoreError, match="exists"):
            disk.restore_sqlite(file, tmp_path / "b" / "state.db")

    asyncio.run(main())


def test_lines_become_a_sqlite_file_whose_revision_is_ahead_of_the_backups(tmp_path: Path) -> None:
    async def main() -> None:
        source = MemoryStore()
        await fill(source, 250)
        await disk.backup_store(source, tmp_path / "backup")
        restored = await disk.restore_lines_into_sqlite(tmp_path / "backup", tmp_path / "state.db")
        target = await SqliteStore.open(tmp_path / "state.db")
        assert target.revision == restored.revision > source.revision
        assert await content(target) == await content(source)
        await target.close()
        with pytest.raises(StoreError, match="exists"):
            await disk.restore_lines_into_sqlite(tmp_path / "backup", tmp_path / "state.db")

    asyncio.run(main())


def test_what_is_no_store_and_no_backup_is_told(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="nothing to back up"):
        disk.backup_sqlite(tmp_path / "absent.db", tmp_path / "backup")
    text = tmp_path / "text"
    text.write_text("hello")
    with pytest.raises(StoreError, match=f"{text}: "):
        disk.restore_sqlite(text, tmp_path / "state.db")
    other = tmp_path / "other.db"
    with sqlite3.connect(other) as connection:
        connection.execute("CREATE TABLE t (x)")
    connection.close()
    with pytest.raises(StoreError, match="no such table"):
        disk.restore_sqlite(other, tmp_path / "state.db")
    assert not (tmp_path / "state.db").exists()
