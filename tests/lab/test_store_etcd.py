"""The store on a real etcd: the contract of all stores, several API servers, and what breaks."""

import asyncio
import itertools
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import pytest
import uvloop

from kube.store import Change, Compacted, Conflict, Delete, Put, Store, Unavailable
from kube.store.etcd.drive import EtcdStore
from kube.store.etcd.options import EtcdOptions, Keyspace
from tests.lab.etcd_server import EtcdCluster
from tests.unit.kube.store import test_contract as contract

pytestmark = pytest.mark.lab

Loop = Callable[[], asyncio.AbstractEventLoop]
ANY_KEY = Keyspace(inner="", outer="/contract")
CONTRACT = [getattr(contract, name) for name in dir(contract) if name.startswith("test_")]


@pytest.fixture
def etcd(tmp_path: Path) -> Iterator[EtcdCluster]:
    with EtcdCluster(tmp_path) as cluster:
        yield cluster


@pytest.mark.parametrize("body", CONTRACT, ids=[body.__name__.removeprefix("test_") for body in CONTRACT])
def test_the_contract_of_every_store(
    body: Callable[[Callable[[], Awaitable[Store]]], None], etcd: EtcdCluster
) -> None:
    async def open_store() -> Store:
        return await EtcdStore.open(EtcdOptions(etcd.endpoints), keyspace=ANY_KEY)

    body(open_store)


def options(etcd: EtcdCluster, *, compaction_period_s: float = 0) -> EtcdOptions:
    return EtcdOptions(etcd.endpoints, compaction_period_s=compaction_period_s)


def run(body: Awaitable[None], loop: Loop = asyncio.new_event_loop) -> None:
    async def main() -> None:
        async with asyncio.timeout(300):
            await body

    with asyncio.Runner(loop_factory=loop) as runner:
        runner.run(main())


def test_keys_lie_beneath_the_prefix_and_others_keys_are_none_of_ours(etcd: EtcdCluster) -> None:
    async def body() -> None:
        ours = await EtcdStore.open(options(etcd)._replace(prefix="/ours"))
        theirs = await EtcdStore.open(options(etcd)._replace(prefix="/ours2"))
        seen: list[Change] = []
        await ours.watch("", 0, seen.extend)
        at = await theirs.txn([Put("/registry/pods/a/x", b"theirs", 0)])
        last = await ours.txn([Put("/registry/pods/a/x", b"ours", 0)])
        assert last == at + 1
        assert [change.value for change in seen] == [b"ours"]
        assert [row.value for row in (await ours.list("/registry/")).rows] == [b"ours"]
        assert [row.value for row in (await ours.list("")).rows] == [b"ours"]
        raw = await EtcdStore.open(options(etcd), keyspace=Keyspace(inner="", outer="/ours"))
        assert [row.key for row in (await raw.list("/")).rows] == ["/pods/a/x"]
        for store in (ours, theirs, raw):
            await store.close()

    run(body())


def test_a_list_of_many_large_objects_comes_in_pages_at_one_revision(etcd: EtcdCluster) -> None:
    async def body() -> None:
        store = await EtcdStore.open(options(etcd))
        await asyncio.gather(*(store.txn([Put(f"/registry/x/{n:05}", b"v" * 9000, 0)]) for n in range(1203)))
        page = await store.list("/registry/x/")
        assert len(page.rows) == 1203
        assert page.revision == store.revision
        assert not page.more
        limited = await store.list("/registry/x/", limit=700)
        assert limited.more
        rest = await store.list(
            "/registry/x/", limit=700, revision=limited.revision, after=limited.rows[-1].key
        )
        assert not rest.more
        assert limited.rows + rest.rows == page.rows
        seen: list[Change] = []
        await store.watch("/registry/x/", 0, seen.extend)  # 11 MB of history
        assert [change.value for change in seen] == [b"v" * 9000] * 1203
        await store.close()

    run(body())


