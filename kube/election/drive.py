"""Takes and keeps the Lease, and runs the work while it is held."""

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable, Coroutine
from random import Random
from typing import Any

from kube.client import ApiError, Client, NotFound
from kube.election.plan import Observed, Terms, leads, observe, released, wanted
from kube.objects import Lease, ObjectMeta

_log = logging.getLogger(__name__)
Work = Callable[[], Coroutine[Any, Any, None]]


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

    async def run(self, work: Work) -> None:
        """Work whenever this candidate leads; ends when the work does. Gives the Lease back on the way out."""
        while True:
            await self._acquire()
            _log.info("%s leads as %s", self._identity, self._place.name)
            task = asyncio.ensure_future(work())
            keeping = asyncio.ensure_future(self._keep())
            try:
                await asyncio.wait((task, keeping), return_when=asyncio.FIRST_COMPLETED)
                if task.done():
                    task.result()
                    return
                _log.error("%s lost the lease %s and stops", self._identity, self._place.name)
            finally:
                for each in (task, keeping):
                    each.cancel()
                await asyncio.gather(task, keeping, return_exceptions=True)
                await self._release()

    async def _acquire(self) -> None:
        while True:
            if await self._try():
                return
            await asyncio.sleep(self._terms.retry_s * self._rng.uniform(1.0, 1.2))

    async def _keep(self) -> None:
        """Returns when the lease could not be renewed in time."""
        renewed_at_s = self._now_s()
        while self._now_s() - renewed_at_s < self._terms.renew_deadline_s:
            await asyncio.sleep(self._terms.retry_s)
            if await self._try():
                renewed_at_s = self._now_s()
            elif self._observed is not None and not leads(self._observed, self._identity):
                return

    async def _try(self) -> bool:
        """One attempt to take or renew."""
        try:
            async with asyncio.timeout(self._terms.renew_deadline_s):
                self._observed = observe(self._observed, await self._read(), self._now_s())
                lease = wanted(
                    self._observed, self._place, self._identity, self._now_s(), self._now(), self._terms
                )
                if lease is None:
                    return False
                write = self._client.create if self._observed.lease is None else self._client.replace
                self._observed = Observed(await write(lease), self._now_s())
                return True
        except (ApiError, TimeoutError) as error:
            _log.debug("lease %s: %s", self._place.name, error)
            return False

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
