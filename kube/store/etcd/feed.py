"""What etcd's watch says, as the store's changes.

The watch covers all keys of the etcd, not only ours: every revision then shows up in it, so that "all up to
revision R is here" is known without progress notifications, which came late to etcd and are out of order in
versions before 3.4.31 and 3.5.13. Others' keys only move the revision on.
"""

from collections.abc import Iterable, Mapping

from kube.store.contract import Change, Page, Row
from kube.store.etcd import compaction
from kube.store.etcd.options import Keyspace
from kube.store.etcd.wire import Event, WatchAnswer
from kube.store.heads import Head


class Feed:
    """Reads the answers of one watch, of which each goes on where the last ended.

    `heads` holds where each live key stands; a watch without them has to ask etcd for prev_kv.
    """

    def __init__(self, keyspace: Keyspace, revision: int, heads: dict[str, Head] | None = None) -> None:
        self.revision = revision  # all changes up to here were returned
        self.compacted = 0  # as far as compactors have told
        self.heads: dict[str, Head] = {} if heads is None else heads
        self._keyspace = keyspace
        self._held: tuple[Event, ...] = ()

    def restart(self) -> None:
        """The watch begins anew behind `revision`: forget what came only in part."""
        self._held = ()

    def take(self, answer: WatchAnswer) -> list[Change]:
        """Our changes of the transactions that the answer completes, in order; moves `revision`."""
        events = self._held + answer.events if self._held else answer.events
        self._held = ()
        if answer.fragment and events:  # the last transaction's other changes may be in the next answer
            last = events[-1].kv.mod_revision
            self._held = tuple(event for event in events if event.kv.mod_revision == last)
            events = events[: len(events) - len(self._held)]
        changes: list[Change] = []
        for event in events:
            if event.kv.mod_revision <= self.revision:
                continue
            key = self._keyspace.key(event.kv.key)
            if key is not None:
                changes.append(self._change(key, event))
            elif event.kv.key == compaction.KEY:
                self.compacted = max(self.compacted, compaction.announced(event.kv.value))
        if events:
            self.revision = max(self.revision, events[-1].kv.mod_revision)
        return changes

    def reset(self, page: Page) -> None:
        """Go on behind the page, which holds everything."""
        self.revision = page.revision
        self.heads = {row.key: Head(row.revision, row.create_revision) for row in page.rows}
        self._held = ()

    def _change(self, key: str, event: Event) -> Change:
        kv = event.kv
        if event.type == "PUT":
            self.heads[key] = Head(kv.mod_revision, kv.create_revision)
            return Change(key, kv.value, kv.create_revision, kv.mod_revision)
        head = self.heads.pop(key, None)
        if event.prev_kv is not None:
            return Change(key, None, event.prev_kv.create_revision, kv.mod_revision)
        return Change(key, None, head.create_revision if head is not None else 0, kv.mod_revision)


def missed(heads: Mapping[str, Head], rows: Iterable[Row], revision: int) -> list[Change]:
    """What leads from the heads to the rows of `revision`, when the history between them is compacted.

    A key that went and came back shows both: the delete just before its creation. Deletes that nothing tells
    more about happen at `revision`.
    """
    changes: list[Change] = []
    gone = dict(heads)
    for row in rows:
        head = gone.pop(row.key, None)
        if head is not None and head.revision == row.revision:
            continue
        if head is not None and head.create_revision != row.create_revision:
            changes.append(Change(row.key, None, head.create_revision, row.create_revision - 1))
        changes.append(Change(row.key, row.value, row.create_revision, row.revision))
    changes.extend(Change(key, None, head.create_revision, revision) for key, head in gone.items())
    return sorted(changes, key=lambda change: change.revision)
