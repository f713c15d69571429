"""WATCH: history, live events, bookmarks and the initial list as a stream (WatchList, KEP-3157)."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence

import msgspec

from kube.apiserver import status
from kube.apiserver.kinds import Kind
from kube.apiserver.metrics import Stream as Counted
from kube.apiserver.representation import conversion_drive
from kube.apiserver.representation.views import Shown, event_line, negotiate
from kube.apiserver.requests.options import ListOptions, list_options
from kube.apiserver.requests.path import Target
from kube.apiserver.requests.request import JSON, Request, Streaming
from kube.apiserver.requests.selection import ObjectSelection
from kube.apiserver.state import Api
from kube.apiserver.verbs.read import converted, selected, wait_for
from kube.store import Compacted
from kube.store.entries import Entry
from kube.store.watchers import MAX_QUEUED_LINES, Event, FanOut, View, Watcher

_INITIAL_A_TURN = 500
_INITIAL_BYTES_A_TURN = 1 << 20


async def watch(api: Api, kind: Kind, target: Target, request: Request) -> Streaming:
    """The stream; it is registered when this returns, so that nothing committed from now on is missed."""
    options = list_options(kind, request.query, watch=True)
    shown = negotiate(kind, request.headers.get("accept", ""), request.query, api.clock())
    selection = ObjectSelection(target.namespace, target.name, options.labels, options.fields)
    initial = options.initial_events
    if initial and options.revision:
        await wait_for(api, options.revision)
    if initial or (initial is None and not options.revision):
        entries = None
        if conversion_drive.asks(kind):
            snapshot = api.cache.collection(kind.storage_key).at(api.cache.revision)
            entries = snapshot.revision, await converted(api, kind, snapshot, selection)
        return _streaming(_Watch(api, kind, shown, selection, options).from_now(entries))
    after = options.revision or api.cache.revision
    return _streaming(_Watch(api, kind, shown, selection, options).from_revision(after))


def _streaming(chunks: AsyncIterator[bytes]) -> Streaming:
    return Streaming(JSON, chunks, chunks.push_to if isinstance(chunks, _Stream) else None)


class _Watch:
    """One stream of events."""

    def __init__(
        self, api: Api, kind: Kind, shown: Shown, selection: ObjectSelection, options: ListOptions
    ) -> None:
        self._api = api
        self._kind = kind
        self._shown = shown
        self._selection = selection
        self._options = options
        low, high = api.settings.watch_timeout_s
        self._timeout_s = options.timeout_s or api.rng.randint(low, high)

    def from_revision(self, after: int) -> AsyncIterator[bytes]:
        watcher = self._watcher(after)
        try:
            cancel = self._api.cache.watch(self._kind.storage_key, watcher)
        except Compacted as error:
            return _only(error_line(status.too_old_resource_version(error.asked, error.oldest)))
        return _Stream(self._api, self._kind, watcher, self, cancel, (), initial_end=False)

    def _watcher(self, after: int) -> Watcher:
        if conversion_drive.asks(self._kind):
            return ConvertingWatcher(self._api, self._kind, self._selection, self._shown, after)
        return Watcher(self._selection, self._shown, after)

    def from_now(self, known: tuple[int, Sequence[Entry]] | None = None) -> AsyncIterator[bytes]:
        """The present objects as ADDED, then the bookmark that says so (where bookmarks are allowed), then live.

        `known`: objects that were converted, and the revision they are of.
        """
        cache = self._api.cache
        if known is None:
            snapshot = cache.collection(self._kind.storage_key).at(cache.revision)
            known = cache.revision, list(selected(snapshot, self._selection))
        revision, entries = known
        watcher = self._watcher(revision)
        try:
            cancel = cache.watch(self._kind.storage_key, watcher)
        except Compacted as error:
            return _only(error_line(status.too_old_resource_version(error.asked, error.oldest)))
        marked = self._options.bookmarks and self._options.initial_events is not None
        return _Stream(self._api, self._kind, watcher, self, cancel, entries, initial_end=marked)

    @property
    def shown(self) -> Shown:
        return self._shown

    @property
    def selection(self) -> ObjectSelection:
        return self._selection

    @property
    def bookmarks(self) -> bool:
        return self._options.bookmarks

    @property
    def timeout_s(self) -> int:
        return self._timeout_s


class _Stream:
    """Chunks of one or more lines; close it when the client goes (an async generator cannot be closed unstarted)."""

    def __init__(
        self,
        api: Api,
        kind: Kind,
        watcher: Watcher,
        request: _Watch,
        cancel: Callable[[], None],
        entries: Sequence[Entry],
        *,
        initial_end: bool,
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._api = api
        selection = request.selection
        scope = "resource" if selection.name else "namespace" if selection.namespace else "cluster"
        self._counted = Counted(*kind.gvr, kind.kind, scope)
        self._watcher = watcher
        self._request = request
        self._cancel = cancel
        self._entries = entries
        self._initial_revision = watcher.after
        self._initial_end = initial_end
        self._ends_at = self._loop.time() + request.timeout_s
        self._bookmark_at = self._next_bookmark()
        self._closed = False
        api.metrics.watch_started(self._counted)

    def _next_bookmark(self) -> float:
        period_s = self._api.settings.bookmark_period_s
        return self._loop.time() + period_s * self._api.rng.uniform(0.9, 1.0)

    def push_to(self, write: Callable[[bytes], bool]) -> None:
        """Events go to `write` while the stream waits for some."""

        def push(lines: Sequence[bytes]) -> bool:
            data = b"".join(lines)
            written = write(data)
            if written:
                self._api.metrics.watch_sent(self._counted, len(lines), len(data))
            return written

        if not isinstance(self._watcher, ConvertingWatcher):
            self._watcher.push_to(push, self._api.cache.deliveries)

    def __aiter__(self) -> "_Stream":
        return self

    async def __anext__(self) -> bytes:
        if self._entries:
            return self._initial()
        if self._initial_end:
            self._initial_end = False
            return self._request.shown.bookmark(self._initial_revision, initial_end=True)
        while not self._closed:
            lines = await self._lines()
            if lines:
                data = b"".join(lines)
                self._api.metrics.watch_sent(self._counted, len(lines), len(data))
                return data
            now = self._loop.time()
            if self._watcher.overflowed:
                self._api.metrics.watch_terminated(self._counted)
                break
            if now >= self._ends_at:
                break
            if self._request.bookmarks and now >= self._bookmark_at:
                self._bookmark_at = self._next_bookmark()
                return self._request.shown.bookmark(self._api.cache.revision, initial_end=False)
            await self._wait(
                min(self._ends_at, self._bookmark_at) if self._request.bookmarks else self._ends_at
            )
        await self.aclose()
        raise StopAsyncIteration

    async def _lines(self) -> list[bytes]:
        if isinstance(self._watcher, ConvertingWatcher):
            return await self._watcher.converted_lines()
        return self._watcher.take()

    def _initial(self) -> bytes:
        """The next of the present objects, few enough that a slow client's turn is short and small."""
        lines: list[bytes] = []
        size = 0
        for entry in self._entries[:_INITIAL_A_TURN]:
            lines.append(self._request.shown.line("ADDED", View(entry)))
            size += len(lines[-1])
            if size > _INITIAL_BYTES_A_TURN:
                break
        self._entries = self._entries[len(lines) :]
        return b"".join(lines)

    async def _wait(self, until: float) -> None:
        alarm = self._loop.call_at(until, self._watcher.wake)
        try:
            await self._watcher.wait()
        finally:
            alarm.cancel()

    async def aclose(self) -> None:
        if not self._closed:
            self._closed = True
            self._cancel()
            self._api.metrics.watch_ended(self._counted)
            self._watcher.wake()


