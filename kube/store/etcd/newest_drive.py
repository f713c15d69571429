"""The newest revision of all servers, asked for many readers at once."""

import asyncio

from kube.store.etcd.cluster_drive import Cluster
from kube.store.etcd.watch_drive import newest_revision


class Newest:
    """Readers that come while a question is under way share the next one: it has to begin after they came."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._waiting: list[asyncio.Future[int]] = []
        self._asking: asyncio.Task[None] | None = None

    async def revision(self) -> int:
        """Raises Unavailable."""
        waiter: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._waiting.append(waiter)
        if self._asking is None or self._asking.done():
            self._asking = asyncio.create_task(self._ask(), name="etcd-newest")
        return await waiter

    async def _ask(self) -> None:
        while self._waiting:
            asked, self._waiting = self._waiting, []
            try:
                revision = await newest_revision(self._cluster)
            except Exception as error:
                _fail(asked, error)
            except asyncio.CancelledError:
                _fail([*asked, *self._waiting], ConnectionAbortedError("the store is closed"))
                raise
            else:
                for waiter in asked:
                    if not waiter.done():
                        waiter.set_result(revision)

    def close(self) -> None:
        if self._asking is not None:
            self._asking.cancel()


def _fail(waiters: list[asyncio.Future[int]], error: Exception) -> None:
    for waiter in waiters:
        if not waiter.done():
            waiter.set_exception(error)
