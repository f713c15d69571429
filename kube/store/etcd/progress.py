"""The revision that every watch in this process has seen, and those who wait for a later one."""

import asyncio
from heapq import heappop, heappush


class Progress:
    """Only grows."""

    def __init__(self, revision: int) -> None:
        self.revision = revision
        self._waiting: list[tuple[int, int, asyncio.Future[None]]] = []
        self._count = 0

    def advance(self, revision: int) -> None:
        self.revision = max(self.revision, revision)
        while self._waiting and self._waiting[0][0] <= self.revision:
            waiter = heappop(self._waiting)[2]
            if not waiter.done():
                waiter.set_result(None)

    async def reach(self, revision: int, timeout_s: float) -> bool:
        """True once the revision is here, False when it does not come in time."""
        if self.revision >= revision:
            return True
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._count += 1
        heappush(self._waiting, (revision, self._count, waiter))
        try:
            async with asyncio.timeout(timeout_s):
                await waiter
        except TimeoutError:
            return False
        return True
