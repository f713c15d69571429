"""What a controller sees of one kind: the watch, with its own writes already in it, and indexes.

A controller that has just created a pod must not create it again because the watch is late. So each reply of a write
is put in here at once; an older version that the watch brings later is ignored. This replaces expectations.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Iterable, Mapping
from types import MappingProxyType
from typing import Generic, TypeVar

from kube.objects import NamespacedName, Object, key_of

T = TypeVar("T", bound=Object)
OnChange = Callable[[NamespacedName, T | None, T | None], None]
IndexBy = Callable[[T], Iterable[Hashable]]


def _revision(obj: Object) -> int:
    return int(obj.metadata.resource_version or 0)


class _Index(Generic[T]):
    def __init__(self, by: IndexBy[T]) -> None:
        self._by = by
        self._keys: dict[Hashable, dict[NamespacedName, None]] = {}  # a dict, to keep the order of arrival

    def change(self, key: NamespacedName, old: T | None, new: T | None) -> None:
        before = set(self._by(old)) if old is not None else set()
        after = set(self._by(new)) if new is not None else set()
        if before == after:
            return
        for value in before - after:
            keys = self._keys[value]
            del keys[key]
            if not keys:
                del self._keys[value]
        for value in after - before:
            self._keys.setdefault(value, {})[key] = None

    def keys(self, value: Hashable) -> Collection[NamespacedName]:
        return self._keys.get(value, ())


class Mirror(Generic[T]):
    """`on_watch` takes what the informer reports; `made`, `changed` and `gone` what our own requests were answered."""

    def __init__(self, cls: type[T]) -> None:
        self.cls = cls
        self._objects: dict[NamespacedName, T] = {}
        self._indexes: dict[str, _Index[T]] = {}
        self._subscribers: list[OnChange[T]] = []
        self._ended: set[str] = set()  # uids that we know are deleted while the watch does not
        self._unconfirmed: dict[NamespacedName, float] = {}

    @property
    def objects(self) -> Mapping[NamespacedName, T]:
        return MappingProxyType(self._objects)

    def get(self, namespace: str, name: str) -> T | None:
        return self._objects.get(NamespacedName(namespace, name))

    def add_index(self, name: str, by: IndexBy[T]) -> None:
        """Idempotent: the first definition of a name stays."""
        if name in self._indexes:
            return
        index = self._indexes[name] = _Index(by)
        for key, obj in self._objects.items():
            index.change(key, None, obj)

    def by(self, index: str, value: Hashable) -> list[T]:
        return [self._objects[key] for key in self._indexes[index].keys(value)]

    def count(self, index: str, value: Hashable) -> int:
        return len(self._indexes[index].keys(value))

    def subscribe(self, on_change: OnChange[T]) -> None:
        """Called for every change, ours and others', once."""
        self._subscribers.append(on_change)
        for key, obj in list(self._objects.items()):
            on_change(key, None, obj)

    def on_watch(self, key: NamespacedName, old: T | None, new: T | None) -> None:
        self._unconfirmed.pop(key, None)
        known = self._objects.get(key)
        if new is None:
            if old is not None:
                self._ended.discard(old.metadata.uid)
            if known is not None and old is not None and known.metadata.uid == old.metadata.uid:
                self._set(key, None)
            return
        if old is not None and old.metadata.uid != new.metadata.uid:
            self._ended.discard(old.metadata.uid)  # deleted and made again between two looks
        if new.metadata.uid in self._ended:
            return
        if known is None or _revision(new) > _revision(known):
            self._set(key, new)

    def made(self, obj: T, now: float) -> None:
        """The API's answer to our create, or to a look for what the watch has not shown yet."""
        key = key_of(obj)
        known = self._objects.get(key)
        if obj.metadata.uid in self._ended or (known is not None and _revision(known) >= _revision(obj)):
            return
        if known is None:
            self._unconfirmed[key] = now
        self._set(key, obj)

    def changed(self, obj: T) -> None:
        """The API's answer to our patch or graceful delete. What the watch has seen the end of stays ended: taking the last
        finalizer off is answered with the object, and deletes it.
        """
        key = key_of(obj)
        known = self._objects.get(key)
        if known is not None and known.metadata.uid == obj.metadata.uid and _revision(known) < _revision(obj):
            self._set(key, obj)

    def gone(self, key: NamespacedName, uid: str) -> None:
        """The API said that the object is deleted, or that it does not exist."""
        known = self._objects.get(key)
        if known is not None and known.metadata.uid == uid:
            if self._unconfirmed.pop(key, None) is None:
                self._ended.add(uid)
            self._set(key, None)

    def drop_unconfirmed(self, watched: Mapping[NamespacedName, T], before: float) -> None:
        """Forget what we created before that loop time and the watch never showed: it came and went while the watch
        was broken.
        """
        for key, at in list(self._unconfirmed.items()):
            if at < before:
                del self._unconfirmed[key]
                if key not in watched:
                    self._set(key, None)

    def _set(self, key: NamespacedName, new: T | None) -> None:
        old = self._objects.get(key)
        if new is None:
            if old is None:
                return
            del self._objects[key]
        else:
            self._objects[key] = new
        for index in self._indexes.values():
            index.change(key, old, new)
        for on_change in self._subscribers:
            on_change(key, old, new)
