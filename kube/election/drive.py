"""Takes and keeps the Lease, and runs the work while it is held."""

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable, Coroutine
from random import Random
from typing import Any

from kube.client import AlreadyExists, ApiError, Client, Conflict, NotFound
from kube.election.plan import Observed, Terms, leads, observe, released, wanted
from kube.objects import Lease, ObjectMeta

_log = logging.getLogger(__name__)
Work = Callable[[], Coroutine[Any, Any, None]]
JITTER = 1.2  # client-go's: candidates look again after one to 2.2 retry periods


class Elector:
    """Candidate `identity` for the Lease kube-system/NAME."""

    def __init__(
        self,
        client: Client,
        name: str,
        identity: str,
        *,
        terms: Terms | None = None,
        namespace: str = "kube-system",
        rng: Random | None = None,
        wall_clock: Callable[[], float] = time.time,
    ) -> None:
        self._client = client
        self._place = ObjectMeta(name=name, namespace=namespace)
        self._identity = identity
        self._terms = terms or Terms()
        self._rng = rng or Random()
        self._wall_clock = wall_clock
        self._observed: Observed | None = None
        self._renewed_at_s: float | None = None  # None: another leads, as far as is known

    @property
    def name(self) -> str:
        """Of the Lease."""
        return self._place.name

    @property
    def is_leader(self) -> bool:
        return self._renewed_at_s is not None

    def overdue_s(self) -> float:
        """How long the Lease has been over while the work goes on; 0.0 where it has not."""
        if self._renewed_at_s is None:
            return 0.0
        return max(0.0, self._now_s() - self._renewed_at_s - self._terms.lease_s)

    async def run(self, work: Work) -> None:
        """Work whenever this candidate leads; ends when the work does. Gives the Lease back on the way out.

        Once cancelled, the work has to end within the lease's duration less the renew deadline (5 s): another
        begins then.
        """
        while True:
            asked_at_s = await self._acquire()
            self._renewed_at_s = asked_at_s
            _log.info("%s leads as %s", self._identity, self._place.name)
            task = asyncio.ensure_future(work())
            keeping = asyncio.ensure_future(self._keep(asked_at_s))
            try:
                await asyncio.wait((task, keeping), return_when=asyncio.FIRST_COMPLETED)
                if task.done():
                    task.result()
                    return
                why = keeping.exception()
                _log.error("%s lost the lease %s and stops", self._identity, self._place.name, exc_info=why)
            finally:
                await _end(task)  # the Lease is kept until the work is over
                lost = keeping.done()
                await _end(keeping)
                self._renewed_at_s = None
                if not lost:
                    await self._release()

    async def _acquire(self) -> float:
        """When (loop's seconds) the request that got the Lease was begun."""
        while True:
            asked_at_s = self._now_s()
            try:
                async with asyncio.timeout(self._terms.renew_deadline_s / 2):
                    if await self._try():
                        return asked_at_s
            except (ApiError, TimeoutError) as error:
                _log.warning("lease %s: %s", self._place.name, _reason(error))
            await asyncio.sleep(self._terms.retry_s * (1 + self._rng.random() * JITTER))

    async def _keep(self, renewed_at_s: float) -> None:
        """Returns when the lease could not be renewed in time, or is another's.

        The time of a renewal is that of asking: whoever waits for the Lease counts from the write, which may come
        before the reply by any time.
        """
        while True:
            over_at_s = renewed_at_s + self._terms.renew_deadline_s
            await asyncio.sleep(min(self._terms.retry_s, max(over_at_s - self._now_s(), 0)))
            asked_at_s = self._now_s()
            if asked_at_s >= over_at_s:
                return
            try:
                # half of it, so that a request nobody answers leaves time for another
                async with asyncio.timeout(min(over_at_s - asked_at_s, self._terms.renew_deadline_s / 2)):
                    if await self._try():
                        self._renewed_at_s = renewed_at_s = asked_at_s
                        continue
            except (ApiError, TimeoutError) as error:
                _log.warning("lease %s: %s", self._place.name, _reason(error))
                continue
            if self._observed is not None and not leads(self._observed, self._identity):
                return

    async def _try(self) -> bool:
        """One attempt to take or renew, False when another has the Lease or was faster; raises ApiError."""
        if self._observed is not None and leads(self._observed, self._identity):
            with contextlib.suppress(Conflict, NotFound):
                return await self._write(self._observed)
        self._observed = observe(self._observed, await self._read(), self._now_s())
        try:
            return await self._write(self._observed)
        except (AlreadyExists, Conflict, NotFound):
            return False

    async def _write(self, observed: Observed) -> bool:
        lease = wanted(observed, self._place, self._identity, self._now_s(), self._now(), self._terms)
        if lease is None:
            return False
        write = self._client.create if observed.lease is None else self._client.replace
        self._observed = Observed(await write(lease), self._now_s())
        return True

    async def _read(self) -> Lease | None:
        try:
            return await self._client.get(Lease, self._place.name, self._place.namespace)
        except NotFound:
            return None

    async def _release(self) -> None:
        if self._observed is None or not leads(self._observed, self._identity):
            return
        assert self._observed.lease is not None
        with contextlib.suppress(ApiError, TimeoutError):
            async with asyncio.timeout(1.0):
                await self._client.replace(released(self._observed.lease, self._now()))
        self._observed = None

    def _now_s(self) -> float:
        return asyncio.get_running_loop().time()

    def _now(self) -> str:
        seconds = self._wall_clock()
        text = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds))
        return f"{text}.{int(seconds % 1 * 1e6):06d}Z"


async def _end(task: "asyncio.Future[None]") -> None:
    """Cancel and wait; its outcome stays in it."""
    task.cancel()
    await asyncio.wait((task,))
    if not task.cancelled():
        task.exception()  # of two that failed one is told, the other shall not be called forgotten


def _reason(error: BaseException) -> str:
    return "no answer in time" if isinstance(error, TimeoutError) else str(error) or type(error).__name__
