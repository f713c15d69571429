"""The watch cache: what it holds is what the store held, now and at any kept revision."""

import asyncio
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kube.store import Compacted, Delete, Put
from kube.store.cache import WatchCache, store_key
from kube.store.disk import SqliteStore
from kube.store.entries import entry, served, with_revision
from kube.store.memory import MemoryStore
from kube.store.watchers import View, Watcher

STEP = st.tuples(st.sampled_from("abc"), st.sampled_from(["put", "delete"]))


def value(name: str, content: str = "", **labels: str) -> bytes:
    pairs = ",".join(f'"{key}":"{text}"' for key, text in labels.items())
    head = f'{{"kind":"T","apiVersion":"v1","metadata":{{"name":"{name}"'
    return f'{head},"labels":{{{pairs}}}}},"data":"{content}"}}'.encode()


class Everything:
    name = "plain"

    def matches(self, view: View) -> bool:
        return True

    def line(self, kind: str, view: View) -> bytes:
        return f"{kind} {view.entry.name} {view.entry.revision}\n".encode()


@settings(max_examples=60, deadline=None)
@given(steps=st.lists(STEP, max_size=25), ring=st.integers(1, 30), compacted=st.integers(0, 25))
def test_any_kept_revision_reads_as_it_was(steps: list[tuple[str, str]], ring: int, compacted: int) -> None:
    async def main() -> None:
        store = MemoryStore()
        cache = WatchCache(store, ring_events=ring)
        await cache.start()
        history: dict[int, dict[str, int]] = {0: {}}
        now: dict[str, int] = {}
        for n, (name, action) in enumerate(steps):
            key = store_key("things", "ns", name)
            at = await store.txn([Put(key, value(name, str(n))) if action == "put" else Delete(key)])
            if action == "put":
                now[f"ns/{name}"] = at
            else:
                now.pop(f"ns/{name}", None)
            history[at] = dict(now)
        await store.compact(compacted)
        fresh = WatchCache(store, ring_events=ring)
        await fresh.start()
        for seen in (cache, fresh):
            assert seen.revision == store.revision
            for revision, objects in history.items():
                if revision < store.compacted:
                    with pytest.raises(Compacted):
                        await seen.at("things", revision)
                    continue
                snapshot = await seen.at("things", revision)
                assert {found.key: found.revision for found in snapshot.after("")} == objects
                assert list(snapshot.keys) == sorted(objects)

    asyncio.run(main())


def test_a_restart_fills_the_ring_from_the_log(tmp_path: Path) -> None:
    async def main() -> None:
        for restart in range(2):
            store = await SqliteStore.open(tmp_path / "state.db")
            cache = WatchCache(store)
            await cache.start()
            if not restart:
                for n in range(4):
                    await store.txn([Put(store_key("things", "ns", "a"), value("a", str(n)))])
                await store.compact(2)
            watcher = Watcher(Everything(), Everything(), 2)
            cache.watch("things", watcher)
            assert watcher.take() == [b"MODIFIED a 3\n", b"MODIFIED a 4\n"]
            if restart:
                with pytest.raises(Compacted):
                    cache.watch("things", Watcher(Everything(), Everything(), 1))
            await store.close()

    asyncio.run(main())


def test_one_event_is_encoded_once_for_all_watchers() -> None:
    async def main() -> None:
        lines: list[str] = []

        class Counting(Everything):
            def line(self, kind: str, view: View) -> bytes:
                lines.append(kind)
                return super().line(kind, view)

        store = MemoryStore()
        cache = WatchCache(store)
        await cache.start()
        shown = Counting()
        watchers = [Watcher(Everything(), shown, 0) for _ in range(5)]
        for watcher in watchers:
            cache.watch("things", watcher)
        await store.txn([Put(store_key("things", "", "a"), value("a"))])
        taken = [watcher.take() for watcher in watchers]
        assert lines == ["ADDED"]
        assert all(line is taken[0][0] for (line,) in taken)

    asyncio.run(main())


def test_lines_are_pushed_while_the_reader_waits_and_kept_while_the_client_is_behind() -> None:
    async def main() -> None:
        cache = WatchCache(MemoryStore())
        await cache.start()
        watcher = Watcher(Everything(), Everything(), 0)
        cache.watch("things", watcher)
        pushed: list[bytes] = []
        behind = False
        wakes = 0

        def push(lines: Sequence[bytes]) -> bool:
            if not behind:
                pushed.extend(lines)
            return not behind

        async def read() -> None:
            nonlocal wakes
            while True:
                await watcher.wait()
                wakes += 1
                if watcher.take():
                    return

        watcher.push_to(push, cache.deliveries)
        await cache.store.txn([Put(store_key("things", "", "early"), value("early"))])
        assert watcher.take() == [b"ADDED early 1\n"]  # nobody waited: it stays for the reader
        reader = asyncio.create_task(read())
        await asyncio.sleep(0)
        for name in "abc":
            await cache.store.txn([Put(store_key("things", "", name), value(name))])
            await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert pushed == [b"ADDED a 2\n", b"ADDED b 3\n", b"ADDED c 4\n"]
        assert not wakes
        behind = True
        await cache.store.txn([Put(store_key("things", "", "d"), value("d"))])
        await asyncio.wait_for(reader, 90)
        assert wakes == 1
        assert len(pushed) == 3

    asyncio.run(main())


def test_many_watchers_are_served_in_turns_and_each_once() -> None:
    async def main() -> None:
        cache = WatchCache(MemoryStore())
        await cache.start()
        pushes: list[int] = []

        def served(number: int, lines: Sequence[bytes]) -> bool:
            pushes.append(number)
            assert len(lines) == 2
            return True

        readers = []
        for number in range(200):
            watcher = Watcher(Everything(), Everything(), 0)
            watcher.push_to(partial(served, number), cache.deliveries)
            cache.watch("things", watcher)
            readers.append(asyncio.create_task(watcher.wait()))
        await asyncio.sleep(0)
        puts = [Put(store_key("things", "", name), value(name)) for name in "ab"]
        await cache.store.txn(puts)
        seen = {len(pushes)}
        while len(pushes) < 200:
            await asyncio.sleep(0)
            seen.add(len(pushes))
        assert pushes == list(range(200))
        assert len(seen) > 3  # others had their turn between
        for reader in readers:
            reader.cancel()

    asyncio.run(main())


def test_waiting_for_a_revision() -> None:
    async def main() -> None:
        store = MemoryStore()
        cache = WatchCache(store)
        await cache.start()
        waiting = asyncio.ensure_future(cache.wait_for(2, 5.0))
        for name in "ab":
            await store.txn([Put(store_key("things", "", name), value(name))])
        assert await waiting
        assert not await cache.wait_for(3, 0.01)

    asyncio.run(main())


def test_the_version_is_spliced_into_the_objects_own_metadata() -> None:
    stored = value("a", "x", app="web").replace(b'"x"', b'{"metadata":{"resourceVersion":"9"}}')
    body = served(stored, 12)
    assert body.startswith(b'{"kind":"T","apiVersion":"v1","metadata":{"resourceVersion":"12","name":"a"')
    assert with_revision(body, 345) == served(stored, 345)
    found = entry("ns/a", stored, 3, 12)
    assert (found.namespace, found.name, dict(found.labels)) == ("ns", "a", {"app": "web"})
    decoded: dict[str, Any] = found.decode()
    assert decoded["metadata"]["resourceVersion"] == "12"
    assert served(b'{"kind":"T","apiVersion":"v1","metadata":{}}', 1).endswith(
        b'"metadata":{"resourceVersion":"1"}}'
    )
