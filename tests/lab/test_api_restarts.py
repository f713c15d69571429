"""kill -9 of the API server while clients write and watch; a full disk. Nothing is lost, doubled or out of order.

Every answer carries the revision of its write, so the order is given and the history has only to be checked.
"""

import asyncio
import signal
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from random import Random
from typing import NamedTuple

import msgspec
import pytest

from kube.client import ApiError, Client, Unreachable
from kube.objects import ConfigMap, NamespacedName
from kube.watch import Informer, running
from linux import process
from tests.lab.kcore_process import Kcore

pytestmark = pytest.mark.lab

PATH = "/api/v1/namespaces/default/configmaps"
JSON = {"content-type": "application/json"}
MERGE = {"content-type": "application/merge-patch+json"}
NAMES = [f"c{number}" for number in range(12)]
ROUNDS = 5


class Told(NamedTuple):
    """One event of a watch."""

    revision: int
    kind: str
    name: str
    value: str


class Done(NamedTuple):
    """A write that was answered; `revision` 0 where the answer has none (a delete)."""

    began: float
    ended: float
    revision: int
    name: str
    value: str | None


class Object(msgspec.Struct):
    metadata: "Metadata"
    data: dict[str, str] = {}


class Metadata(msgspec.Struct):
    name: str = ""
    resourceVersion: str = ""  # noqa: N815 - the JSON name


class Event(msgspec.Struct):
    type: str
    object: Object


async def until_served(client: Client) -> None:
    async with asyncio.timeout(120):
        while True:
            try:
                await client.raw("GET", "/readyz")
                return
            except Unreachable:
                await asyncio.sleep(0.02)


class Writer:
    """Creates, patches and deletes at random, and remembers what was acknowledged."""

    def __init__(self, client: Client, name: str, rng: Random) -> None:
        self._client = client
        self._name = name
        self._rng = rng
        self.done: list[Done] = []
        self.unknown: list[str] = []  # values whose fate the client was not told

    async def run(self, stop: asyncio.Event) -> None:
        number = 0
        while not stop.is_set():
            number += 1
            name, value = self._rng.choice(NAMES), f"{self._name}-{number}"
            try:
                await self._write(name, value)
            except Unreachable:
                self.unknown.append(value)
                await asyncio.sleep(0.02)
            except ApiError as error:
                assert error.code in (404, 409), error

    async def _write(self, name: str, value: str) -> None:
        began = asyncio.get_running_loop().time()
        chance = self._rng.random()
        body = msgspec.json.encode({"metadata": {"name": name}, "data": {"v": value}})
        if chance < 0.4:
            reply = await self._client.raw("POST", PATH, headers=JSON, body=body)
        elif chance < 0.8:
            reply = await self._client.raw("PATCH", f"{PATH}/{name}", headers=MERGE, body=body)
        else:
            await self._client.raw("DELETE", f"{PATH}/{name}")
            self._remember(began, 0, name, None)
            return
        made = msgspec.json.decode(reply.body, type=Object)
        self._remember(began, int(made.metadata.resourceVersion), name, value)

    def _remember(self, began: float, revision: int, name: str, value: str | None) -> None:
        self.done.append(Done(began, asyncio.get_running_loop().time(), revision, name, value))


class Watcher:
    """A client that resumes from the last event it saw, and lists only once."""

    def __init__(self, client: Client, revision: str) -> None:
        self._client = client
        self._revision = revision
        self.told: list[Told] = []
        self.streams = 0

    async def run(self) -> None:
        while True:
            try:
                query = {"watch": "true", "resourceVersion": self._revision}
                async with self._client.watch_lines(PATH, query) as stream:
                    self.streams += 1
                    async for line in stream.lines:
                        self._note(msgspec.json.decode(line, type=Event))
            except Unreachable:
                await asyncio.sleep(0.02)

    def _note(self, event: Event) -> None:
        assert event.type in ("ADDED", "MODIFIED", "DELETED"), event
        metadata = event.object.metadata
        self._revision = metadata.resourceVersion
        value = event.object.data.get("v", "")
        self.told.append(Told(int(self._revision), event.type, metadata.name, value))


