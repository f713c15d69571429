"""A mirror shows our own writes at once and never goes back."""

from __future__ import annotations

from typing import Any

from kube.controllers.mirror import Mirror
from kube.objects import NamespacedName, Pod, key_of
from tests.unit.kube.controllers.builders import make

KEY = NamespacedName("ns", "p")


def version(revision: int, uid: str = "u", **meta: Any) -> Pod:
    return make(Pod, "p", meta={"uid": uid, "resourceVersion": str(revision), **meta})


class Log:
    """What a subscriber heard, as revisions."""

    def __init__(self, mirror: Mirror[Pod]) -> None:
        self.heard: list[tuple[str | None, str | None]] = []
        mirror.subscribe(self._on_change)

    def _on_change(self, key: NamespacedName, old: Pod | None, new: Pod | None) -> None:
        self.heard.append(
            (
                old.metadata.resource_version if old else None,
                new.metadata.resource_version if new else None,
            )
        )


def test_a_write_is_seen_before_the_watch_and_told_once() -> None:
    mirror = Mirror(Pod)
    log = Log(mirror)
    mirror.made(version(5), 0)
    mirror.on_watch(KEY, None, version(5))
    assert log.heard == [(None, "5")]


def test_an_older_version_from_the_watch_is_ignored() -> None:
    mirror = Mirror(Pod)
    mirror.on_watch(KEY, None, version(5))
    mirror.changed(version(9))
    mirror.on_watch(KEY, version(5), version(7))
    assert mirror.objects[KEY].metadata.resource_version == "9"


def test_what_we_deleted_does_not_come_back_with_a_late_change() -> None:
    mirror = Mirror(Pod)
    mirror.on_watch(KEY, None, version(5))
    mirror.gone(KEY, "u")
    mirror.on_watch(KEY, version(5), version(6))
    assert KEY not in mirror.objects
    mirror.on_watch(KEY, version(6), None)
    mirror.on_watch(KEY, None, version(8, uid="successor"))
    assert KEY in mirror.objects


def test_a_change_that_ended_an_object_does_not_bring_it_back() -> None:
    """The answer to taking the last finalizer off comes after the watch has told of the end."""
    mirror = Mirror(Pod)
    mirror.on_watch(KEY, None, version(5))
    mirror.on_watch(KEY, version(5), None)
    mirror.changed(version(6))
    assert KEY not in mirror.objects
    mirror.on_watch(KEY, None, version(8, uid="successor"))
    mirror.changed(version(9))
    assert mirror.objects[KEY].metadata.uid == "successor"


def test_the_end_of_a_predecessor_does_not_remove_the_successor() -> None:
    mirror = Mirror(Pod)
    mirror.on_watch(KEY, None, version(5))
    mirror.gone(KEY, "u")
    mirror.made(version(9, uid="successor"), 0)
    mirror.on_watch(KEY, version(5), None)
    assert mirror.objects[KEY].metadata.uid == "successor"


def test_what_the_watch_never_shows_is_forgotten() -> None:
    mirror = Mirror(Pod)
    mirror.made(version(5), 10)
    mirror.drop_unconfirmed({}, 5)
    assert KEY in mirror.objects
    mirror.drop_unconfirmed({}, 11)
    assert KEY not in mirror.objects


def test_an_index_follows_changes() -> None:
    mirror = Mirror(Pod)
    mirror.add_index("label", lambda pod: pod.metadata.labels.items())
    mirror.on_watch(KEY, None, version(1, labels={"a": "1"}))
    mirror.on_watch(KEY, version(1, labels={"a": "1"}), version(2, labels={"a": "2"}))
    assert mirror.by("label", ("a", "1")) == []
    assert [key_of(one) for one in mirror.by("label", ("a", "2"))] == [KEY]
    mirror.on_watch(KEY, version(2), None)
    assert mirror.by("label", ("a", "2")) == []
