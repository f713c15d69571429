"""client-go's work queue: a key is worked on once at a time, and once more if it changed meanwhile."""

import asyncio
from collections import deque
from typing import Generic, TypeVar

K = TypeVar("K")


class WorkQueue(Generic[K]):
    """`get` a key, work, then `done`; a key added while it is worked on comes again after `done`."""

    def __init__(self, *, first_delay_s: float = 0.005, max_delay_s: float = 1000.0) -> None:
        self._first_delay_s = first_delay_s
        self._max_delay_s = max_delay_s
        self._ready: deque[K] = deque()
        self._dirty: set[K] = set()
        self._working: set[K] = set()
        self._failure_counts: dict[K, int] = {}
        self._timers: dict[K, asyncio.TimerHandle] = {}
        self._wakeup = asyncio.Event()

    def __len__(self) -> int:
        return len(self._ready)

    def add(self, key: K) -> None:
        """Work on the key as soon as possible; adding twice before it is taken is adding once."""
        if key in self._dirty:
            return
        self._dirty.add(key)
        if key not in self._working:
            self._ready.append(key)
            self._wakeup.set()

    def add_after(self, key: K, delay_s: float) -> None:
        """Add later; an earlier time that is already set stays."""
        if delay_s <= 0:
            self.add(key)
            return
        loop = asyncio.get_running_loop()
        timer = self._timers.get(key)
        if timer is not None:
            if timer.when() <= loop.time() + delay_s:
                return
            timer.cancel()
        self._timers[key] = loop.call_later(delay_s, self._fire, key)

    def add_rate_limited(self, key: K) -> None:
        """After a failure: 5 ms, then twice as long each time."""
        count = self._failure_counts.get(key, 0)
        self._failure_counts[key] = count + 1
        self.add_after(key, min(self._first_delay_s * 2.0 ** min(count, 40), self._max_delay_s))

    def forget(self, key: K) -> None:
        """After a success: the next failure waits shortly again."""
        self._failure_counts.pop(key, None)

    def failure_count(self, key: K) -> int:
        return self._failure_counts.get(key, 0)

    async def get(self) -> K:
        while not self._ready:
            self._wakeup.clear()
            await self._wakeup.wait()
        key = self._ready.popleft()
        self._dirty.discard(key)
        self._working.add(key)
        return key

    def done(self, key: K) -> None:
        self._working.discard(key)
        if key in self._dirty:
            self._ready.append(key)
            self._wakeup.set()

    def _fire(self, key: K) -> None:
        self._timers.pop(key, None)
        self.add(key)
