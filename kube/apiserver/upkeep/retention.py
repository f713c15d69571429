"""What the server does by itself, now and then: compaction, and the end of old Events."""

import asyncio
import logging
from collections import OrderedDict

from kube.apiserver.state import Api
from kube.store import Conflict, Delete, StoreError
from kube.store.cache import PREFIX
from kube.store.watchers import Event

_log = logging.getLogger(__name__)
EVENTS_LAST_S = 3600.0  # --event-ttl of kube-apiserver
_EVENTS = "events"
_EXPIRY_PERIOD_S = 30.0


async def compact(api: Api, interval_s: float) -> None:
    """Forget history that is older than one to two intervals, for ever."""
    revision = api.store.revision
    while True:
        await asyncio.sleep(interval_s)
        try:
            await api.store.compact(revision)
        except StoreError as error:
            _log.error("compaction failed, again in %.0f s: %s", interval_s, error)
        api.cache.forget_past()
        revision = api.store.revision


async def forget(api: Api, interval_s: float) -> None:
    """For stores that compact themselves: only the snapshots of abandoned lists go, for ever."""
    while True:
        await asyncio.sleep(interval_s)
        api.cache.forget_past()


class EventExpiry:
    """Events are removed an hour after they were last written (after a restart: after that)."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self._written_at: OrderedDict[str, float] = OrderedDict()  # oldest first
        now = api.clock()
        for key in api.cache.collection(_EVENTS).keys:
            self._written_at[key] = now
        api.cache.listen(self._on_event)

    def _on_event(self, resource: str, event: Event) -> None:
        if resource != _EVENTS:
            return
        if event.new is None:
            assert event.old is not None
            self._written_at.pop(event.old.key, None)
        else:
            self._written_at[event.new.key] = self._api.clock()
            self._written_at.move_to_end(event.new.key)

    def expired(self, now: float) -> list[str]:
        """Keys of Events to remove."""
        old = []
        for key, written_at in self._written_at.items():
            if written_at + EVENTS_LAST_S > now:
                break
            old.append(key)
        return old

    async def run(self) -> None:
        """For ever."""
        while True:
            await asyncio.sleep(_EXPIRY_PERIOD_S)
            await self.sweep(self._api.clock())

    async def sweep(self, now: float) -> None:
        for key in self.expired(now):
            entry = self._api.cache.collection(_EVENTS).entries.get(key)
            if entry is None:
                self._written_at.pop(key, None)
                continue
            try:
                await self._api.store.txn([Delete(f"{PREFIX}{_EVENTS}/{key}", entry.revision)])
            except Conflict:
                continue
            except StoreError as error:
                _log.error("old events cannot be removed: %s", error)
                return
