"""`kcore backup` and `kcore restore` with a real etcd on one side or both."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from kube.store import Put, Store, StoreError
from kube.store.backup import run
from kube.store.disk import SqliteStore
from kube.store.etcd.drive import EtcdStore
from kube.store.etcd.options import EtcdOptions
from tests.lab.etcd_server import EtcdCluster

pytestmark = pytest.mark.lab


@pytest.fixture
def etcd(tmp_path: Path) -> Iterator[EtcdCluster]:
    with EtcdCluster(tmp_path / "etcd") as cluster:
        yield cluster


async def content(store: Store) -> dict[str, bytes]:
    try:
        return {row.key: row.value for row in (await store.list("")).rows}
    finally:
        await store.close()


def test_a_cluster_moves_from_sqlite_to_etcd_and_to_another_prefix_and_back(
    etcd: EtcdCluster, tmp_path: Path
) -> None:
    async def main() -> None:
        first = await SqliteStore.open(tmp_path / "a" / run.DATA_FILE, fsync="normal")
        for n in range(1500):
            await first.txn([Put(f"/registry/x/{n}", b'{"n":%d,"pad":"%b"}' % (n, b"p" * 2000), 0)])
        file, again = tmp_path / "sqlite", tmp_path / "lines"
        await run.backup(tmp_path / "a", file)
        expected = await content(first)

        here = EtcdOptions(etcd.endpoints)
        there = here._replace(prefix="/other")
        assert (await run.restore(file, here)).rows == 1500
        with pytest.raises(StoreError, match="not empty"):
            await run.restore(file, here)
        assert (await run.backup(here, again)).rows == 1500
        assert (await run.restore(again, there)).rows == 1500
        assert await content(await EtcdStore.open(there)) == expected
        await run.restore(again, tmp_path / "b")
        assert await content(await SqliteStore.open(tmp_path / "b" / run.DATA_FILE)) == expected

    asyncio.run(main())
