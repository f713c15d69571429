"""The watch cache: all objects as they are served, and the recent events of each resource.

It follows the store's watch, so it holds what is committed and nothing else, and it is up to date when the
writer goes on (the contract of Store.txn). Reads and watches never touch the store, except lists at revisions
older than the kept events.
"""

import asyncio
from bisect import bisect_left, bisect_right, insort
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

from kube.store.contract import Change, Compacted, Store
from kube.store.entries import Entry, entry
from kube.store.watchers import Deliveries, Event, FanOut, Watcher

PREFIX = "/registry/"
RING_EVENTS = 10_000


def store_key(resource: str, namespace: str, name: str) -> str:
    """`/registry/pods/default/web`, `/registry/nodes/n1`; resource is `plural` or `plural.group`."""
    return f"{PREFIX}{resource}/{namespace}/{name}" if namespace else f"{PREFIX}{resource}/{name}"


class Snapshot(NamedTuple):
    """Some resource's objects at one revision, in key order."""

    revision: int
    keys: Sequence[str]
    entries: Mapping[str, Entry]

    def after(self, start: str, namespace: str = "") -> Iterator[Entry]:
        """Entries of the namespace ("" for all) with keys greater than start."""
        low = bisect_right(self.keys, start) if start else 0
        high = len(self.keys)
        if namespace:
            low = max(low, bisect_left(self.keys, namespace + "/"))
            high = bisect_left(self.keys, namespace + "0")  # the character behind "/"
        return (self.entries[key] for key in self.keys[low:high])


class Collection:
    """One resource: its objects, its recent events, its watchers."""

    def __init__(self, oldest: int, ring_events: int) -> None:
        self.entries: dict[str, Entry] = {}
        self.keys: list[str] = []
        self.events: deque[Event] = deque()
        self.oldest = oldest  # every event behind this revision is in the ring
        self.watchers: dict[Watcher, None] = {}
        self._ring_events = ring_events
        self._past: Snapshot | None = None

    def load(self, new: Entry) -> None:
        insort(self.keys, new.key)
        self.entries[new.key] = new

    def apply(self, key: str, new: Entry | None, revision: int) -> Event | None:
        old = self.entries.get(key)
        if new is not None:
            if old is None:
                insort(self.keys, key)
            self.entries[key] = new
        elif old is not None:
            del self.entries[key]
            del self.keys[bisect_left(self.keys, key)]
        else:
            return None
        event = Event(old, new, revision)
        self.events.append(event)
        while len(self.events) > self._ring_events:
            self.oldest = self.events.popleft().revision
        return event

    def since(self, revision: int) -> list[Event]:
        """Events behind the revision; raises Compacted when some of them are forgotten."""
        if revision < self.oldest:
            raise Compacted(revision, self.oldest)
        newest_first: list[Event] = []
        for event in reversed(self.events):
            if event.revision <= revision:
                break
            newest_first.append(event)
        newest_first.reverse()
        return newest_first

    def at(self, revision: int) -> Snapshot:
        """The objects as they were; raises Compacted. The last one made is kept for the list's next page."""
        if not self.events or self.events[-1].revision <= revision:
            return Snapshot(revision, self.keys, self.entries)
        if self._past is not None and self._past.revision == revision:
            return self._past
        entries = dict(self.entries)
        for event in reversed(self.since(revision)):
            key = (event.new or event.old).key  # type: ignore[union-attr] # one of them is there
            if event.old is None:
                del entries[key]
            else:
                entries[key] = event.old
        self._past = Snapshot(revision, sorted(entries), entries)
        return self._past

    def forget_past(self) -> None:
        self._past = None