class ConvertingWatcher(Watcher):
    """Keeps the events as they are: a webhook has to be asked before anything can be said of them."""

    def __init__(self, api: Api, kind: Kind, selection: ObjectSelection, shown: Shown, after: int) -> None:
        super().__init__(selection, shown, after)
        self._api = api
        self._kind = kind
        self._events: list[Event] = []

    def offer(self, fan_out: FanOut) -> None:
        if fan_out.event.revision <= self.after or self.overflowed:
            return
        self._events.append(fan_out.event)
        if len(self._events) > MAX_QUEUED_LINES:
            self.overflowed = True
            self._events.clear()
        self.wake()

    async def wait(self) -> None:
        if not self._events:
            await super().wait()

    async def converted_lines(self) -> list[bytes]:
        """What happened since the last call; a failure of the webhook is the last line."""
        events, self._events = self._events, []
        try:
            olds = await self._converted([event.old for event in events])
            news = await self._converted([event.new for event in events])
        except status.StatusError as error:
            self.overflowed = True
            return [error_line(error)]
        lines = []
        for event, old, new in zip(events, olds, news, strict=True):
            line = FanOut(Event(old, new, event.revision)).line_for(self.selection, self.representation)
            if line is not None:
                lines.append(line)
        return lines

    async def _converted(self, entries: Sequence[Entry | None]) -> Sequence[Entry | None]:
        present = [entry for entry in entries if entry is not None]
        made: list[Entry] = []
        for entry in present:  # one by one: the same object may be there at several revisions
            made += await conversion_drive.in_version(self._api, self._kind, [entry])
        found = iter(made)
        return [None if entry is None else next(found) for entry in entries]


def error_line(error: status.StatusError) -> bytes:
    return event_line("ERROR", msgspec.json.encode(error.to_status()))


async def _only(line: bytes) -> AsyncIterator[bytes]:
    yield line