class Mirror:
    """An informer and what it reported."""

    def __init__(self, client: Client) -> None:
        self.reported: list[tuple[str, str | None, str | None]] = []
        self.informer = Informer(client, ConfigMap, namespace="default", on_change=self._on_change)

    def _on_change(self, key: NamespacedName, old: ConfigMap | None, new: ConfigMap | None) -> None:
        values = [None if obj is None else obj.data.get("v") for obj in (old, new)]
        self.reported.append((key.name, values[0], values[1]))

    def check(self) -> None:
        """Each report begins where the one before ended."""
        state: dict[str, str | None] = {}
        for name, old, new in self.reported:
            assert state.get(name) == old, (name, old, new)
            assert old != new
            state[name] = new


def check_history(history: Sequence[Told], writers: Sequence[Writer], final: Mapping[str, str]) -> None:
    revisions = [told.revision for told in history]
    assert revisions == sorted(set(revisions))
    state: dict[str, str] = {}
    for told in history:  # ADDED only of the absent, MODIFIED and DELETED only of what is there
        assert (told.kind == "ADDED") == (told.name not in state), told
        if told.kind == "DELETED":
            assert state.pop(told.name) == told.value
        else:
            state[told.name] = told.value
    assert state == final
    by_revision = {told.revision: told for told in history}
    values = {told.value for told in history if told.kind != "DELETED"}
    done = [done for writer in writers for done in writer.done]
    for write in done:
        if write.revision:
            told = by_revision[write.revision]
            assert (told.name, told.value) == (write.name, write.value)
    assert values <= {str(d.value) for d in done} | {value for writer in writers for value in writer.unknown}
    deletes = sum(write.revision == 0 for write in done)
    assert sum(told.kind == "DELETED" for told in history) >= deletes
    check_real_time_order(done)


def check_real_time_order(done: Sequence[Done]) -> None:
    """A write that began after another was answered has the greater revision."""
    with_revision = [write for write in done if write.revision]
    moments = sorted(
        [(write.began, 1, write.revision) for write in with_revision]
        + [(write.ended, 0, write.revision) for write in with_revision]
    )
    floors: dict[int, int] = {}
    newest = 0
    for _, begins, revision in moments:
        if begins:
            floors[revision] = newest
        else:
            assert revision > floors[revision]
            newest = max(newest, revision)


@pytest.mark.parametrize("fsync", ["full", "normal"])
def test_nothing_is_lost_doubled_or_out_of_order_over_kill_9(tmp_path: Path, fsync: str) -> None:
    core = Kcore(tmp_path / "data", "--fsync", fsync)

    async def main() -> None:
        clients = [core.client() for _ in range(10)]
        await until_served(clients[0])
        start = msgspec.json.decode((await clients[0].raw("GET", PATH)).body, type=Object)
        watchers = [Watcher(client, start.metadata.resourceVersion) for client in clients[:2]]
        mirrors = [Mirror(client) for client in clients[2:4]]
        writers = [Writer(client, f"w{n}", Random(n)) for n, client in enumerate(clients[4:])]
        stop = asyncio.Event()
        async with running(*(mirror.informer for mirror in mirrors)):
            watching = [asyncio.create_task(watcher.run()) for watcher in watchers]
            writing = [asyncio.create_task(writer.run(stop)) for writer in writers]
            for number in range(ROUNDS):
                await asyncio.sleep(0.6)
                await _until(lambda number=number: all(each.streams > number for each in watchers))
                core.end(signal.SIGKILL)
                await asyncio.to_thread(core.start)
            await asyncio.sleep(0.6)
            await _until(lambda: all(each.streams > ROUNDS for each in watchers))
            await _until(lambda: sum(len(each.done) for each in writers) > 300)
            stop.set()
            await asyncio.gather(*writing)
            last = msgspec.json.encode({"metadata": {"name": "last"}, "data": {"v": "last"}})
            await clients[0].raw("POST", PATH, headers=JSON, body=last)
            await _all_told(watchers, mirrors)
            for task in watching:
                task.cancel()
            await asyncio.gather(*watching, return_exceptions=True)
        listed = await clients[0].list(ConfigMap, "default")
        final = {found.metadata.name: str(found.data.get("v")) for found in listed.items}
        for client in clients:
            await client.close()
        assert watchers[0].told == watchers[1].told
        assert all(watcher.streams > ROUNDS for watcher in watchers)
        history = watchers[0].told
        assert len(history) > 200
        del final["last"]
        check_history(history[:-1], writers, final)
        for mirror in mirrors:
            mirror.check()
            values = {key.name: found.data.get("v") for key, found in mirror.informer.cache.items()}
            assert values == {**final, "last": "last"}
        assert sum(len(writer.done) for writer in writers) > 200

    core.start()
    try:
        asyncio.run(main())
    finally:
        core.end()


