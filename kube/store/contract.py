"""What the API server asks of a store: etcd's model, cut down to what Kubernetes needs.

One counter, the revision, grows by one with each transaction and never goes back, also not over a restart.
Every change carries the revision of its transaction; all changes of one transaction carry the same.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol, TypeAlias


class Row(NamedTuple):
    """A key's value as of `revision`, the transaction that wrote it."""

    key: str
    value: bytes
    create_revision: int
    revision: int


class Change(NamedTuple):
    """One key written (or, with value None, deleted) by the transaction `revision`."""

    key: str
    value: bytes | None
    create_revision: int
    revision: int


class Put(NamedTuple):
    """Write; `expect` is the revision the key must have: 0 for absent, None for whatever is there."""

    key: str
    value: bytes
    expect: int | None = None


class Delete(NamedTuple):
    """Remove; deleting the absent with expect None changes nothing."""

    key: str
    expect: int | None = None


class Expect(NamedTuple):
    """A condition without a change: the key has this revision (0: is absent)."""

    key: str
    expect: int


Op: TypeAlias = Put | Delete | Expect


class Page(NamedTuple):
    """Rows in key order as they were at `revision`; `more` when the limit cut the rest off."""

    rows: tuple[Row, ...]
    revision: int
    more: bool = False


class StoreError(Exception):
    """Root of what a store raises."""


class Conflict(StoreError):
    """A key was not at the expected revision; nothing of the transaction was done.

    When it is raised, the write that got there first is committed and delivered to every watch,
    so that reading again makes progress.
    """

    def __init__(self, key: str, expected: int, found: int) -> None:
        super().__init__(f"{key} is at revision {found}, not at {expected}")
        self.key = key
        self.expected = expected
        self.found = found


class Compacted(StoreError):
    """The history asked for is gone; the oldest that can be read is `oldest`."""

    def __init__(self, asked: int, oldest: int) -> None:
        super().__init__(f"revision {asked} is compacted, the oldest is {oldest}")
        self.asked = asked
        self.oldest = oldest


class Future(StoreError):
    """The revision asked for is not written yet."""

    def __init__(self, asked: int, newest: int) -> None:
        super().__init__(f"revision {asked} is not written yet, the newest is {newest}")
        self.asked = asked
        self.newest = newest


class Unavailable(StoreError):
    """The medium failed (full disk, lost server); whether the write happened is told by the next read."""


Deliver: TypeAlias = Callable[[Sequence[Change]], None]


class Store(Protocol):
    """All calls come from one event loop."""

    @property
    def revision(self) -> int:
        """The newest revision that is committed and delivered."""
        ...

    @property
    def compacted(self) -> int:
        """Reads and watches at or after this revision can be answered."""
        ...

    async def caught_up(self) -> int:
        """The newest revision of all who write to this store, once it is delivered here. Raises Unavailable."""
        ...

    async def get(self, key: str) -> Row | None: ...

    async def list(self, prefix: str, *, revision: int = 0, limit: int = 0, after: str = "") -> Page:
        """Rows whose keys start with prefix and are greater than `after`, at `revision` (0: the newest).

        Raises Compacted, Future.
        """
        ...

    async def txn(self, ops: Sequence[Op]) -> int:
        """Do all or nothing; the revision, once it is durable and every watch has seen the changes.

        A transaction that changes nothing returns the present revision. Raises Conflict, Unavailable.
        """
        ...

    async def watch(self, prefix: str, after: int, deliver: Deliver) -> Callable[[], None]:
        """Call deliver with every change behind revision `after`, in order, history first; returns the cancel.

        A transaction is never split over two calls. deliver must not block. Raises Compacted.
        """
        ...

    async def compact(self, revision: int) -> None:
        """Forget what only reads before `revision` need; lower than before or beyond the newest is clamped."""
        ...

    async def close(self) -> None: ...