class WatchCache:
    """All collections, and the revision they are at."""

    def __init__(self, store: Store, *, ring_events: int = RING_EVENTS) -> None:
        self.store = store
        self.revision = 0
        self.deliveries = Deliveries()
        self._ring_events = ring_events
        self._collections: dict[str, Collection] = {}
        self._base = 0
        self._waiting: list[tuple[int, asyncio.Future[None]]] = []
        self._cancel: Callable[[], None] | None = None
        self._listeners: list[Callable[[str, Event], None]] = []

    async def start(self) -> None:
        """Load the objects as of the last compaction, then every change behind it: that also fills the rings."""
        while True:
            try:
                await self._load()
                return
            except Compacted:  # by another server, between the list and the watch
                self._collections.clear()

    async def _load(self) -> None:
        self._base = self.revision = self.store.compacted
        if self._base:
            for row in (await self.store.list(PREFIX, revision=self._base)).rows:
                resource, key = _split(row.key)
                self.collection(resource).load(entry(key, row.value, row.create_revision, row.revision))
        self._cancel = await self.store.watch("", self._base, self._apply)
        self.revision = max(self.revision, self.store.revision)

    def stop(self) -> None:
        if self._cancel is not None:
            self._cancel()

    def collection(self, resource: str) -> Collection:
        found = self._collections.get(resource)
        if found is None:
            found = self._collections[resource] = Collection(self._base, self._ring_events)
        return found

    def get(self, resource: str, namespace: str, name: str) -> Entry | None:
        found = self._collections.get(resource)
        return found.entries.get(f"{namespace}/{name}" if namespace else name) if found else None

    def listen(self, listener: Callable[[str, Event], None]) -> None:
        """Called with (resource, event) for each change, before any watcher sees it."""
        self._listeners.append(listener)

    async def at(self, resource: str, revision: int) -> Snapshot:
        """The resource at a revision between the store's compaction and now; raises Compacted."""
        if revision < self.store.compacted:
            raise Compacted(revision, self.store.compacted)
        collection = self.collection(resource)
        try:
            return collection.at(revision)
        except Compacted:
            if not revision:
                return Snapshot(0, (), {})  # before everything; to the store 0 means the newest
            page = await self.store.list(f"{PREFIX}{resource}/", revision=revision)
        past = [entry(_split(row.key)[1], row.value, row.create_revision, row.revision) for row in page.rows]
        entries = {old.key: old for old in past}
        return Snapshot(revision, sorted(entries), entries)

    def watch(self, resource: str, watcher: Watcher) -> Callable[[], None]:
        """Queue the events behind watcher.after, now and from now on; returns the cancel. Raises Compacted."""
        collection = self.collection(resource)
        for event in collection.since(watcher.after) if watcher.after < self.revision else ():
            watcher.offer(FanOut(event))
        collection.watchers[watcher] = None

        def cancel() -> None:
            collection.watchers.pop(watcher, None)

        return cancel

    async def wait_for(self, revision: int, timeout_s: float) -> bool:
        """True once the revision is here, False if it does not come in time."""
        if self.revision >= revision:
            return True
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((revision, waiter))
        try:
            async with asyncio.timeout(timeout_s):
                await waiter
        except TimeoutError:
            return False
        return True

    def _apply(self, changes: Sequence[Change]) -> None:
        for key, value, create_revision, revision in changes:
            if not key.startswith(PREFIX):
                continue
            resource, short = _split(key)
            collection = self.collection(resource)
            new = entry(short, value, create_revision, revision) if value is not None else None
            event = collection.apply(short, new, revision)
            if event is None:
                continue
            for listener in self._listeners:
                listener(resource, event)
            if collection.watchers:
                fan_out = FanOut(event)
                for watcher in collection.watchers:
                    watcher.offer(fan_out)
        self.revision = changes[-1].revision
        if self._waiting:
            self._release()

    def _release(self) -> None:
        waiting, self._waiting = self._waiting, []
        for revision, waiter in waiting:
            if waiter.done():
                continue
            if revision <= self.revision:
                waiter.set_result(None)
            else:
                self._waiting.append((revision, waiter))

    def object_counts(self) -> dict[str, int]:
        return {resource: len(found.entries) for resource, found in self._collections.items()}

    def forget_past(self) -> None:
        """Drop the snapshots of lists that were not continued."""
        for collection in self._collections.values():
            collection.forget_past()


def _split(key: str) -> tuple[str, str]:
    resource, _, short = key[len(PREFIX) :].partition("/")
    return resource, short