async def _until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(120):
        while not holds():  # noqa: ASYNC110 - all of it comes from another process
            await asyncio.sleep(0.02)


async def _all_told(watchers: Sequence[Watcher], mirrors: Sequence[Mirror]) -> None:
    last = NamespacedName("default", "last")
    await _until(
        lambda: (
            all(each.told and each.told[-1].name == "last" for each in watchers)
            and all(last in mirror.informer.cache for mirror in mirrors)
        )
    )


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 3 MB."""
    place = tmp_path / "small"
    place.mkdir()
    try:
        process.run(["mount", "-t", "tmpfs", "-o", "size=3m", "podnet-test", str(place)])
    except process.ProgramFailed as error:
        pytest.skip(f"A TMPFS CANNOT BE MOUNTED HERE: {error}")
    try:
        yield place
    finally:
        process.run(["umount", "--lazy", str(place)], check=False)


def test_a_full_disk_is_told_and_loses_nothing(small_disk: Path) -> None:
    core = Kcore(small_disk / "data")
    core.log = small_disk.with_name("kcore.log")
    ballast = small_disk / "ballast"

    async def write(client: Client, name: str) -> None:
        body = msgspec.json.encode({"metadata": {"name": name}, "data": {"v": name, "fill": "x" * 4000}})
        await client.raw("POST", PATH, headers=JSON, body=body)

    async def names(client: Client) -> set[str]:
        return {found.metadata.name for found in (await client.list(ConfigMap, "default")).items}

    async def fill(client: Client) -> set[str]:
        """Write until it fails; what was acknowledged."""
        acknowledged: set[str] = set()
        for number in range(2000):
            try:
                await write(client, f"f{number}")
            except ApiError as error:
                assert error.code in (500, 503, 507), error
                assert "disk is full" in error.message, error.message
                return acknowledged
            acknowledged.add(f"f{number}")
        raise AssertionError("the disk is never full")

    async def main() -> None:
        client = core.client()
        await write(client, "before")
        acknowledged = await fill(client) | {"before"}
        assert await names(client) == acknowledged  # reads go on
        with pytest.raises(ApiError, match="disk is full"):
            await write(client, "again")
        await client.raw("GET", "/livez")
        core.end(signal.SIGKILL)  # on the full disk
        ballast.unlink()  # whoever runs the machine makes room
        await asyncio.to_thread(core.start)
        await until_served(client)
        assert await names(client) == acknowledged
        await write(client, "after")
        assert await names(client) == acknowledged | {"after"}
        await client.close()

    core.folder.mkdir()
    ballast.write_bytes(b"\0" * (1 << 20))
    core.start()
    try:
        asyncio.run(main())
    finally:
        core.end()
    assert "Traceback" not in core.log.read_text()


def test_writing_goes_on_when_there_is_room_again(small_disk: Path) -> None:
    core = Kcore(small_disk / "data", "--compaction-interval", "1")
    core.log = small_disk.with_name("kcore.log")
    ballast = small_disk / "ballast"

    async def main() -> None:
        client = core.client()
        created = 0
        ballast.write_bytes(b"\0" * (1 << 20))
        with pytest.raises(ApiError, match="disk is full"):
            for number in range(2000):
                body = {"metadata": {"name": f"f{number}"}, "data": {"fill": "x" * 4000}}
                await client.raw("POST", PATH, headers=JSON, body=msgspec.json.encode(body))
                created += 1
        await asyncio.sleep(1.5)  # a compaction meets the full disk too
        ballast.unlink()
        body = {"metadata": {"name": "after"}}
        await client.raw("POST", PATH, headers=JSON, body=msgspec.json.encode(body))
        assert len((await client.list(ConfigMap, "default")).items) == created + 1
        await client.close()

    core.start()
    try:
        asyncio.run(main())
    finally:
        core.end()
    assert "Traceback" not in core.log.read_text()
