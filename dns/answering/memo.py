"""Answers kept ready by the bytes of their question (all but the ID), dropped when what they rest on changes."""

from __future__ import annotations

import ctypes
from collections.abc import Iterable
from threading import Lock

import msgspec

from dns.handlers.request import Lifetime, Observer

MAX_ENTRIES = 100_000
MAX_BYTES = 32 << 20
# An entry's own objects, its places in the tables, the key (measured: 100,000 entries).
ENTRY_BYTES = 700
# A full memory takes nothing new for this long, then it begins anew: names asked in turn, more than there is room for,
# would otherwise push out each other before they are asked again.
FULL_FOR_S = 10
# Counted as the time of an answer from memory: a fair guess, far below the smallest bucket of the histograms.
REPEAT_S = 20e-6


class Entry(msgspec.Struct, gc=False):
    """An answer in each of its orders. `addresses` point behind the ID of the bytes in `variants`.

    A struct that the garbage collector does not walk: 100,000 of these would make each collection a pause.
    """

    variants: tuple[bytes, ...]
    keys: tuple[str, ...]
    observers: tuple[Observer, ...]
    single: bool
    address: int
    length: int
    addresses: tuple[int, ...] = ()
    lengths: tuple[int, ...] = ()
    hits: int = 1  # the question it was made for

    @property
    def size_bytes(self) -> int:
        """What it takes of memory, about."""
        return ENTRY_BYTES + sum(len(one) for one in self.variants)

    def settle(self) -> None:
        """Report the hits so far."""
        hits, self.hits = self.hits, 0
        if hits:
            for observer in self.observers:
                observer(hits, self.length + 2, REPEAT_S)


def entry_of(variants: tuple[bytes, ...], keys: tuple[str, ...], observers: tuple[Observer, ...]) -> Entry:
    """Ready to be sent."""
    first = variants[0]
    if len(variants) == 1:
        return Entry(variants, keys, observers, True, address_of(first) + 2, len(first) - 2)
    addresses = tuple(address_of(one) + 2 for one in variants)
    lengths = tuple(len(one) - 2 for one in variants)
    return Entry(variants, keys, observers, False, addresses[0], lengths[0], addresses, lengths)


def _asked_address(data: bytes) -> int:
    return ctypes.cast(ctypes.c_char_p(data), ctypes.c_void_p).value or 0


# In CPython a bytes object's content lies at a fixed distance from the object; if ever not, it is asked for each time.
_HEADER_BYTES = bytes.__basicsize__ - 1


def _known_address(data: bytes) -> int:
    return id(data) + _HEADER_BYTES


_PROBE = b"where the bytes are"
# The memory address of the bytes; valid while the object lives.
address_of = _known_address if _known_address(_PROBE) == _asked_address(_PROBE) else _asked_address


class Memo:
    """Read without a lock by one thread (`lasting.get`, `passing.get`), changed under the lock by any."""

    def __init__(self, *, max_entries: int = MAX_ENTRIES, max_bytes: int = MAX_BYTES) -> None:
        self.lasting: dict[bytes, Entry] = {}
        self.passing: dict[bytes, Entry] = {}  # good for one second
        self.version = 0
        self._second = 0
        self._began_at_s = -FULL_FOR_S
        self.is_full = False  # as far as known: something may have become free within this second
        # By key: the one question that rests on it, or a set of several; most have one.
        self._dependents: dict[str, bytes | set[bytes]] = {}
        self._size_bytes = 0
        self._max_entries = max_entries
        self.max_bytes = max_bytes
        self._lock = Lock()

    @property
    def is_roomy(self) -> bool:
        """Whether there is room for what could be made again at little cost: half is left to the rest."""
        return self._size_bytes * 2 < self.max_bytes and not self.is_full

    def put(
        self,
        question: bytes,
        variants: tuple[bytes, ...],
        lifetime: Lifetime,
        observers: tuple[Observer, ...],
        version: int,
    ) -> bool:
        """Keep an answer that was made when `version` was current; not when something changed since.

        What is kept counts its first question itself.
        """
        entry = entry_of(variants, lifetime.keys, observers)
        with self._lock:
            if version != self.version or question in self.lasting:
                return False
            size_bytes = len(question) + entry.size_bytes
            if len(self.lasting) >= self._max_entries or self._size_bytes + size_bytes > self.max_bytes:
                if self._second - self._began_at_s < FULL_FOR_S:
                    self.is_full = True
                    return False
                self._clear()
            self._size_bytes += size_bytes
            if lifetime.volatile:
                self.passing[question] = entry
                return True
            self.lasting[question] = entry
            dependents = self._dependents
            for key in lifetime.keys:
                held = dependents.get(key)
                if held is None:
                    dependents[key] = question
                elif isinstance(held, bytes):
                    dependents[key] = {held, question}
                else:
                    held.add(question)
        return True

    def invalidate(self, keys: Iterable[str]) -> None:
        """Forget all answers that rest on one of the keys."""
        with self._lock:
            self.version += 1
            for key in keys:
                held = self._dependents.pop(key, ())
                for question in (held,) if isinstance(held, bytes) else tuple(held):
                    entry = self.lasting.pop(question, None)
                    if entry is not None:
                        self._forget(question, entry)
            if self.passing:
                self._end_second()

    def _forget(self, question: bytes, entry: Entry) -> None:
        """What is gone leaves no trace under its other keys: they may never change."""
        self._size_bytes -= len(question) + entry.size_bytes
        for key in entry.keys:
            held = self._dependents.get(key)
            if isinstance(held, set):
                held.discard(question)
            if held == question or not held:
                self._dependents.pop(key, None)
        entry.settle()

    def tick(self, second: int) -> None:
        """Drop answers of former seconds."""
        if second != self._second:
            with self._lock:
                self._second = second
                self.is_full = False
                self._end_second()

    def _end_second(self) -> None:
        old, self.passing = self.passing, {}
        for question, entry in old.items():
            self._size_bytes -= len(question) + entry.size_bytes
            entry.settle()

    def clear(self) -> None:
        with self._lock:
            self.version += 1
            self._clear()

    def _clear(self) -> None:
        for entry in (*self.lasting.values(), *self.passing.values()):
            entry.settle()
        self.lasting.clear()
        self.passing.clear()
        self._dependents.clear()
        self._size_bytes = 0
        self.is_full = False
        self._began_at_s = self._second

    def settle(self) -> None:
        """Report all hits, before metrics are read."""
        with self._lock:
            for entry in (*self.lasting.values(), *self.passing.values()):
                if entry.hits:
                    entry.settle()
