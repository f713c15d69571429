import asyncio
from pathlib import Path

import pytest

from kube.store import Put, StoreError
from kube.store.backup import disk, run
from kube.store.disk import SqliteStore


async def make(data_dir: Path) -> SqliteStore:
    store = await SqliteStore.open(data_dir / run.DATA_FILE)
    for n in range(5):
        await store.txn([Put(f"/registry/x/{n}", b"{}", 0)])
    return store


@pytest.mark.parametrize("lines", [False, True])
def test_a_data_directory_goes_into_a_file_under_the_server_and_into_another_directory(
    tmp_path: Path, *, lines: bool
) -> None:
    async def main() -> None:
        running = await make(tmp_path / "a")
        file = tmp_path / "backup"
        summary = await run.backup(tmp_path / "a", file, lines=lines)
        assert summary == (running.revision, 5)
        assert disk.is_sqlite(file) is not lines
        restored = await run.restore(file, tmp_path / "b")
        assert restored.revision > running.revision
        other = await SqliteStore.open(tmp_path / "b" / run.DATA_FILE)
        assert [row.key for row in (await other.list("")).rows] == [
            row.key for row in (await running.list("")).rows
        ]
        await other.close()
        await running.close()
        with pytest.raises(StoreError, match="exists"):
            await run.restore(file, tmp_path / "b")
        assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "b", "backup"]

    asyncio.run(main())
