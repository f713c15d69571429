from hypothesis import given
from hypothesis import strategies as st

from kube.store import Change, Page, Row
from kube.store.etcd import compaction
from kube.store.etcd.feed import Feed, missed
from kube.store.etcd.options import Keyspace
from kube.store.etcd.wire import Event, KeyValue, WatchAnswer
from kube.store.heads import Head


def put(name: str, revision: int, value: bytes = b"v", created: int = 0) -> Event:
    return Event(KeyValue(f"/registry/{name}".encode(), value, created or revision, revision))


def delete(name: str, revision: int, prev: KeyValue | None = None) -> Event:
    return Event(KeyValue(f"/registry/{name}".encode(), mod_revision=revision), "DELETE", prev)


def test_events_are_changes_and_a_delete_knows_its_keys_creation() -> None:
    feed = Feed(Keyspace(), 10, {"/registry/old": Head(4, 3)})
    changes = feed.take(
        WatchAnswer(events=(put("a", 11), delete("old", 12), put("a", 13, b"w", 11), delete("a", 14)))
    )
    assert changes == [
        ("/registry/a", b"v", 11, 11),
        ("/registry/old", None, 3, 12),
        ("/registry/a", b"w", 11, 13),
        ("/registry/a", None, 11, 14),
    ]
    assert feed.revision == 14
    assert feed.heads == {}


def test_without_heads_the_previous_value_tells_the_creation() -> None:
    feed = Feed(Keyspace(), 10)
    assert feed.take(
        WatchAnswer(events=(delete("a", 11, KeyValue(b"/registry/a", b"v", 5, 6)), delete("b", 12)))
    ) == [
        ("/registry/a", None, 5, 11),
        ("/registry/b", None, 0, 12),
    ]


def test_others_keys_move_the_revision_and_nothing_else() -> None:
    feed = Feed(Keyspace(), 10)
    other = Event(KeyValue(b"/elsewhere", b"v", 11, 11))
    announced = Event(KeyValue(compaction.KEY, b"7", 12, 12))
    assert feed.take(WatchAnswer(events=(other, announced))) == []
    assert (feed.revision, feed.compacted) == (12, 7)


def test_what_was_seen_is_not_told_again_when_the_watch_is_resumed() -> None:
    feed = Feed(Keyspace(), 10)
    feed.take(WatchAnswer(events=(put("a", 11),)))
    feed.restart()
    assert feed.take(WatchAnswer(events=(put("a", 11), put("b", 12)))) == [("/registry/b", b"v", 12, 12)]


def test_a_transaction_cut_into_fragments_is_told_whole() -> None:
    feed = Feed(Keyspace(), 10)
    first = WatchAnswer(fragment=True, events=(put("a", 11), put("b", 12)))
    assert [change.key for change in feed.take(first)] == ["/registry/a"]
    assert feed.revision == 11
    assert feed.take(WatchAnswer(fragment=True, events=(put("c", 12),))) == []
    last = feed.take(WatchAnswer(events=(put("d", 12), put("e", 13))))
    assert [change.key for change in last] == [f"/registry/{name}" for name in "bcde"]
    assert feed.revision == 13


def test_a_part_of_a_transaction_is_forgotten_when_the_watch_breaks() -> None:
    feed = Feed(Keyspace(), 10)
    feed.take(WatchAnswer(fragment=True, events=(put("a", 11),)))
    feed.restart()
    assert [change.key for change in feed.take(WatchAnswer(events=(put("a", 11), put("b", 11))))] == [
        "/registry/a",
        "/registry/b",
    ]


NAMES = st.sampled_from(["/registry/a", "/registry/b", "/registry/c"])


@given(st.lists(st.tuples(NAMES, st.booleans()), max_size=20), st.integers(0, 20))
def test_what_was_missed_leads_from_the_old_state_to_the_new(steps: list[tuple[str, bool]], cut: int) -> None:
    """Whatever happened in between; in the order of revisions, and no key is deleted that is not there."""
    rows: dict[str, Row] = {}
    old: dict[str, Row] = {}
    revision = 1
    for number, (key, is_put) in enumerate(steps):
        if number == cut:
            old = dict(rows)
        if is_put:
            revision += 1
            before = rows.get(key)
            rows[key] = Row(key, b"%d" % revision, before.create_revision if before else revision, revision)
        elif rows.pop(key, None):
            revision += 1
    heads = {key: Head(row.revision, row.create_revision) for key, row in old.items()}
    changes = missed(heads, rows.values(), revision)
    assert [change.revision for change in changes] == sorted(change.revision for change in changes)
    replayed = dict(old)
    for change in changes:
        apply(replayed, change)
    assert replayed == rows
    feed = Feed(Keyspace(), 0, heads)
    feed.reset(Page(tuple(rows.values()), revision))
    assert missed(feed.heads, rows.values(), revision) == []


def apply(rows: dict[str, Row], change: Change) -> None:
    if change.value is None:
        assert rows.pop(change.key).create_revision == change.create_revision
        return
    before = rows.get(change.key)
    assert (before.create_revision if before else change.create_revision) == change.create_revision
    rows[change.key] = Row(change.key, change.value, change.create_revision, change.revision)
