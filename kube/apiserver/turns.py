"""Writes that would only get in each other's way go one after the other."""

import asyncio


class Turns:
    """A lock for each thing there is one of, by its name; for one event loop."""

    def __init__(self) -> None:
        self._locks: dict[str, asyncio.Lock] = {}

    def of(self, name: str) -> asyncio.Lock:
        return self._locks.setdefault(name, asyncio.Lock())
