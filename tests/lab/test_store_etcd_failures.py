"""The store on an etcd that breaks: members die, hang, lose their quorum; history goes; TLS is asked for."""

import asyncio
import signal
from collections.abc import Awaitable, Iterator
from pathlib import Path
from random import Random

import pytest

from kube.store import Change, Delete, Put, StoreError, Unavailable
from kube.store.etcd.drive import EtcdStore
from kube.store.etcd.options import Endpoint, EtcdOptions
from tests.lab.etcd_server import EtcdCluster
from tests.ports import free_port

pytestmark = pytest.mark.lab


PATIENCE_S = 90.0


class StartAt(Random):
    """Begins with the server of this number."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self.number = number

    def randrange(self, *_: object) -> int:
        return self.number


@pytest.fixture
def three(tmp_path: Path) -> Iterator[EtcdCluster]:
    with EtcdCluster(tmp_path, size=3) as cluster:
        yield cluster


@pytest.fixture
def etcd(tmp_path: Path) -> Iterator[EtcdCluster]:
    with EtcdCluster(tmp_path) as cluster:
        yield cluster


def run(body: Awaitable[None]) -> None:
    async def main() -> None:
        async with asyncio.timeout(400):
            await body

    asyncio.run(main())


async def open_at(etcd: EtcdCluster, number: int) -> EtcdStore:
    return await EtcdStore.open(EtcdOptions(etcd.endpoints, compaction_period_s=0), rng=StartAt(number))


class Load:
    """Writers of new keys, and a watch that has to see each of them once."""

    def __init__(self, store: EtcdStore) -> None:
        self.store = store
        self.seen: list[Change] = []
        self.acknowledged: dict[str, int] = {}
        self.refused = 0
        self._stop = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        await self.store.watch("", 0, self.seen.extend)
        self._tasks = [asyncio.create_task(self._write(name)) for name in "abcd"]

    async def _write(self, name: str) -> None:
        n = 0
        while not self._stop.is_set():
            n += 1
            key = f"/registry/{name}/{n}"
            try:
                self.acknowledged[key] = await self.store.txn([Put(key, b"x" * 500, 0)])
            except Unavailable:
                self.refused += 1
                await asyncio.sleep(0.05)

    async def progresses(self) -> None:
        before = len(self.acknowledged)
        try:
            async with asyncio.timeout(PATIENCE_S):
                while len(self.acknowledged) < before + 20:  # noqa: ASYNC110 - counts are plain values
                    await asyncio.sleep(0.02)
        except TimeoutError:
            pytest.fail(f"no 20 writes within {PATIENCE_S} s: {self.refused} were refused")

    async def stop_and_check(self) -> None:
        self._stop.set()
        await asyncio.gather(*self._tasks)
        await self.store.caught_up()
        rows = {row.key: row.revision for row in (await self.store.list("")).rows}
        assert self.acknowledged.items() <= rows.items()
        assert [change.revision for change in self.seen] == sorted(rows.values())


def test_a_dead_member_is_passed_over_wherever_one_begins(three: EtcdCluster) -> None:
    async def body() -> None:
        three.members[1].kill()
        for number in range(3):
            store = await open_at(three, number)
            async with asyncio.timeout(60):
                at = await store.txn([Put(f"/registry/x/{number}", b"", 0)])
                assert (await store.list("/registry/x/")).revision == at
            await store.close()

    run(body())


def test_writes_and_watches_go_on_at_another_member_when_one_is_killed(three: EtcdCluster) -> None:
    async def body() -> None:
        store = await open_at(three, 0)
        load = Load(store)
        await load.start()
        for member in three.members:
            await load.progresses()
            member.kill()
            await load.progresses()
            member.start()
            await asyncio.to_thread(member.wait_ready)
        await load.stop_and_check()
        await store.close()

    run(body())


def test_a_member_that_hangs_is_left_for_another(three: EtcdCluster) -> None:
    async def body() -> None:
        store = await open_at(three, 2)
        load = Load(store)
        await load.start()
        await load.progresses()
        three.members[2].signal(signal.SIGSTOP)
        await load.progresses()
        await load.stop_and_check()
        await store.close()

    run(body())


def test_without_a_quorum_writes_are_refused_and_with_it_they_go_on(three: EtcdCluster) -> None:
    async def body() -> None:
        store = await open_at(three, 0)
        await store.txn([Put("/registry/x/before", b"", 0)])
        three.members[1].kill()
        three.members[2].kill()
        with pytest.raises(Unavailable, match=r"etcd at http://127\.0\.0\.1:\d+"):
            await store.txn([Put("/registry/x/during", b"")])
        three.members[1].start()
        await asyncio.to_thread(three.members[1].wait_ready)
        at = await store.txn([Put("/registry/x/after", b"", 0)])
        assert await store.caught_up() >= at
        await store.close()

    run(body())


def test_nobody_there_is_told_with_the_address(tmp_path: Path) -> None:
    async def body() -> None:
        endpoint = Endpoint("127.0.0.1", free_port())
        with pytest.raises(Unavailable, match=f"etcd at {endpoint}"):
            await EtcdStore.open(EtcdOptions((endpoint,)))

    run(body())


def test_changes_that_were_compacted_while_the_watch_was_away_are_told_from_a_list(etcd: EtcdCluster) -> None:
    async def body() -> None:
        store = await open_at(etcd, 0)
        other = await open_at(etcd, 0)
        seen: list[Change] = []
        for name in ("kept", "changed", "gone", "reborn"):
            await store.txn([Put(f"/registry/x/{name}", b"1", 0)])
        born = (await store.get("/registry/x/reborn")).create_revision  # type: ignore[union-attr]
        left = (await store.get("/registry/x/gone")).create_revision  # type: ignore[union-attr]
        await store.watch("", store.revision, seen.extend)
        task = store._tasks[0]
        task.cancel()
        await asyncio.wait([task])
        changed = await other.txn([Put("/registry/x/changed", b"2")])
        await other.txn([Delete("/registry/x/gone")])
        await other.txn([Delete("/registry/x/reborn")])
        reborn = await other.txn([Put("/registry/x/reborn", b"2", 0)])
        now = await other.txn([Put("/registry/x/new", b"1", 0)])
        await other.compact(now)
        store._tasks[0] = asyncio.create_task(store._follower.run())
        assert await store.caught_up() == now
        assert seen == [
            ("/registry/x/changed", b"2", born - 2, changed),
            ("/registry/x/reborn", None, born, reborn - 1),
            ("/registry/x/reborn", b"2", reborn, reborn),
            ("/registry/x/new", b"1", now, now),
            ("/registry/x/gone", None, left, now),
        ]
        last = await store.txn([Delete("/registry/x/kept")])
        assert seen[-1].revision == last
        assert store.compacted == now
        await store.close()
        await other.close()

    run(body())


def test_what_etcd_refuses_is_told_and_the_next_write_works(etcd: EtcdCluster) -> None:
    async def body() -> None:
        store = await open_at(etcd, 0)
        with pytest.raises(StoreError, match="too large"):
            await store.txn([Put("/registry/x/a", b"x" * 2_000_000)])
        with pytest.raises(StoreError, match="too many operations"):
            await store.txn([Put(f"/registry/x/{n}", b"") for n in range(200)])
        with pytest.raises(StoreError, match="not beneath /registry"):
            await store.txn([Put("/elsewhere", b"")])
        assert await store.txn([Put("/registry/x/a", b"", 0)]) == store.revision
        await store.close()

    run(body())


def test_an_old_backup_put_in_place_of_the_data_is_noticed(etcd: EtcdCluster) -> None:
    """An empty etcd stands for the backup."""

    async def body() -> None:
        store = await open_at(etcd, 0)
        for n in range(20):
            await store.txn([Put(f"/registry/x/{n}", b"")])
        etcd.members[0].kill()
        etcd.members[0].forget()
        etcd.members[0].start()
        await asyncio.to_thread(etcd.members[0].wait_ready)
        with pytest.raises(Unavailable, match=r"went back from revision 21 to 1: .* restart"):
            await store.caught_up()
        with pytest.raises(Unavailable, match="went back"):
            await store.txn([Put("/registry/x/y", b"")])
        await store.close()

    run(body())
