"""One client's watch: what it selects, in which representation, and its bounded queue."""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, Protocol, TypeAlias

from kube.store.entries import Entry, with_revision

MAX_QUEUED_BYTES = 16 << 20
MAX_QUEUED_LINES = 50_000
_DELIVERIES_A_TURN = 64  # about a millisecond; requests are served between

Push: TypeAlias = Callable[
    [Sequence[bytes]], bool
]  # writes at once, or False: the client does not read fast enough


class View:
    """An entry that is decoded once for all who look at it."""

    __slots__ = ("_object", "entry")

    def __init__(self, entry: Entry) -> None:
        self.entry = entry
        self._object: dict[str, Any] | None = None

    @property
    def object(self) -> dict[str, Any]:
        """Shared: not to be changed."""
        if self._object is None:
            self._object = self.entry.decode()
        return self._object


class Selection(Protocol):
    """Which objects a list or watch is about."""

    def matches(self, view: View) -> bool: ...


class Representation(Protocol):
    """How an object is shown: as it is, as a table row, as its metadata, in another version."""

    @property
    def name(self) -> str:
        """Watchers with equal names share the encoded line."""
        ...

    def line(self, kind: str, view: View) -> bytes:
        """The watch event, newline included."""
        ...


class Event:
    """A change of one object: `old` None means created, `new` None deleted."""

    __slots__ = ("new", "old", "revision")

    def __init__(self, old: Entry | None, new: Entry | None, revision: int) -> None:
        self.old = old
        self.new = new
        self.revision = revision


class FanOut:
    """One event on its way to the watchers: decoded at most once, encoded once a representation."""

    __slots__ = ("_gone", "_lines", "event", "new", "old")

    def __init__(self, event: Event) -> None:
        self.event = event
        self.old = View(event.old) if event.old is not None else None
        self.new = View(event.new) if event.new is not None else None
        self._gone: View | None = None
        self._lines: dict[tuple[str, str], bytes] = {}

    def line_for(self, selection: Selection, representation: Representation) -> bytes | None:
        """What a watcher of the selection sees: nothing, or the object appearing, changing or leaving."""
        before = self.old is not None and selection.matches(self.old)
        after = self.new is not None and selection.matches(self.new)
        if not before and not after:
            return None
        kind = "DELETED" if not after else "MODIFIED" if before else "ADDED"
        line = self._lines.get((kind, representation.name))
        if line is None:
            view = self.new if after else self._last()
            assert view is not None
            line = self._lines[kind, representation.name] = representation.line(kind, view)
        return line

    def _last(self) -> View:
        """The last state before the object left, with the revision of its leaving."""
        if self._gone is None:
            old = self.event.old
            assert old is not None
            body = with_revision(old.body, self.event.revision)
            self._gone = View(Entry(old.key, body, self.event.revision, old.create_revision, old.labels))
        return self._gone


class Deliveries:
    """Watchers that have lines for an idle reader, served together: one turn of the loop for many clients."""

    def __init__(self) -> None:
        self._due: deque[Watcher] = deque()

    def add(self, watcher: "Watcher") -> None:
        """Each watcher once, until it was served."""
        if not self._due:
            asyncio.get_running_loop().call_soon(self._serve)
        self._due.append(watcher)

    def _serve(self) -> None:
        for _ in range(min(len(self._due), _DELIVERIES_A_TURN)):
            self._due.popleft().deliver()
        if self._due:
            asyncio.get_running_loop().call_soon(self._serve)


class Watcher:
    """A queue of encoded lines that one client drains."""

    def __init__(self, selection: Selection, representation: Representation, after: int) -> None:
        self.selection = selection
        self.representation = representation
        self.after = after  # events up to this revision are not for this client
        self.overflowed = False
        self._lines: deque[bytes] = deque()
        self._queued_bytes = 0
        self._waiter: asyncio.Future[None] | None = None
        self._push: Push | None = None
        self._deliveries: Deliveries | None = None
        self._due = False

    def push_to(self, push: Push, deliveries: Deliveries) -> None:
        """While the reader waits, lines go to push without waking it: a task's switch costs more than the write."""
        self._push, self._deliveries = push, deliveries

    def offer(self, fan_out: FanOut) -> None:
        if fan_out.event.revision <= self.after or self.overflowed:
            return
        line = fan_out.line_for(self.selection, self.representation)
        if line is None:
            return
        self._lines.append(line)
        self._queued_bytes += len(line)
        if self._queued_bytes > MAX_QUEUED_BYTES or len(self._lines) > MAX_QUEUED_LINES:
            self.overflowed = True  # the client comes back with the last revision it saw
            self._lines.clear()
        if self._deliveries is None:
            self.wake()
        elif not self._due and self._waiter is not None:  # a reader at work finds the line itself
            self._due = True
            self._deliveries.add(self)

    def deliver(self) -> None:
        """Push what is queued, or wake the reader where that cannot be."""
        self._due = False
        if self._waiter is None or self._waiter.done() or not self._lines:
            self.wake()
        elif self._push is not None and self._push(self._lines):
            self._lines.clear()
            self._queued_bytes = 0
        else:
            self.wake()

    def wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    async def wait(self) -> None:
        """Until there is a line or wake() is called."""
        if self._lines or self.overflowed:
            return
        self._waiter = asyncio.get_running_loop().create_future()
        try:
            await self._waiter
        finally:
            self._waiter = None

    def take(self) -> list[bytes]:
        """All queued lines, in order."""
        lines = list(self._lines)
        self._lines.clear()
        self._queued_bytes = 0
        return lines
