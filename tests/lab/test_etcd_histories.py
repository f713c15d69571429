"""Histories recorded on three stores while members of etcd are killed: they are linearizable.

Every answer carries a revision, so the order is given and has only to be checked: an operation that began after
another had ended must not be placed before it, a read shows what its revision says, an acknowledged write is in
the history with its value, and every watch told the whole history once, in order.
"""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from random import Random
from typing import NamedTuple

import pytest

from kube.store import Change, Conflict, Delete, Op, Put, Unavailable
from kube.store.etcd.drive import EtcdStore
from kube.store.etcd.options import EtcdOptions
from tests.lab.etcd_server import EtcdCluster

pytestmark = pytest.mark.lab

KEYS = [f"/registry/x/{name}" for name in "abcd"]


class Done(NamedTuple):
    """An operation that was answered; for a write, `value` is what it wrote (None: deleted)."""

    began: float
    ended: float
    revision: int
    key: str
    value: bytes | None
    is_write: bool


class Server:
    """A store and what an API server makes of it: the newest objects, from the watch."""

    def __init__(self, store: EtcdStore) -> None:
        self.store = store
        self.told: list[Change] = []
        self.now: dict[str, Change] = {}

    def deliver(self, changes: Sequence[Change]) -> None:
        self.told.extend(changes)
        self.now.update((change.key, change) for change in changes)


class Recorder:
    """Clients that read and write at random, and what they were answered."""

    def __init__(self, seed: int) -> None:
        self.rng = Random(seed)
        self.done: list[Done] = []
        self.conflicts = self.unknown = 0
        self.stop = asyncio.Event()

    async def client(self, name: str, server: Server) -> None:
        number = 0
        while not self.stop.is_set():
            number += 1
            began = asyncio.get_running_loop().time()
            key = self.rng.choice(KEYS)
            try:
                if self.rng.random() < 0.4:
                    await self._read(server, key, began)
                else:
                    await self._write(server, key, began, f"{name}-{number}".encode())
            except Conflict:
                self.conflicts += 1
            except Unavailable:
                self.unknown += 1
                await asyncio.sleep(0.02)

    async def _read(self, server: Server, key: str, began: float) -> None:
        await server.store.caught_up()
        found = server.now.get(key)
        self._record(began, server.store.revision, key, found.value if found else None, is_write=False)

    async def _write(self, server: Server, key: str, began: float, value: bytes) -> None:
        found = server.now.get(key)
        expect = found.revision if found is not None and found.value is not None else 0
        op: Op = Delete(key, expect) if expect and self.rng.random() < 0.2 else Put(key, value, expect)
        revision = await server.store.txn([op])
        self._record(began, revision, key, value if isinstance(op, Put) else None, is_write=True)

    def _record(self, began: float, revision: int, key: str, value: bytes | None, *, is_write: bool) -> None:
        ended = asyncio.get_running_loop().time()
        self.done.append(Done(began, ended, revision, key, value, is_write))


def check(done: Sequence[Done], history: Sequence[Change]) -> None:
    by_key: dict[str, list[Change]] = {key: [] for key in KEYS}
    for change in history:
        by_key[change.key].append(change)
    written = {(change.key, change.revision): change.value for change in history}
    for op in done:
        if op.is_write:
            assert written[op.key, op.revision] == op.value
        else:
            past = [change.value for change in by_key[op.key] if change.revision <= op.revision]
            assert op.value == (past[-1] if past else None)
    moments = sorted(
        [(op.began, 1, op) for op in done] + [(op.ended, 0, op) for op in done], key=lambda moment: moment[:2]
    )
    newest_ended = 0
    floors: dict[Done, int] = {}
    for _, begins, op in moments:
        if begins:
            floors[op] = newest_ended
        else:
            assert op.revision >= floors[op] + op.is_write
            newest_ended = max(newest_ended, op.revision)


@pytest.mark.parametrize("size", [1, 3])
def test_histories_under_kill_9_of_etcd_are_linearizable(tmp_path: Path, size: int) -> None:
    async def main(etcd: EtcdCluster) -> None:
        options = EtcdOptions(etcd.endpoints, compaction_period_s=0)
        servers = [Server(await EtcdStore.open(options, rng=Random(n))) for n in range(3)]
        for server in servers:
            await server.store.watch("", 0, server.deliver)
        recorder = Recorder(size)
        clients = [asyncio.create_task(recorder.client(f"{n}", servers[n % 3])) for n in range(9)]
        for round_ in range(4):
            await asyncio.sleep(1)
            member = etcd.members[round_ % size]
            member.kill()
            await asyncio.sleep(0.5)
            member.start()
            await asyncio.to_thread(member.wait_ready)
        await asyncio.sleep(1)
        async with asyncio.timeout(120):
            while sum(op.is_write for op in recorder.done) <= 200:  # noqa: ASYNC110 - counts are plain values
                await asyncio.sleep(0.02)
        recorder.stop.set()
        await asyncio.gather(*clients)
        for server in servers:
            await server.store.caught_up()
        history = servers[0].told
        assert [change.revision for change in history] == list(range(2, servers[0].store.revision + 1))
        for server in servers:
            assert server.told == history
        check(recorder.done, history)
        for server in servers:
            await server.store.close()

    with EtcdCluster(tmp_path, size) as etcd:
        asyncio.run(main(etcd))
