"""Every store means the same: the contract, run against each implementation."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

import pytest

from kube.store import Change, Compacted, Conflict, Delete, Expect, Future, Put, Store
from kube.store.disk import SqliteStore
from kube.store.memory import MemoryStore

Open = Callable[[], Awaitable[Store]]


@pytest.fixture(params=["memory", "sqlite-full", "sqlite-normal"])
def open_store(request: pytest.FixtureRequest, tmp_path: Path) -> Open:
    async def open_() -> Store:
        if request.param == "memory":
            return MemoryStore()
        return await SqliteStore.open(tmp_path / "state.db", fsync=request.param.removeprefix("sqlite-"))

    return open_


def run(open_store: Open, body: Callable[[Store], Awaitable[None]]) -> None:
    async def main() -> None:
        store = await open_store()
        try:
            await body(store)
        finally:
            await store.close()

    asyncio.run(main())


def test_a_put_is_read_back_with_its_revisions(open_store: Open) -> None:
    async def body(store: Store) -> None:
        first = await store.txn([Put("/a", b"1", 0)])
        second = await store.txn([Put("/a", b"2", first)])
        assert second == first + 1
        row = await store.get("/a")
        assert row == ("/a", b"2", first, second)
        assert store.revision == second == await store.caught_up()
        assert await store.get("/absent") is None

    run(open_store, body)


def test_a_key_at_another_revision_is_a_conflict_and_nothing_of_the_transaction_happens(
    open_store: Open,
) -> None:
    async def body(store: Store) -> None:
        at = await store.txn([Put("/a", b"1", 0)])
        for wrong in (Put("/a", b"x", 0), Put("/a", b"x", at + 7), Delete("/a", at + 7), Expect("/a", 0)):
            with pytest.raises(Conflict) as caught:
                await store.txn([Put("/b", b"x"), wrong])
            assert (caught.value.key, caught.value.found) == ("/a", at)
        assert await store.get("/b") is None
        assert store.revision == at

    run(open_store, body)


def test_of_writers_that_expect_the_same_revision_one_wins(open_store: Open) -> None:
    async def body(store: Store) -> None:
        at = await store.txn([Put("/a", b"0", 0)])
        outcomes = await asyncio.gather(
            *(store.txn([Put("/a", b"%d" % n, at)]) for n in range(8)), return_exceptions=True
        )
        won = [outcome for outcome in outcomes if isinstance(outcome, int)]
        assert len(won) == 1
        for outcome in outcomes:
            if isinstance(outcome, Conflict):
                assert outcome.found == won[0]  # the loser can read what beat it
        assert (await store.get("/a")).revision == won[0]  # type: ignore[union-attr]

    run(open_store, body)


def test_keys_of_one_transaction_share_its_revision(open_store: Open) -> None:
    async def body(store: Store) -> None:
        await store.txn([Put("/old", b"x")])
        at = await store.txn([Put("/a", b"1", 0), Put("/b", b"2", 0), Delete("/old"), Expect("/c", 0)])
        assert [row.revision for row in (await store.list("/")).rows] == [at, at]
        assert [row.key for row in (await store.list("/")).rows] == ["/a", "/b"]

    run(open_store, body)


def test_a_delete_takes_a_revision_and_deleting_the_absent_takes_none(open_store: Open) -> None:
    async def body(store: Store) -> None:
        at = await store.txn([Put("/a", b"1", 0)])
        gone = await store.txn([Delete("/a", at)])
        assert gone == at + 1
        assert await store.txn([Delete("/a")]) == gone
        again = await store.txn([Put("/a", b"2", 0)])
        assert (await store.get("/a")).create_revision == again  # type: ignore[union-attr]

    run(open_store, body)


def test_a_list_goes_on_at_the_revision_it_began_with(open_store: Open) -> None:
    async def body(store: Store) -> None:
        for name in "cabed":
            await store.txn([Put(f"/x/{name}", name.encode(), 0)])
        await store.txn([Put("/y/other", b"")])
        page = await store.list("/x/", limit=2)
        assert [row.key for row in page.rows] == ["/x/a", "/x/b"]
        assert page.more
        await store.txn([Delete("/x/d")])
        await store.txn([Put("/x/c", b"changed")])
        await store.txn([Put("/x/ca", b"new")])
        rest = await store.list("/x/", limit=5, revision=page.revision, after=page.rows[-1].key)
        assert [(row.key, row.value) for row in rest.rows] == [("/x/c", b"c"), ("/x/d", b"d"), ("/x/e", b"e")]
        assert not rest.more
        now = await store.list("/x/")
        assert [row.key for row in now.rows] == ["/x/a", "/x/b", "/x/c", "/x/ca", "/x/e"]

    run(open_store, body)


def test_revisions_that_are_not_written_yet_cannot_be_listed(open_store: Open) -> None:
    async def body(store: Store) -> None:
        at = await store.txn([Put("/a", b"1")])
        with pytest.raises(Future):
            await store.list("/", revision=at + 1)

    run(open_store, body)


def test_a_watch_gets_history_then_live_changes_in_order_before_the_writer_goes_on(open_store: Open) -> None:
    async def body(store: Store) -> None:
        seen: list[Change] = []
        first = await store.txn([Put("/x/a", b"1", 0)])
        await store.txn([Put("/x/a", b"2", first)])
        await store.txn([Put("/y/b", b"elsewhere")])
        cancel = await store.watch("/x/", first, seen.extend)
        last = await store.txn([Delete("/x/a")])
        assert [(change.key, change.value) for change in seen] == [("/x/a", b"2"), ("/x/a", None)]
        assert seen[-1].revision == last
        cancel()
        await store.txn([Put("/x/a", b"3")])
        assert len(seen) == 2

    run(open_store, body)


def test_many_writers_are_delivered_in_revision_order_without_gaps(open_store: Open) -> None:
    async def body(store: Store) -> None:
        seen: list[Change] = []

        def deliver(changes: Sequence[Change]) -> None:
            seen.extend(changes)

        first = store.revision + 1
        await store.watch("", store.revision, deliver)
        revisions = await asyncio.gather(*(store.txn([Put(f"/k/{n}", b"x", 0)]) for n in range(300)))
        assert sorted(revisions) == list(range(first, first + 300))
        assert [change.revision for change in seen] == list(range(first, first + 300))

    run(open_store, body)


def test_compaction_keeps_what_later_reads_need_and_refuses_earlier_ones(open_store: Open) -> None:
    async def body(store: Store) -> None:
        for n in range(600):
            await store.txn([Put("/lease", b"%d" % n)])
        gone = await store.txn([Put("/gone", b"x")])
        await store.txn([Delete("/gone")])
        bound = await store.txn([Put("/kept", b"x")])
        after = await store.txn([Put("/lease", b"last")])
        await store.compact(bound)
        assert store.compacted == bound
        assert [row.value for row in (await store.list("/", revision=bound)).rows] == [b"x", b"599"]
        assert [row.value for row in (await store.list("/")).rows] == [b"x", b"last"]
        with pytest.raises(Compacted):
            await store.list("/", revision=gone)
        with pytest.raises(Compacted):
            await store.watch("/", gone, lambda _: None)
        seen: list[Change] = []
        await store.watch("/", bound, seen.extend)
        assert [change.revision for change in seen] == [after]
        await store.compact(bound - 5)
        await store.compact(after + 1000)
        assert store.compacted == after

    run(open_store, body)