def test_a_delete_tells_when_the_key_was_created_live_and_as_history(etcd: EtcdCluster) -> None:
    async def body() -> None:
        store = await EtcdStore.open(options(etcd))
        live: list[Change] = []
        await store.watch("", 0, live.extend)
        created = await store.txn([Put("/registry/x/a", b"1", 0)])
        await store.txn([Put("/registry/x/a", b"2", created)])
        gone = await store.txn([Delete("/registry/x/a")])
        history: list[Change] = []
        await store.watch("", gone - 1, history.extend)
        assert live[-1] == history[-1] == ("/registry/x/a", None, created, gone)
        await store.close()

    run(body())


@pytest.mark.parametrize("loop", [asyncio.new_event_loop, uvloop.new_event_loop])
def test_two_servers_see_each_others_writes_and_one_of_them_wins(etcd: EtcdCluster, loop: Loop) -> None:
    async def body() -> None:
        a, b = await EtcdStore.open(options(etcd)), await EtcdStore.open(options(etcd))
        seen: list[Change] = []
        await b.watch("", b.revision, seen.extend)
        at = await a.txn([Put("/registry/x/k", b"a", 0)])
        assert await b.caught_up() >= at
        assert [(change.value, change.revision) for change in seen] == [(b"a", at)]
        outcomes = await asyncio.gather(
            a.txn([Put("/registry/x/k", b"2", at)]),
            b.txn([Put("/registry/x/k", b"3", at)]),
            return_exceptions=True,
        )
        won = [outcome for outcome in outcomes if isinstance(outcome, int)]
        lost = [outcome for outcome in outcomes if isinstance(outcome, Conflict)]
        assert (len(won), len(lost)) == (1, 1)
        assert lost[0].found == won[0]
        assert seen[-1].revision == won[0]
        await a.close()
        await b.close()

    run(body(), loop)


def test_a_killed_etcd_loses_nothing_acknowledged_and_watches_go_on(etcd: EtcdCluster) -> None:
    async def body() -> None:
        store = await EtcdStore.open(options(etcd))
        seen: list[Change] = []
        await store.watch("", 0, seen.extend)
        acknowledged: dict[str, int] = {}
        stop = asyncio.Event()

        async def writer(name: str) -> None:
            n = 0
            while not stop.is_set():
                n += 1
                key = f"/registry/{name}/{n}"
                try:
                    acknowledged[key] = await store.txn([Put(key, b"x" * 500, 0)])
                except Unavailable:
                    continue

        writers = [asyncio.create_task(writer(name)) for name in "abcd"]
        for _ in range(2):
            await asyncio.sleep(0.5)
            etcd.members[0].kill()
            await asyncio.sleep(0.2)
            before = len(acknowledged)
            etcd.members[0].start()
            await asyncio.to_thread(etcd.members[0].wait_ready)
            while len(acknowledged) <= before:  # noqa: ASYNC110 - `run` bounds it
                await asyncio.sleep(0.02)
        stop.set()
        await asyncio.gather(*writers)
        assert await store.caught_up() == store.revision
        rows = {row.key: row.revision for row in (await store.list("")).rows}
        assert acknowledged.items() <= rows.items()
        assert [change.revision for change in seen] == sorted(rows.values())
        assert {change.key: change.revision for change in seen} == rows
        await store.close()

    run(body())


def test_servers_compact_by_turns_and_tell_each_other(etcd: EtcdCluster) -> None:
    async def body() -> None:
        stores = [await EtcdStore.open(options(etcd, compaction_period_s=0.3)) for _ in range(3)]
        first = await stores[0].txn([Put("/registry/lease", b"0", 0)])
        turn = itertools.cycle(stores)
        while not all(first < store.compacted for store in stores):
            await next(turn).txn([Put("/registry/lease", b"n")])
            await asyncio.sleep(0.02)
        for store in stores:
            assert first < store.compacted <= store.revision
            with pytest.raises(Compacted):
                await store.list("/registry/", revision=first)
            with pytest.raises(Compacted):
                await store.watch("", first, lambda _: None)
        for store in stores:
            await store.close()  # before the look at what is compacted: they go on with it
        late = await EtcdStore.open(options(etcd))
        assert first < late.compacted
        assert [row.value for row in (await late.list("", revision=late.compacted)).rows] != []
        await late.close()

    run(body())
