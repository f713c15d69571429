"""What the file adds to the contract: it survives, one process has it, it does not grow."""

import asyncio
import os
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from kube.store import Delete, Put, StoreError, Unavailable
from kube.store.disk import SqliteStore

WRITER = """
import asyncio, sys
from pathlib import Path
from kube.store import Put
from kube.store.disk import SqliteStore

async def writer(store, name):
    for n in range(10**9):
        at = await store.txn([Put(f"/{name}/{n}", b"x" * 500, 0)])
        sys.stdout.write(f"/{name}/{n} {at}\\n")
        sys.stdout.flush()

async def main():
    store = await SqliteStore.open(Path(sys.argv[1]))
    await asyncio.gather(*(writer(store, name) for name in "abcd"))

asyncio.run(main())
"""


def test_nothing_acknowledged_is_lost_when_the_process_is_killed(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    for _ in range(2):
        child = subprocess.Popen([sys.executable, "-c", WRITER, str(path)], stdout=subprocess.PIPE, text=True)
        assert child.stdout is not None
        acknowledged = [child.stdout.readline() for _ in range(400)]
        os.kill(child.pid, signal.SIGKILL)
        acknowledged += [
            line for line in child.stdout.read().splitlines(keepends=True) if line.endswith("\n")
        ]
        child.wait()
        child.stdout.close()

        async def check(lines: list[str]) -> None:
            store = await SqliteStore.open(path)
            rows = {row.key: row.revision for row in (await store.list("/")).rows}
            for line in lines:
                key, revision = line.split()
                assert rows[key] == int(revision)
            assert store.revision == max(rows.values())
            for row in (await store.list("/")).rows:
                await store.txn([Delete(row.key)])
            await store.close()

        asyncio.run(check(acknowledged))


def test_revisions_never_go_back_over_a_restart(tmp_path: Path) -> None:
    async def main() -> None:
        path = tmp_path / "state.db"
        store = await SqliteStore.open(path)
        await store.txn([Put("/a", b"1")])
        gone = await store.txn([Delete("/a")])
        await store.compact(gone)
        await store.close()
        store = await SqliteStore.open(path)
        assert store.revision == gone
        assert await store.txn([Put("/a", b"1", 0)]) == gone + 1
        await store.close()

    asyncio.run(main())


def test_a_second_process_is_told_that_the_file_is_in_use(tmp_path: Path) -> None:
    async def main() -> None:
        store = await SqliteStore.open(tmp_path / "state.db")
        with pytest.raises(StoreError, match="in use by another process"):
            await SqliteStore.open(tmp_path / "state.db")
        await store.close()

    asyncio.run(main())


def test_a_key_written_for_ever_does_not_grow_the_log(tmp_path: Path) -> None:
    async def main() -> None:
        path = tmp_path / "state.db"
        store = await SqliteStore.open(path, fsync="normal")
        for _ in range(3):
            await asyncio.gather(*(store.txn([Put("/lease", b"x" * 300)]) for _ in range(500)))
            await store.compact(store.revision)
        await store.close()
        with sqlite3.connect(path) as connection:
            assert connection.execute("SELECT count(*) FROM log").fetchone() == (1,)
        connection.close()

    asyncio.run(main())


def test_a_failed_commit_fails_its_writers_and_the_next_write_starts_from_what_is_stored(
    tmp_path: Path,
) -> None:
    async def main() -> None:
        store = await SqliteStore.open(tmp_path / "state.db")
        at = await store.txn([Put("/a", b"1", 0)])
        pages = store._writer.execute("PRAGMA page_count").fetchone()[0]
        store._writer.execute(f"PRAGMA max_page_count = {pages}")  # what a full disk looks like to SQLite
        outcomes = await asyncio.gather(
            store.txn([Put("/a", b"2" * 100_000, at)]),
            store.txn([Put("/b", b"3", 0)]),
            return_exceptions=True,
        )
        assert all(isinstance(outcome, Unavailable) for outcome in outcomes)
        store._writer.execute("PRAGMA max_page_count = 1000000")
        assert await store.txn([Put("/a", b"4", at)]) == at + 1
        assert [row.value for row in (await store.list("/")).rows] == [b"4"]
        await store.close()

    asyncio.run(main())


def test_a_compaction_that_fails_is_done_by_the_next(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: SqliteStore, start: int, end: int) -> None:
        raise sqlite3.OperationalError("database or disk is full")

    async def main() -> None:
        store = await SqliteStore.open(tmp_path / "state.db")
        for number in range(6):
            await store.txn([Put("/a", b"%d" % number)])
        with monkeypatch.context() as patch:
            patch.setattr(SqliteStore, "_forget", full)
            with pytest.raises(Unavailable, match="full"):
                await store.compact(5)
        assert store.compacted == 0
        assert (await store.list("/", revision=2)).rows[0].value == b"1"
        await store.compact(5)
        assert store.compacted == 5
        await store.close()
        with sqlite3.connect(tmp_path / "state.db") as file:
            assert file.execute("SELECT count(*) FROM log").fetchone() == (2,)
        file.close()

    asyncio.run(main())
